//! What is written on the host's standard output and error: by hooks, and by programs that they start.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};

/// A longer line is cut into pieces.
const LONGEST: usize = 64 << 10;

/// How much is told on until the next call starts; the rest is read and thrown away, so that who writes is not
/// blocked either.
const BUDGET: usize = 8 << 20;

/// The reading end of the pipe that standard output and error are.
#[derive(Debug)]
pub struct Prints {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    line: Vec<u8>,
    budget: usize,
}

impl Prints {
    /// From a descriptor that does not block.
    pub(crate) fn new(file: File) -> Self {
        Self { state: Mutex::new(State { file, line: Vec::new(), budget: BUDGET }) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call starts: it may print as much as any.
    pub fn renew(&self) {
        self.state().budget = BUDGET;
    }

    /// Tells on what has been written so far. With `all`, a line without end too: a call is over.
    pub fn drain(&self, all: bool, tell: &dyn Fn(String)) {
        let mut state = self.state();
        let mut chunk = [0; 16 << 10];
        // Bounded: a program that writes without end must not keep its call from ending.
        for _ in 0..256 {
            match state.file.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(read) => state.take(&chunk[..read], tell),
            }
        }
        if all && !state.line.is_empty() {
            state.tell(tell);
        }
    }

    /// Tells on what is printed, as it is, for ever.
    ///
    /// # Errors
    /// When nothing more can be read.
    pub fn forward(&self, tell: &dyn Fn(String)) -> io::Result<()> {
        let reader = self.state().file.try_clone()?;
        loop {
            match poll(&mut [PollFd::new(&reader, PollFlags::IN)], None) {
                Ok(_) => self.drain(false, tell),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl State {
    fn take(&mut self, mut bytes: &[u8], tell: &dyn Fn(String)) {
        while !bytes.is_empty() {
            let room = LONGEST - self.line.len();
            let end = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let piece = end.unwrap_or(bytes.len().min(room));
            self.line.extend_from_slice(&bytes[..piece]);
            bytes = &bytes[piece + usize::from(end.is_some())..];
            if end.is_some() || self.line.len() == LONGEST {
                self.tell(tell);
            }
        }
    }

    fn tell(&mut self, tell: &dyn Fn(String)) {
        let text = String::from_utf8_lossy(&self.line).trim_end_matches('\r').to_owned();
        let (cost, before) = (self.line.len() + 32, self.budget);
        self.line.clear();
        self.budget = before.saturating_sub(cost);
        match (before, self.budget) {
            (0, _) => {}
            (_, 0) => tell("… and more, which is left out: a hook printed too much".to_owned()),
            _ => tell(text),
        }
    }
}
