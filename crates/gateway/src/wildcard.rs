//! Patterns of names, as people write them: `get_*`.

/// Whether `text` is what `pattern` means: `*` stands for any run of characters; all else for itself, whatever its case.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut remaining) = text.strip_prefix(first) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return remaining.ends_with(piece);
        }
        let Some((_, behind)) = remaining.split_once(piece) else { return false };
        remaining = behind;
    }
    true
}
