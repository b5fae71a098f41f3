//! The embedded runtime: supervised processes on this machine.
//!
//! A detached supervisor for each project keeps the services running; [`Embedded`] is its client.
//!
//! | module | what it holds |
//! |---|---|
//! | `layout` | where everything lies; folders that only their owner may enter |
//! | `seat` | who supervises: lock and note |
//! | `client` | reaching the supervisor, starting and replacing it |
//! | `protocol` | what client and supervisor say to each other |
//! | `supervisor` | the process: signals, verbs |
//! | `keeper` | one service: start, watch, back off, stop |
//! | `launch`, `reaper`, `process` | processes: how they start, end, and who belongs to whom |
//! | `probe` | readiness |
//! | `record`, `vouch` | what is kept on disk, so that a new supervisor can take over; proof that it is ours |
//! | `rotate`, `tail`, [`logs`] | logs |
//! | [`relay`] | what stands between a service and its log, and takes secrets out |
//! | `look` | what is to be seen of a supervisor, for `doctor` |
//! | [`program`], `fetch` | where a service's program comes from |

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

mod client;
mod fetch;
mod keeper;
mod launch;
pub(super) mod layout;
pub mod logs;
mod look;
mod probe;
mod process;
pub mod program;
mod protocol;
mod reaper;
mod record;
pub mod relay;
mod rotate;
mod seat;
mod supervisor;
mod tail;
mod vouch;

pub use program::{Resolved, resolve_program};
pub use supervisor::supervise;
pub use vouch::private_name;

use self::layout::Layout;
pub(crate) use self::layout::{known_shared_folder, shared_folder};
pub use self::look::{Seen, dead_sockets};
pub(crate) use self::process::Process;
use self::protocol::{Finished, Named, Wait};
use self::record::Record;
use self::seat::Lock;
use super::{Runtime, RuntimeError, ServiceSpec, ServiceStatus, State};

/// Longer than any answer of the supervisor to [`Runtime::wait_ready`] may take on its way.
const GRACE: Duration = Duration::from_secs(10);

/// Receives texts for people: what is going on.
pub type Notice = Box<dyn Fn(&str) + Send + Sync>;

/// Whether somebody looks after the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Supervision {
    /// The supervisor answers.
    Present,
    /// There are services, but their supervisor has ended.
    Gone,
    /// There is nothing to look after.
    NotNeeded,
}

/// The embedded runtime of one project.
pub struct Embedded {
    project: PathBuf,
    executable: PathBuf,
    notice: Notice,
}

impl Embedded {
    /// The runtime of the project in this folder. Makes nothing.
    ///
    /// # Errors
    /// When there is no such folder, or this program cannot find itself.
    pub fn new(project_dir: &Path) -> Result<Self, RuntimeError> {
        let executable = std::env::current_exe()
            .map_err(|error| RuntimeError::new(format!("this program cannot find itself: {error}")))?;
        Self::with_executable(project_dir, &executable)
    }

    /// The same with another program as supervisor: for tests, which are programs of their own.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn with_executable(project_dir: &Path, executable: &Path) -> Result<Self, RuntimeError> {
        let project = Layout::own(project_dir, None)?.project().to_owned();
        Ok(Self { project, executable: executable.to_owned(), notice: Box::new(|_| {}) })
    }

    /// Lets `notice` tell people what is going on.
    #[must_use]
    pub fn with_notice(mut self, notice: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.notice = Box::new(notice);
        self
    }

    fn layout(&self) -> Result<Layout, RuntimeError> {
        Layout::own(&self.project, runtime_dir().as_deref())
    }

    /// Where a service of this project shall listen for control: the same path as long as the mesh
    /// is up, and short enough for a socket.
    ///
    /// # Errors
    /// When the project's folder has gone.
    pub fn control_socket(&self, instance: &str) -> Result<PathBuf, RuntimeError> {
        Ok(self.layout()?.control_socket(instance))
    }

    /// Whether somebody looks after the services. Starts nothing.
    ///
    /// # Errors
    /// When it cannot be found out.
    pub async fn supervision(&self) -> Result<Supervision, RuntimeError> {
        Ok(match self.reach().await? {
            Some(_) => Supervision::Present,
            None if Record::load_all(&self.layout()?).is_empty() => Supervision::NotNeeded,
            None => Supervision::Gone,
        })
    }

    /// What the state files say, corrected by whether the processes live.
    fn observe_without_supervisor(&self) -> Result<Vec<ServiceStatus>, RuntimeError> {
        let records = Record::load_all(&self.layout()?);
        let mut seen: Vec<ServiceStatus> = records.into_iter().map(unsupervised).collect();
        seen.sort_by(|a, b| a.spec.instance.cmp(&b.spec.instance));
        Ok(seen)
    }

    /// Stops what a killed supervisor left behind, without starting another one.
    async fn stop_without_supervisor(&self, instance: &str) -> Result<(), RuntimeError> {
        let layout = self.layout()?;
        let record = Record::load(&layout, instance);
        if record.is_none() && !keeper::has_unrecorded(&layout, instance) {
            return Ok(());
        }
        let _lock = Lock::take(&layout)
            .map_err(|error| RuntimeError::new(format!("the supervisor's lock cannot be taken: {error}")))?
            .ok_or_else(|| RuntimeError::new("a supervisor is just starting").hint("try again"))?;
        if let Some(record) = record {
            let ended = record.family(&layout).end(record.spec.stop_within).await;
            ended.map_err(|left| RuntimeError::new(keeper::unendable(instance, &left)))?;
            keeper::remove_socket(&record.spec);
        }
        keeper::end_unrecorded(&layout, instance).await.map_err(RuntimeError::new)?;
        Record::remove(&layout, instance)
            .map_err(|error| RuntimeError::new(format!("the state of `{instance}` cannot be removed: {error}")))
    }
}

#[async_trait]
impl Runtime for Embedded {
    /// Without anything to take over, a supervisor is started only by the first service: an `up`
    /// that fails before that leaves none behind.
    async fn prepare(&self) -> Result<(), RuntimeError> {
        match self.supervision().await? {
            Supervision::NotNeeded => Ok(()),
            Supervision::Present | Supervision::Gone => self.ensure().await.map(drop),
        }
    }

    async fn observe(&self) -> Result<Vec<ServiceStatus>, RuntimeError> {
        match self.reach().await? {
            Some(mut supervisor) => supervisor.ask(protocol::LIST, &()).await,
            None => self.observe_without_supervisor(),
        }
    }

    async fn start(&self, spec: &ServiceSpec) -> Result<(), RuntimeError> {
        self.ensure().await?.ask(protocol::START, spec).await
    }

    async fn wait_ready(&self, instance: &str, within: Duration) -> Result<(), RuntimeError> {
        let mut supervisor = self.ensure().await?;
        let wait = Wait { instance: instance.to_owned(), within };
        match tokio::time::timeout(within + GRACE, supervisor.ask(protocol::WAIT, &wait)).await {
            Ok(answer) => answer,
            Err(_) => Err(RuntimeError::new("the supervisor does not answer")
                .hint(format!("see `{}`", self.layout()?.supervisor_log().display()))),
        }
        .map_err(|error| with_log_hint(error, instance))
    }

    async fn reload(&self, spec: &ServiceSpec) -> Result<(), RuntimeError> {
        self.ensure().await?.ask(protocol::RELOAD, spec).await
    }

    async fn stop(&self, instance: &str) -> Result<(), RuntimeError> {
        match self.reach_compatible().await? {
            Some(mut supervisor) => supervisor.ask(protocol::STOP, &Named { instance: instance.to_owned() }).await,
            None => self.stop_without_supervisor(instance).await,
        }
    }

    async fn finish(&self) -> Result<(), RuntimeError> {
        let layout = self.layout()?;
        if let Some(supervisor) = self.reach_compatible().await? {
            let process = supervisor.process();
            match supervisor.ask_last::<Finished>(protocol::FINISH).await? {
                Some(finished) if !finished.left.is_empty() => return Ok(()),
                _ => return self.until_ended(process).await,
            }
        }
        if Record::load_all(&layout).is_empty() {
            supervisor::leave(&layout);
        }
        Ok(())
    }
}

fn unsupervised(mut record: Record) -> ServiceStatus {
    let alive = record.process.as_ref().is_some_and(process::Process::is_alive);
    match (alive, record.state) {
        (true, _) => record.because = Some("runs, but nobody would start it again".to_owned()),
        (false, State::Failed) => {}
        (false, _) => {
            record.state = State::Stopped;
            record.because = Some("ended, and nobody is there to start it again".to_owned());
        }
    }
    record.status()
}

fn with_log_hint(error: RuntimeError, instance: &str) -> RuntimeError {
    match error {
        RuntimeError::Failed { what, hint: None } => {
            RuntimeError::new(what).hint(format!("`resilmesh logs {instance}` shows more"))
        }
        with_hint @ RuntimeError::Failed { .. } => with_hint,
    }
}

/// Whether somebody looks after the services of the project in this folder.
pub(crate) fn is_supervised(project: &Path) -> bool {
    let layout = Layout::of(project, runtime_dir().as_deref());
    layout.is_ok_and(|layout| Lock::is_held(&layout).unwrap_or(false))
}

/// The user's folder for sockets, if there is one.
fn runtime_dir() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty()).map(PathBuf::from)
}
