//! Why there is no plan, or it cannot be begun.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::journal::JournalError;
use super::lock::LockError;
use super::reconcile::Ring;
use crate::project::names;
use crate::project::position::Diagnostic;
use crate::runtime::RuntimeError;

/// What went wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Trouble {
    /// What and why.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What is wrong with the project, all at once.
    pub found: Vec<Diagnostic>,
}

impl Trouble {
    /// With nothing more to say.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, found: Vec::new() }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The state folder cannot be used.
    pub fn io(path: &Path, error: &io::Error) -> Self {
        let shown = path.display();
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                let folder = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(path).display().to_string();
                Self::new(format!("no permission to write `{shown}`")).hint(format!(
                    "`{folder}` must be yours and writable (`ls -ld` shows whose it is, `chmod u+rwx` opens it); or clone the project to where you may write"
                ))
            }
            _ => Self::new(format!("`{shown}` cannot be used: {error}"))
                .hint("check its permissions and the free disk space"),
        }
    }
}

impl From<Vec<Diagnostic>> for Trouble {
    fn from(found: Vec<Diagnostic>) -> Self {
        let mistakes = names::counted(found.len(), "mistake");
        Self { found, ..Self::new(format!("the mesh cannot be brought up like this: {mistakes}")) }
    }
}

impl From<crate::git::trouble::Trouble> for Trouble {
    fn from(trouble: crate::git::trouble::Trouble) -> Self {
        let hint = (!trouble.hints.is_empty()).then(|| trouble.hints.join("; "));
        Self { hint, ..Self::new(trouble.what) }
    }
}

impl From<RuntimeError> for Trouble {
    fn from(error: RuntimeError) -> Self {
        let RuntimeError::Failed { what, hint } = error;
        Self { hint, ..Self::new(what) }
    }
}

impl From<JournalError> for Trouble {
    fn from(error: JournalError) -> Self {
        Self::new(error.to_string()).hint(error.hint())
    }
}

impl From<LockError> for Trouble {
    fn from(error: LockError) -> Self {
        if let LockError::Io { path, source } = &error {
            return Self::io(path, source);
        }
        Self::new(error.to_string()).hint("wait until it has ended, as `--lock-timeout 5m` of `up`, `down` and `rollback` does, or end it with Ctrl-C")
    }
}

impl From<Ring> for Trouble {
    fn from(ring: Ring) -> Self {
        Self::new(ring.to_string()).hint("take out one of the plugs between them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: ErrorKind) -> (String, String) {
        let error = LockError::Io { path: "/nowhere/mesh/.resilmesh/lock".into(), source: kind.into() };
        let Trouble { what, hint, .. } = error.into();
        (what, hint.unwrap_or_default())
    }

    #[test]
    fn a_lock_that_cannot_be_written_is_not_one_that_somebody_has() {
        for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
            let (what, hint) = told(kind);
            assert_eq!(what, "no permission to write `/nowhere/mesh/.resilmesh/lock`");
            assert!(hint.starts_with("`/` must be yours and writable"), "{hint}");
        }
        assert_eq!(told(ErrorKind::StorageFull).1, "check its permissions and the free disk space");
        let held: Trouble = LockError::Held { holder: "process 7".to_owned() }.into();
        assert!(held.hint.unwrap_or_default().contains("--lock-timeout"));
    }
}
