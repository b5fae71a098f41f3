//! Why the repository could not do what was asked.

use std::path::Path;

/// What went wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Trouble {
    /// What and why: lower case, no final period, names in backticks.
    pub what: String,
    /// What to do about it, one line each.
    pub hints: Vec<String>,
}

impl Trouble {
    /// With nothing more to say.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hints: Vec::new() }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// A file or folder could not be used.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("`{}` cannot be used: {error}", path.display()))
    }
}

impl From<git2::Error> for Trouble {
    fn from(error: git2::Error) -> Self {
        let trouble = Self::new(format!("git repository: {}", error.message()));
        match error.code() {
            git2::ErrorCode::Owner => trouble.hint(
                "the folder belongs to another user; if you trust it: `git config --global --add safe.directory DIR`",
            ),
            git2::ErrorCode::Locked => {
                trouble.hint("another git command is at work in this repository: try again when it is done")
            }
            _ => trouble,
        }
    }
}
