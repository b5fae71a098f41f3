//! Reaching the supervisor of a project, starting one, and replacing one of another build.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use resilmesh_service::control::{self, AskError};
use rustix::process::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::layout::{Layout, build_of};
use super::process::Process;
use super::protocol::{self, Hello, PROTOCOL};
use super::seat::{Lock, Seat};
use super::{Embedded, launch, rotate, tail};
use crate::runtime::RuntimeError;

/// How long a supervisor may take to begin, or to end.
const WITHIN: Duration = Duration::from_secs(15);
/// A supervisor that holds the lock but does not answer is asked to make its socket again after
/// this time; before, it may be just starting.
const REVIVE_AFTER: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(5);

/// A connection to the supervisor.
pub(super) struct Supervisor {
    client: control::Client,
    hello: Hello,
}

impl Supervisor {
    pub(super) async fn connect(layout: &Layout) -> Result<Option<Self>, RuntimeError> {
        let Ok(mut client) = control::Client::connect(&layout.supervisor_socket()).await else { return Ok(None) };
        match client.ask(protocol::HELLO, Value::Null).await {
            Ok(answer) => Ok(Some(Self { client, hello: understood(answer)? })),
            // It has ended between the two.
            Err(AskError::Connection { .. }) => Ok(None),
            Err(error) => Err(RuntimeError::new(format!("the supervisor does not say who it is: {error}"))),
        }
    }

    /// What it says of itself.
    pub(super) fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Its process; none = it has ended.
    pub(super) fn process(&self) -> Option<Process> {
        Process::of(self.hello.pid)
    }

    /// Asks a question.
    pub(super) async fn ask<T: DeserializeOwned>(
        &mut self,
        verb: &str,
        with: &(impl Serialize + Sync),
    ) -> Result<T, RuntimeError> {
        let with = serde_json::to_value(with).map_err(|error| RuntimeError::new(error.to_string()))?;
        let answer = self.client.ask(verb, with).await.map_err(|error| match error {
            AskError::Failed(why) => RuntimeError::new(why),
            AskError::Connection { source, .. } => {
                RuntimeError::new(format!("the supervisor (process {}) has ended: {source}", self.hello.pid))
                    .hint("try again: the next `resilmesh up` starts another one, which takes over the services")
            }
        })?;
        understood(answer)
    }

    /// Asks a question after which the supervisor may end, with or without an answer.
    pub(super) async fn ask_last<T: DeserializeOwned>(mut self, verb: &str) -> Result<Option<T>, RuntimeError> {
        match self.client.ask(verb, Value::Null).await {
            Ok(answer) => understood(answer).map(Some),
            Err(AskError::Connection { .. }) => Ok(None),
            Err(AskError::Failed(why)) => Err(RuntimeError::new(why)),
        }
    }
}

fn understood<T: DeserializeOwned>(answer: Value) -> Result<T, RuntimeError> {
    serde_json::from_value(answer).map_err(|error| {
        RuntimeError::new(format!("the supervisor's answer is not understood: {error}"))
            .hint("it may be another version of resilmesh: `resilmesh up` replaces it")
    })
}

impl Embedded {
    /// The supervisor, if there is one. One whose socket was lost is asked to make it again.
    pub(super) async fn reach(&self) -> Result<Option<Supervisor>, RuntimeError> {
        let begun = Instant::now();
        let mut revived = false;
        loop {
            // Looked up each time: it may listen elsewhere now.
            let layout = self.layout()?;
            if let Some(supervisor) = Supervisor::connect(&layout).await? {
                return Ok(Some(supervisor));
            }
            if !held(&layout)? {
                return Ok(None);
            }
            if begun.elapsed() > WITHIN {
                return Err(self.silent(&layout));
            }
            if begun.elapsed() > REVIVE_AFTER && !revived {
                revived = true;
                if let Some(seat) = Seat::read(&layout) {
                    seat.process.signal(Signal::USR1);
                }
            }
            sleep(PAUSE).await;
        }
    }

    fn silent(&self, layout: &Layout) -> RuntimeError {
        let pid = Seat::read(layout).map_or("unknown".to_owned(), |seat| seat.process.pid.to_string());
        RuntimeError::new(format!("the supervisor (process {pid}) holds its lock but does not answer")).hint(format!(
            "see `{}`; ending the process leaves the services running, and the next `resilmesh up` takes them over",
            layout.supervisor_log().display()
        ))
    }

    /// The supervisor, if there is one that speaks our protocol and finds the project; another is sent away.
    pub(super) async fn reach_compatible(&self) -> Result<Option<Supervisor>, RuntimeError> {
        match self.reach().await? {
            Some(supervisor) if supervisor.hello.protocol != PROTOCOL || self.was_moved_since(&supervisor) => {
                self.hand_over(supervisor).await?;
                Ok(None)
            }
            reached => Ok(reached),
        }
    }

    /// The supervisor: the present one, or a new one in place of none or of another build.
    pub(super) async fn ensure(&self) -> Result<Supervisor, RuntimeError> {
        if let Some(supervisor) = self.reach().await? {
            let build = build_of(&self.executable)
                .map_err(|error| RuntimeError::new(format!("`{}`: {error}", self.executable.display())))?;
            let is_ours = supervisor.hello.build == build && supervisor.hello.protocol == PROTOCOL;
            if is_ours && !self.was_moved_since(&supervisor) {
                return Ok(supervisor);
            }
            self.hand_over(supervisor).await?;
        }
        self.start_supervisor().await
    }

    /// The project's folder was moved since this supervisor began: it would write where that was.
    fn was_moved_since(&self, supervisor: &Supervisor) -> bool {
        supervisor.hello.project.as_ref().is_some_and(|project| *project != self.project)
    }

    async fn hand_over(&self, supervisor: Supervisor) -> Result<(), RuntimeError> {
        let theirs = &supervisor.hello.version;
        let what = match env!("CARGO_PKG_VERSION") {
            _ if self.was_moved_since(&supervisor) => "that of where the project was before".to_owned(),
            ours if ours == theirs => format!("another build of resilmesh {ours}"),
            ours => format!("resilmesh {theirs}, and this is {ours}"),
        };
        (self.notice)(&format!("the supervisor is {what}: replacing it; the services keep running"));
        let process = supervisor.process();
        supervisor.ask_last::<Value>(protocol::HAND_OVER).await?;
        self.until_ended(process).await
    }

    /// Waits until the supervisor has ended. Its lock is free then.
    pub(super) async fn until_ended(&self, supervisor: Option<Process>) -> Result<(), RuntimeError> {
        let deadline = Instant::now() + WITHIN;
        while supervisor.as_ref().is_some_and(Process::is_alive) {
            if Instant::now() > deadline {
                return Err(self.silent(&self.layout()?));
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn start_supervisor(&self) -> Result<Supervisor, RuntimeError> {
        let layout = self.layout()?;
        layout.make_state()?;
        let unstarted = |error: std::io::Error| {
            RuntimeError::new(format!("the supervisor `{}` cannot be started: {error}", self.executable.display()))
        };
        let log = rotate::open(&layout.supervisor_log()).map_err(unstarted)?;
        let mut child = Command::new(&self.executable)
            .args([Path::new("supervise"), Path::new("--project"), layout.project()])
            .current_dir("/")
            .env_clear()
            .envs(launch::environment())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(unstarted)?)
            .stderr(log)
            .spawn()
            .map_err(unstarted)?;
        let deadline = Instant::now() + WITHIN;
        loop {
            // Two commands at once may both start one; the one without the lock ends at once.
            let ended = child.try_wait().map_err(unstarted)?;
            if let Some(supervisor) = Supervisor::connect(&self.layout()?).await? {
                return Ok(supervisor);
            }
            match ended {
                Some(status) if !status.success() => return Err(self.broken(&layout, status)),
                _ if Instant::now() > deadline => return Err(self.silent(&layout)),
                _ => sleep(PAUSE).await,
            }
        }
    }

    fn broken(&self, layout: &Layout, status: ExitStatus) -> RuntimeError {
        let log = layout.supervisor_log();
        let why = tail::last_lines(&log, 1).pop().unwrap_or_else(|| status.to_string());
        RuntimeError::new(format!("the supervisor ended at once: {why}")).hint(format!("see `{}`", log.display()))
    }
}

fn held(layout: &Layout) -> Result<bool, RuntimeError> {
    Lock::is_held(layout).map_err(|error| {
        RuntimeError::new(format!("the supervisor's lock `{}` cannot be read: {error}", layout.lock().display()))
    })
}
