//! Where something stands in a file, and what there is to say about it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::code::Code;
pub use super::printable::one_line;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Mark {
    /// The start of a text.
    pub const START: Self = Self { line: 1, column: 1 };

    /// A place; numbers that no file of ours reaches become the largest there is.
    pub fn new(line: usize, column: usize) -> Self {
        let narrow = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: narrow(line), column: narrow(column) }
    }
}

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

impl Position {
    /// A place in a file.
    pub fn new(file: impl AsRef<Path>, at: Mark) -> Self {
        Self { file: file.as_ref().to_owned(), line: at.line, column: at.column }
    }
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
    /// What kind of mistake it is.
    pub code: Code,
    /// The line that it is about.
    pub excerpt: Option<String>,
    /// The line may hold a secret, so that no more of it is shown than the key.
    pub conceals: bool,
}

impl Diagnostic {
    /// Something that keeps the mesh from being brought up.
    pub fn error(at: Position, message: impl Into<String>) -> Self {
        Self { at: Some(at), ..Self::nowhere(message) }
    }

    /// A mistake that stands in no file.
    pub fn nowhere(message: impl Into<String>) -> Self {
        Self {
            at: None,
            severity: Severity::Error,
            message: message.into(),
            hint: None,
            code: Code::default(),
            excerpt: None,
            conceals: false,
        }
    }

    /// Something that may not be as meant.
    pub fn warning(at: Position, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(at, message) }
    }

    /// Says what kind of mistake it is.
    #[must_use]
    pub fn coded(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Says that its line may hold a secret.
    #[must_use]
    pub fn concealing(mut self) -> Self {
        self.conceals = true;
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to do about it, if there is something to say.
    #[must_use]
    pub fn with_hint_if(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// It keeps the mesh from being brought up.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
