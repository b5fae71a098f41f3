//! What is to be seen of supervisors. Starts nothing, and asks nobody to do anything.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::client::Supervisor;
use super::layout::{build_of, check_private, shared_base};
use super::record::Record;
use super::seat::{Lock, Seat};
use super::{Embedded, runtime_dir};
use crate::runtime::RuntimeError;

/// What is seen of the supervisor of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// There is none, and nothing to look after.
    NotNeeded,
    /// It answers.
    Present {
        /// Its process.
        pid: u32,
        /// Its version.
        version: String,
        /// It is the program that asks.
        is_this_build: bool,
    },
    /// It holds its lock and does not answer.
    Silent {
        /// Its process, if it has written that down.
        pid: Option<u32>,
        /// Its log.
        log: PathBuf,
    },
    /// It has ended; of its services so many run on.
    Gone {
        /// How many.
        running: usize,
    },
}

impl Embedded {
    /// What is seen of the supervisor.
    ///
    /// # Errors
    /// When the project's folder cannot be opened, or the supervisor's lock cannot be read.
    pub async fn look(&self) -> Result<Seen, RuntimeError> {
        let layout = self.layout()?;
        if let Some(supervisor) = Supervisor::connect(&layout).await? {
            let hello = supervisor.hello();
            let is_this_build = build_of(&self.executable).is_ok_and(|build| build == hello.build);
            return Ok(Seen::Present { pid: hello.pid, version: hello.version.clone(), is_this_build });
        }
        let lock = layout.lock();
        let held = Lock::is_held(&layout).map_err(|error| {
            RuntimeError::new(format!("the supervisor's lock `{}` cannot be read: {error}", lock.display()))
        })?;
        if held {
            let pid = Seat::read(&layout).map(|seat| seat.process.pid);
            return Ok(Seen::Silent { pid, log: layout.supervisor_log() });
        }
        let records = Record::load_all(&layout);
        let lives = |record: &&Record| record.process.as_ref().is_some_and(super::Process::is_alive);
        if records.is_empty() {
            return Ok(Seen::NotNeeded);
        }
        Ok(Seen::Gone { running: records.iter().filter(lives).count() })
    }
}

/// Folders with sockets of supervisors that have ended, of whatever project.
pub fn dead_sockets() -> Vec<PathBuf> {
    let bases = [runtime_dir(), Some(shared_base())];
    let folders = bases.into_iter().flatten().map(|base| base.join("resilmesh"));
    folders.filter(|folder| check_private(folder).is_ok()).flat_map(|folder| dead_in(&folder)).collect()
}

fn dead_in(folder: &Path) -> Vec<PathBuf> {
    let projects = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_dead = |project: &PathBuf| {
        let refused = UnixStream::connect(project.join("supervisor.sock")).err();
        refused.is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused) && !has_listener(project)
    };
    let mut dead: Vec<PathBuf> = projects.filter(is_dead).collect();
    dead.sort();
    dead
}

/// Whether somebody listens at a socket in a folder: services live on when their supervisor has ended.
fn has_listener(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| UnixStream::connect(path).is_ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_socket_that_nobody_listens_at_is_dead() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let [alive, dead, empty, serving] = ["alive", "dead", "empty", "serving"].map(|name| folder.path().join(name));
        for place in [&alive, &dead, &empty, &serving] {
            std::fs::create_dir(place).expect("folder");
        }
        let _listening = UnixListener::bind(alive.join("supervisor.sock")).expect("a socket");
        drop(UnixListener::bind(dead.join("supervisor.sock")).expect("a socket"));
        drop(UnixListener::bind(serving.join("supervisor.sock")).expect("a socket"));
        let _service = UnixListener::bind(serving.join("store.sock")).expect("a socket");
        assert_eq!(dead_in(folder.path()), [dead]);
    }
}
