//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// A place in a file; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// One mistake in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file that holds the mistake.
    pub file: PathBuf,
    /// Where in the file, if known.
    pub at: Option<Position>,
    /// The component, such as ``sink `out` ``; none for what concerns the whole.
    pub component: Option<Box<str>>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<Box<str>>,
    /// The place drawn in the source text, several lines.
    pub snippet: Option<Box<str>>,
}

impl ConfigError {
    /// A mistake in `file`.
    pub fn new(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self { file: file.into(), at: None, component: None, message: message.into(), hint: None, snippet: None }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Box<str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with the place.
    #[must_use]
    pub fn at(mut self, at: Option<Position>) -> Self {
        self.at = at;
        self
    }

    /// The same, with the component it concerns.
    #[must_use]
    pub fn of(mut self, component: impl Into<Box<str>>) -> Self {
        self.component = Some(component.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(at) = self.at {
            write!(f, ":{}:{}", at.line, at.column)?;
        }
        f.write_str(": ")?;
        if let Some(component) = &self.component {
            write!(f, "{component}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{}", snippet.trim_end())?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The candidate that looks most like `name`, if any looks like it at all.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (name.chars().count().max(candidate.chars().count()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closest_names_what_was_probably_meant() {
        assert_eq!(closest("adress", ["mode", "address"]), Some("address"));
        assert_eq!(closest("xyz", ["mode", "address"]), None);
    }

    #[test]
    fn display_reads_like_a_compiler() {
        let error = ConfigError::new("vector/sinks/out.yaml", "unknown option `x`")
            .at(Some(Position { line: 3, column: 1 }))
            .of("sink `out`")
            .hint("did you mean `y`?");
        assert_eq!(error.to_string(), "vector/sinks/out.yaml:3:1: sink `out`: unknown option `x` (did you mean `y`?)");
    }
}
