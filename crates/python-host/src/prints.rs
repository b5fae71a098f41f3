//! What is written on the host's standard output and error without going through Python: by programs
//! that hooks start, by C libraries, by `os.write(1, ...)`.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use parking_lot::Mutex;
use resilmesh_hook_api::{FromHost, Level};
use rustix::event::{PollFd, PollFlags, poll};

use crate::session::Host;

/// A longer line is cut into pieces.
const LONGEST: usize = 64 << 10;

/// How much is told on until the next call starts; the rest is read and thrown away, so that who
/// writes is not blocked either.
const BUDGET: usize = 8 << 20;

/// The reading end of the pipe that standard output and error are.
pub(crate) struct Prints {
    state: Mutex<State>,
}

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

    /// A call starts: it may print as much as any.
    pub(crate) fn renew(&self) {
        self.state.lock().budget = BUDGET;
    }

    /// Tells on what has been written so far. With `all`, a line without end too: a call is over.
    pub(crate) fn drain(&self, host: &Host, all: bool) {
        let mut state = self.state.lock();
        let mut chunk = [0; 16 << 10];
        // Bounded: a program that writes without end must not keep its call from ending.
        for _ in 0..256 {
            match state.file.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(read) => state.take(&chunk[..read], host),
            }
        }
        if all && !state.line.is_empty() {
            state.tell(host);
        }
    }
}

impl State {
    fn take(&mut self, mut bytes: &[u8], host: &Host) {
        while !bytes.is_empty() {
            let room = LONGEST - self.line.len();
            let end = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let piece = end.unwrap_or(bytes.len().min(room));
            self.line.extend_from_slice(&bytes[..piece]);
            bytes = &bytes[piece + usize::from(end.is_some())..];
            if end.is_some() || self.line.len() == LONGEST {
                self.tell(host);
            }
        }
    }

    fn tell(&mut self, host: &Host) {
        let text = String::from_utf8_lossy(&self.line).trim_end_matches('\r').to_owned();
        let (cost, before) = (self.line.len() + 32, self.budget);
        self.line.clear();
        self.budget = before.saturating_sub(cost);
        let text = match (before, self.budget) {
            (0, _) => return,
            (_, 0) => "… and more, which is left out: a hook's programs printed too much".to_owned(),
            _ => text,
        };
        // If resilmesh has gone there is nobody to tell; the end of input ends the host.
        let _ = host.outbox().send(&FromHost::Log { call: host.only_call(), level: Level::Info, text });
    }
}

/// Starts to tell on what is printed.
pub(crate) fn forward(host: &Arc<Host>) -> io::Result<()> {
    let host = Arc::clone(host);
    let reader = host.prints().state.lock().file.try_clone()?;
    std::thread::Builder::new().name("prints".to_owned()).spawn(move || {
        loop {
            let mut waiting = [PollFd::from_borrowed_fd(reader.as_fd(), PollFlags::IN)];
            match poll(&mut waiting, None) {
                Ok(_) => host.prints().drain(&host, false),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
    })?;
    Ok(())
}
