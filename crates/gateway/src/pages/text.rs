//! Text from outside, made safe to look at. Escaping is the templates' part; this removes what deceives the eye.

/// `value` cut to `limit` characters, with control, format and direction-changing characters replaced: a name with a
/// right-to-left override or with terminal sequences must not change what the rest of the page says.
pub fn shown(value: &str, limit: usize) -> String {
    let mut out: String = value.chars().take(limit).map(|character| if deceives(character) { '\u{fffd}' } else { character }).collect();
    if value.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

/// Control characters, bidirectional controls, zero-width and other invisible characters, private and tag characters.
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}
