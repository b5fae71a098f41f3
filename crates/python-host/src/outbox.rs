//! What is said to `resilmesh`.

use std::fs::File;
use std::io::{self, Write as _};

use parking_lot::Mutex;
use resilmesh_hook_api::batch::{self, FrameKind, Log};
use resilmesh_hook_api::{FromHost, LONGEST_LINE};

/// What is said has a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines, as of hosts of hooks.
    Lines,
    /// Frames, as of workers of modules.
    Frames,
}

/// Writes lines or frames, whole ones.
pub(crate) struct Outbox {
    file: Mutex<File>,
    form: Form,
    process: u32,
}

impl Outbox {
    pub(crate) fn new(file: File, form: Form) -> Self {
        Self { file: Mutex::new(file), form, process: std::process::id() }
    }

    /// Whether this process is a copy that a hook made with `fork`. It must neither write nor take
    /// a lock: the threads that hold them are not in it.
    pub(crate) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// Writes a message. Blocks while nobody reads: do not hold the interpreter meanwhile.
    pub(crate) fn send(&self, message: &FromHost) -> io::Result<()> {
        if self.form == Form::Frames {
            let FromHost::Log { level, text, .. } = message else {
                return Err(io::Error::other("a module cannot ask resilmesh for anything"));
            };
            let log = Log { level: *level, text: text.clone() };
            return self.frame(FrameKind::Log, &serde_json::to_vec(&log)?);
        }
        self.may_speak()?;
        let mut line = serde_json::to_vec(message)?;
        if line.len() >= LONGEST_LINE {
            let text = format!("{} MiB are too much: at most {} MiB go at once", line.len() >> 20, LONGEST_LINE >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        line.push(b'\n');
        self.file.lock().write_all(&line)
    }

    /// Writes a frame. Blocks as well.
    pub(crate) fn frame(&self, kind: FrameKind, body: &[u8]) -> io::Result<()> {
        self.may_speak()?;
        batch::write(&mut *self.file.lock(), kind, body)
    }

    fn may_speak(&self) -> io::Result<()> {
        if self.is_forked() {
            return Err(io::Error::other("a process made with os.fork() cannot speak with resilmesh"));
        }
        Ok(())
    }
}
