//! What is said to `resilmesh`.

use std::fs::File;
use std::io::{self, Write as _};

use parking_lot::Mutex;
use resilmesh_hook_api::{FromHost, LONGEST_LINE};

/// Writes lines, whole ones.
pub(crate) struct Outbox {
    file: Mutex<File>,
    process: u32,
}

impl Outbox {
    pub(crate) fn new(file: File) -> Self {
        Self { file: Mutex::new(file), process: std::process::id() }
    }

    /// Whether this process is a copy that a hook made with `fork`. It must neither write nor take
    /// a lock: the threads that hold them are not in it.
    pub(crate) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// Writes a line. Blocks while nobody reads: do not hold the interpreter meanwhile.
    pub(crate) fn send(&self, message: &FromHost) -> io::Result<()> {
        if self.is_forked() {
            return Err(io::Error::other("a process made with os.fork() cannot speak with resilmesh"));
        }
        let mut line = serde_json::to_vec(message)?;
        if line.len() >= LONGEST_LINE {
            let text = format!("{} MiB are too much: at most {} MiB go at once", line.len() >> 20, LONGEST_LINE >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        line.push(b'\n');
        self.file.lock().write_all(&line)
    }
}
