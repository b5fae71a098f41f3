//! A process of a worker, with all that it starts.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::wire::Wire;

/// What makes a program of a hook a worker.
const WORKER: &str = "worker";

/// A process in a group of its own, which is killed when this is dropped.
pub(crate) struct Hold {
    child: Child,
    group: Option<Pid>,
}

impl Hold {
    /// Starts a program as a worker.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(program: &Path, folder: &Path) -> std::io::Result<(Self, Wire)> {
        let mut child = Command::new(program)
            .arg(WORKER)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let streams = child.stdin.take().zip(child.stdout.take());
        let (input, output) = streams.ok_or_else(|| std::io::Error::other("it has no streams"))?;
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok((Self { child, group }, Wire::new(input, output)))
    }

    /// Its id.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, if it does so by itself at once.
    pub(crate) async fn ended(&mut self) -> Option<std::process::ExitStatus> {
        tokio::time::timeout(Duration::from_millis(200), self.child.wait()).await.ok()?.ok()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // Gone already is as good; who has left the group is on its own.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
