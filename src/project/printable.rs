//! Texts of others, made safe to be shown.

/// A text in which nothing hides: what a terminal obeys, or shows in another order than it stands,
/// is written out.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() || hides(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// The same on one line: ends of lines and tabs are written out too.
pub fn one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() || hides(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        out
    })
}

/// Marks of direction, and characters without width.
fn hides(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_what_is_shown() {
        assert_eq!(printable("a\u{1b}[2Kb\r\n"), "a\\u{1b}[2Kb\\u{d}\n");
        assert_eq!(printable("x\u{202e}y\u{200b}"), "x\\u{202e}y\\u{200b}");
        assert_eq!(printable("grün\tß"), "grün\tß");
        assert_eq!(one_line("a\n\u{1b}[2J\tß\u{202e}"), "a\\n\\u{1b}[2J\\tß\\u{202e}");
    }
}
