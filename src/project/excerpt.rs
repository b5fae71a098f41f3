//! The lines that findings are about, from the texts as they were read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::position::{Diagnostic, Position};
use super::yaml;

/// The texts of a project's files.
#[derive(Debug, Clone, Default)]
pub struct Texts(BTreeMap<PathBuf, Arc<str>>);

impl Texts {
    /// Takes note of the text of a file.
    pub fn note(&mut self, file: &Path, text: &str) {
        self.0.insert(file.to_owned(), text.into());
    }

    /// Takes over the texts of other files.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Gives every finding that has none its line.
    pub fn put_into(&self, found: &mut [Diagnostic]) {
        for found in found.iter_mut().filter(|found| found.excerpt.is_none()) {
            found.excerpt = found.at.as_ref().and_then(|at| self.line(at, found.conceals));
        }
    }

    /// The line at a place; of one that may hold a secret no more than its key.
    fn line(&self, at: &Position, conceals: bool) -> Option<String> {
        let text = self.0.get(&at.file)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line = yaml::lines(text).nth(at.line.checked_sub(1)? as usize)?;
        let line = if conceals { before_value(line, at.column)? } else { line.trim_end().to_owned() };
        // A finding about a whole document stands at its beginning, which may be a remark.
        let said = line.trim();
        (!said.is_empty() && !said.starts_with('#')).then_some(line)
    }
}

/// A line up to and with the key that starts at a column, `…` in place of the rest.
fn before_value(line: &str, column: u32) -> Option<String> {
    let start = line.char_indices().nth(column.checked_sub(1)? as usize)?.0;
    // What stands before it in a map on one line may be secret as well.
    let (before, key) = (&line[..start], &line[start..]);
    let end = key.find(':')?;
    let blank = before.chars().map(|c| if c.is_whitespace() { c } else { ' ' });
    Some(format!("{}{}: …", blank.collect::<String>(), &key[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::position::Mark;

    fn excerpt(text: &str, line: usize, column: usize, conceals: bool) -> Option<String> {
        let mut texts = Texts::default();
        texts.note(Path::new("a.yaml"), text);
        let found = Diagnostic::error(Position::new("a.yaml", Mark::new(line, column)), "wrong");
        let mut found = [if conceals { found.concealing() } else { found }];
        texts.put_into(&mut found);
        found[0].excerpt.clone()
    }

    #[test]
    fn a_finding_gets_the_line_as_it_stands() {
        assert_eq!(excerpt("a: 1\r\n  b: 2  \r\n", 2, 3, false).as_deref(), Some("  b: 2"));
        assert_eq!(excerpt("\u{feff}a: 1", 1, 1, false).as_deref(), Some("a: 1"));
        assert_eq!(excerpt("a: 1\n\n", 2, 1, false), None);
        assert_eq!(excerpt("a: 1", 7, 1, false), None);
        assert_eq!(excerpt("# which box\na: 1", 1, 1, false), None);
    }

    #[test]
    fn no_secret_is_in_it() {
        assert_eq!(excerpt("s:\n  token: hunter2", 2, 3, true).as_deref(), Some("  token: …"));
        assert_eq!(excerpt("s: {pin: 1234, token: hunter2}", 1, 16, true).as_deref(), Some("               token: …"));
        assert_eq!(excerpt("  hunter2", 1, 3, true), None);
        assert_eq!(excerpt("é: x", 1, 9, true), None);
    }
}
