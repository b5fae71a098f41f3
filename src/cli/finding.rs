//! A finding as text: where, what, the line with a caret, what to do.

use dialoguer::console::measure_text_width;

use crate::project::position::{Diagnostic, Position, Severity, one_line};

/// The most characters of a line that are shown.
const WIDEST: usize = 120;
/// How many of them stand before the caret at most.
const BEFORE: usize = 80;

/// The text of a finding; `paint` colours a part of it. Nothing in it can move the cursor: names and
/// lines may come from others.
pub(super) fn text(found: &Diagnostic, paint: impl Fn(&str, &str) -> String) -> String {
    let word = match found.severity {
        Severity::Error => paint("31", "error"),
        Severity::Warning => paint("33", "warning"),
    };
    let place = found.at.as_ref().map(|at| format!("{}: ", one_line(&at.to_string()))).unwrap_or_default();
    let code = paint("2", &format!("[{}]", found.code));
    let mut text = format!("{place}{word}: {} {code}", one_line(&found.message));
    if let (Some(at), Some(line)) = (&found.at, &found.excerpt) {
        text += &excerpt(at, line, &paint);
    }
    if let Some(hint) = &found.hint {
        text += &format!("\n  {}: {}", paint("36", "hint"), one_line(hint));
    }
    text
}

/// A line with a caret below the place.
fn excerpt(at: &Position, line: &str, paint: &impl Fn(&str, &str) -> String) -> String {
    let column = at.column as usize - 1;
    let cut = column.saturating_sub(BEFORE);
    let shown: String = line.chars().skip(cut).take(WIDEST).collect();
    let (start, end) = (if cut > 0 { "…" } else { "" }, if line.chars().count() > cut + WIDEST { "…" } else { "" });
    let shown = format!("{start}{}", plain(&shown));
    let before: String = line.chars().skip(cut).take(column - cut).collect();
    let width = measure_text_width(start) + measure_text_width(&plain(&before));
    let number = at.line.to_string();
    let bar = paint("34", "|");
    format!(
        "\n  {} {bar} {shown}{end}\n  {:blank$} {bar} {:width$}{}",
        paint("34", &number),
        "",
        "",
        paint("31", "^"),
        blank = number.len()
    )
}

/// A part of a line as it is shown: a tab is one blank, so that the caret stands right.
fn plain(text: &str) -> String {
    one_line(&text.replace('\t', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::position::Mark;

    fn shown(line: &str, column: usize) -> String {
        let mut found = Diagnostic::error(Position::new("a.yaml", Mark::new(12, column)), "wrong").with_hint("do it");
        found.excerpt = Some(line.to_owned());
        text(&found, |_, text| text.to_owned())
    }

    #[test]
    fn the_caret_stands_below_the_place() {
        assert_eq!(
            shown("a: [x]", 4),
            "a.yaml:12:4: error: wrong [invalid]\n  12 | a: [x]\n     |    ^\n  hint: do it"
        );
        assert!(shown("\t日本: x", 6).contains("12 |  日本: x\n     |        ^"), "{}", shown("\t日本: x", 6));
    }

    #[test]
    fn nothing_in_a_line_moves_the_cursor() {
        let shown = shown("a: \u{1b}[2Jb", 4);
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert!(shown.contains("     |    ^"), "{shown}");
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let line = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
        let shown = shown(&line, 501);
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[2].find('^').expect("a caret");
        assert_eq!(lines[1].chars().skip(caret).take(4).collect::<String>(), "HERE");
        assert!(lines[1].chars().count() < 140 && lines[1].ends_with('…'), "{shown}");
    }
}
