//! Where something stands in a file, and what there is to say about it.

use std::fmt;
use std::path::PathBuf;

/// A place in a file of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The file, relative to the project (or `<catalogue>/...` for the built-in products).
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The mesh cannot be brought up like this.
    Error,
    /// It can, but it may not be what was meant.
    Warning,
}

/// One thing found wrong with a project: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Where, if it stands in a file.
    pub at: Option<Position>,
    /// How bad.
    pub severity: Severity,
    /// What and why: lower case, no final period, names in backticks.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
