//! Who supervises a project: the lock that dies with its holder, and the note that says who holds
//! it and where it listens.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::layout::{Layout, write_atomically};
use super::process::Process;
use super::rotate::NO_LINK;

/// What the supervisor writes down about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Seat {
    /// Its process.
    pub(crate) process: Process,
    /// The folder of the project's sockets.
    pub(crate) sockets: PathBuf,
}

impl Seat {
    /// The note as it lies there, whether or not its writer still lives.
    pub(crate) fn read(layout: &Layout) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(layout.seat()).ok()?).ok()
    }

    /// Writes the note.
    pub(crate) fn write(&self, layout: &Layout) -> io::Result<()> {
        write_atomically(&layout.seat(), &serde_json::to_vec(self)?)
    }
}

/// The right to supervise a project; given back when dropped or when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _held: File,
}

impl Lock {
    /// Takes the lock; none = somebody else holds it.
    pub(crate) fn take(layout: &Layout) -> io::Result<Option<Self>> {
        let file = open(layout)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _held: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether somebody supervises the project.
    pub(crate) fn is_held(layout: &Layout) -> io::Result<bool> {
        if !layout.lock().exists() {
            return Ok(false);
        }
        match open(layout)?.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn open(layout: &Layout) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .read(true)
        .mode(0o600)
        .custom_flags(NO_LINK)
        .open(layout.lock())
}
