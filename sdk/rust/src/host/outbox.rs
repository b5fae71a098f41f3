//! What is said to `resilmesh`.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use resilmesh_hook_api::{FromHost, LONGEST_LINE};

/// Writes lines, whole ones.
pub(super) struct Outbox {
    file: Mutex<File>,
}

impl Outbox {
    pub(super) fn new(file: File) -> Self {
        Self { file: Mutex::new(file) }
    }

    /// Writes a line. Blocks while nobody reads.
    pub(super) fn send(&self, message: &FromHost) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        if line.len() >= LONGEST_LINE {
            let text = format!("{} MiB are too much: at most {} MiB go at once", line.len() >> 20, LONGEST_LINE >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        line.push(b'\n');
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}
