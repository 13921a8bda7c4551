//! Rows for people: columns under each other, nothing that moves a terminal.

use crate::audit::is_invisible;

/// No cell is wider; `--json` has the whole text.
const WIDEST: usize = 44;

/// The rows under their headings, each line with its end.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> =
        std::iter::once(headings.map(str::to_owned)).chain(rows.iter().map(|row| row.each_ref().map(|text| cell(text)))).collect();
    let mut widths = [0_usize; N];
    for row in &rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let padded: Vec<String> = row.iter().zip(widths).map(|(text, width)| format!("{text:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn cell(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let visible: String = text.chars().map(|character| if is_invisible(character) { '\u{fffd}' } else { character }).collect();
    if visible.chars().count() <= WIDEST { visible } else { visible.chars().take(WIDEST - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_stand_under_each_other_and_names_do_nothing() {
        let rows = [["a\u{1b}[2J".to_owned(), String::new()], ["long name".to_owned(), "x".repeat(50)]];
        let expected = format!("NAME       WHAT\na\u{fffd}[2J      -\nlong name  {}…\n", "x".repeat(43));
        assert_eq!(table(["NAME", "WHAT"], &rows), expected);
    }
}
