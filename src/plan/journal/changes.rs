//! Changes of the journal while steps are carried out: appended to a file of their own, so that the cost
//! of a step does not grow with what is up.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{DoneSetup, Journal, JournalError, StartedService, Undoing, UpPlug};
use crate::plan::paths;

/// A change of the journal. `None` takes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Of a service, by instance.
    Service(String, Option<StartedService>),
    /// Of the digest of rendered files, by instance.
    Rendered(String, Option<String>),
    /// Of a setup, by key.
    Setup(String, Option<Box<DoneSetup>>),
    /// Of a plug, by its text form.
    Plug(String, Option<UpPlug>),
    /// Of what takes a plug down again, by its text form.
    Undo(String, Option<Undoing>),
    /// An instance has data on this machine, or has none any more.
    Data(String, bool),
}

impl Journal {
    /// The change that brings back what stands now where another change is about to be made.
    pub fn before(&self, change: &Change) -> Change {
        match change {
            Change::Service(name, _) => Change::Service(name.clone(), self.services.get(name).cloned()),
            Change::Rendered(name, _) => Change::Rendered(name.clone(), self.rendered.get(name).cloned()),
            Change::Setup(key, _) => Change::Setup(key.clone(), self.setups.get(key).cloned().map(Box::new)),
            Change::Plug(plug, _) => Change::Plug(plug.clone(), self.plugs.get(plug).cloned()),
            Change::Undo(plug, _) => Change::Undo(plug.clone(), self.undo.get(plug).cloned()),
            Change::Data(name, _) => Change::Data(name.clone(), self.data.contains(name)),
        }
    }
}

/// By how much the file grows at a time.
const ROOM: usize = 1 << 18;

/// Where changes are appended until the journal is written whole again.
pub(super) fn changes_path(journal: &Path) -> PathBuf {
    journal.with_extension("changes")
}

/// Makes the changes that were appended. What was being written when the process was killed, or the power
/// failed, stands at the end and is no line: its step had not begun, or is done again. A line that is none
/// before others that are is damage.
pub(super) fn replay(journal: &mut Journal, path: &Path) -> Result<(), JournalError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(JournalError::Io { path: path.to_owned(), source }),
    };
    let mut torn = None;
    for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let change = serde_json::from_slice(line).map_err(|error| format!("line {}: {error}", number + 1));
        match (change, &torn) {
            (Ok(change), None) if line.ends_with(b"\n") => journal.apply(change),
            (Ok(_), Some(why)) => {
                return Err(JournalError::Damaged { path: path.to_owned(), why: String::clone(why) });
            }
            (Ok(_), None) => {}
            (Err(why), _) => drop(torn.get_or_insert(why)),
        }
    }
    Ok(())
}

/// The journal while steps are carried out: each change is appended, so that the cost of a step does not
/// grow with what is up.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    changes: File,
    /// Where the next change goes.
    end: u64,
    /// How long the file is: longer, so that the disk need not note a new length with every change, which
    /// takes it far longer than the change. Zeros behind the last line are no line.
    length: u64,
    /// Something was appended that a power failure could take away.
    unsynced: bool,
}

impl Appender {
    /// Begins to append to the journal at `path`, which is written whole before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path, journal: &Journal) -> Result<Self, JournalError> {
        journal.save(path)?;
        let appended = changes_path(path);
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&appended);
        let opened = opened.and_then(|changes| paths::sync_folder_of(&appended).map(|()| changes));
        match opened {
            Ok(changes) => Ok(Self { path: path.to_owned(), changes, end: 0, length: 0, unsynced: false }),
            Err(source) => Err(JournalError::Io { path: appended, source }),
        }
    }

    /// Appends changes; the next to read the journal knows them, also if this process is killed.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn append(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        let mut lines = Vec::new();
        for change in changes {
            serde_json::to_writer(&mut lines, change).map_err(|error| self.failed(error.into()))?;
            lines.push(b'\n');
        }
        self.unsynced |= !lines.is_empty();
        self.write(&lines).map_err(|error| self.failed(error))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let end = self.end + lines.len() as u64;
        if end > self.length {
            let more = lines.len().max(ROOM);
            self.changes.write_all_at(&vec![0; more], self.length)?;
            self.length += more as u64;
        }
        self.changes.write_all_at(lines, self.end)?;
        self.end = end;
        Ok(())
    }

    /// Sees to it that what was appended survives a power failure.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.unsynced {
            self.changes.sync_data().map_err(|error| self.failed(error))?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Writes the journal whole.
    ///
    /// # Errors
    /// When it cannot be written: what was appended stays.
    pub fn finish(self, journal: &Journal) -> Result<(), JournalError> {
        journal.save(&self.path)
    }

    fn failed(&self, source: io::Error) -> JournalError {
        JournalError::Io { path: changes_path(&self.path), source }
    }
}
