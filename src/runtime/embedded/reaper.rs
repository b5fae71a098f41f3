//! Collects the exit status of every child, also of those that came to us as orphans.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{WaitOptions, WaitStatus, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was not our child, so nobody told us.
    Unknown,
}

impl From<WaitStatus> for Exit {
    fn from(status: WaitStatus) -> Self {
        let code = status.exit_status().map(Self::Code);
        code.or(status.terminating_signal().map(Self::Signal)).unwrap_or(Self::Unknown)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with exit status {code}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => write!(f, "ended by signal {signal}"),
                Err(_) => write!(f, "ended by signal {number}"),
            },
            Self::Unknown => f.write_str("ended"),
        }
    }
}

/// Who waits for which child.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reaper(Arc<Mutex<HashMap<u32, oneshot::Sender<Exit>>>>);

impl Reaper {
    /// Begins to collect, in the background.
    pub(crate) fn start() -> io::Result<Self> {
        let reaper = Self::default();
        let mut children = signal(SignalKind::child())?;
        let collecting = reaper.clone();
        tokio::spawn(async move {
            while children.recv().await.is_some() {
                collecting.collect();
            }
        });
        Ok(reaper)
    }

    /// Resolves when this child has ended. To be called before anything is awaited after its
    /// start: all tasks run on one thread, so it cannot have been collected yet.
    pub(crate) fn expect(&self, pid: u32) -> oneshot::Receiver<Exit> {
        let (told, ended) = oneshot::channel();
        self.0.lock().insert(pid, told);
        ended
    }

    fn collect(&self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let waiting = self.0.lock().remove(&pid.as_raw_pid().cast_unsigned());
            if let Some(told) = waiting {
                // Nobody may want to know any more.
                let _ = told.send(status.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_in_words() {
        assert_eq!(Exit::Code(78).to_string(), "ended with exit status 78");
        assert_eq!(Exit::Signal(9).to_string(), "ended by signal SIGKILL");
        assert_eq!(Exit::Unknown.to_string(), "ended");
    }
}
