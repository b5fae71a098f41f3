//! The journal on disk: `journal.json`, written whole, and the changes since, which are appended.

use std::io;
use std::path::{Path, PathBuf};

use super::changes::{changes_path, replay};
use super::{Journal, VERSION};
use crate::plan::paths;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written.
    #[error("journal `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is damaged.
    #[error("journal `{path}` is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A newer resilmesh has written it.
    #[error("journal `{path}` has version {version}, this resilmesh knows version {VERSION}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
}

impl JournalError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "check the folder's permissions and the free disk space".to_owned(),
            Self::Damaged { path, .. } => format!(
                "move it away (`mv {0} {0}.damaged`) and run `resilmesh up`, which finds what runs and writes it anew; data stays",
                path.display()
            ),
            Self::Newer { .. } => "use the newer resilmesh that wrote it".to_owned(),
        }
    }
}

impl Journal {
    /// Reads the journal; none = nothing was done.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged: it is then left as it is.
    pub fn load(path: &Path) -> Result<Self, JournalError> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut journal = Self::default();
                replay(&mut journal, &changes_path(path))?;
                return Ok(journal);
            }
            Err(source) => return Err(JournalError::Io { path: path.to_owned(), source }),
        };
        let damaged =
            |error: serde_json::Error| JournalError::Damaged { path: path.to_owned(), why: error.to_string() };
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(damaged)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(VERSION) => {
                Err(JournalError::Newer { path: path.to_owned(), version })
            }
            Some(_) => {
                let mut journal = serde_json::from_value(value).map_err(damaged)?;
                replay(&mut journal, &changes_path(path))?;
                Ok(journal)
            }
            None => Err(JournalError::Damaged { path: path.to_owned(), why: "it has no `version`".to_owned() }),
        }
    }

    /// Writes the journal, whole or not at all, to survive a power failure; the changes that were appended are part of it then.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), JournalError> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        text.and_then(|text| paths::write_durably(path, &text))
            .and_then(|()| remove_if_there(&changes_path(path)))
            .map_err(|source| JournalError::Io { path: path.to_owned(), source })
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Appender, Change};
    use super::*;

    #[test]
    fn a_journal_comes_back_and_a_damaged_one_is_refused_with_advice() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("journal.json");
        assert!(Journal::load(&path).expect("none yet").is_down());
        let mut journal = Journal::default();
        journal.rendered.insert("bus".into(), "abc".into());
        journal.save(&path).expect("save");
        let back = Journal::load(&path).expect("load");
        assert_eq!((back.rendered, back.version), (journal.rendered, VERSION));

        let whole = std::fs::read(&path).expect("read");
        for torn in [&whole[..whole.len() / 2], b"", b"{}"] {
            std::fs::write(&path, torn).expect("tear");
            let error = Journal::load(&path).expect_err("torn");
            assert!(error.to_string().contains("is damaged"), "{error}");
            assert!(error.hint().contains("journal.json.damaged"), "{}", error.hint());
            assert_eq!(std::fs::read(&path).expect("read"), torn, "it is left as it is");
        }
        std::fs::write(&path, r#"{"version": 99}"#).expect("write");
        assert!(matches!(Journal::load(&path), Err(JournalError::Newer { version: 99, .. })));
    }

    #[test]
    fn what_was_not_written_to_its_end_counts_as_not_written_and_damage_before_others_is_refused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("journal.json");
        let rendered = |name: &str| Change::Rendered(name.to_owned(), Some("abc".to_owned()));
        let mut appender = Appender::open(&path, &Journal::default()).expect("open");
        appender.append(&[rendered("a"), rendered("b"), rendered("c")]).expect("append");
        appender.sync().expect("sync");
        let changes = changes_path(&path);
        let whole = std::fs::read_to_string(&changes).expect("read").trim_end_matches('\0').to_owned();
        let known = || -> Vec<String> { Journal::load(&path).expect("load").rendered.into_keys().collect() };
        assert_eq!(known(), ["a", "b", "c"]);
        let last = whole.len() / 3;
        for end in whole.len() - last..whole.len() {
            std::fs::write(&changes, &whole[..end]).expect("tear");
            assert_eq!(known(), ["a", "b"], "{end}");
        }
        // Blocks of a file that were never written are read as zeros.
        std::fs::write(&changes, format!("{}\0\0\n\0\0\0", &whole[..whole.len() - last])).expect("tear");
        assert_eq!(known(), ["a", "b"]);

        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        let torn = [&lines[0][..9], "\n", lines[2]].concat();
        std::fs::write(&changes, &torn).expect("tear");
        let error = Journal::load(&path).expect_err("a line is gone");
        assert!(error.to_string().contains("journal.changes` is damaged: line 1: "), "{error}");
        assert!(error.hint().contains("journal.changes.damaged"), "{}", error.hint());
        assert_eq!(std::fs::read_to_string(&changes).expect("read"), torn, "it is left as it is");
    }
}
