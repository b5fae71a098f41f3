//! Where services run: one folder per runtime behind the [`Runtime`] trait.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub mod embedded;
pub mod keyed;
pub mod place;

/// How to see that a service is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ready {
    /// `health` on its control socket says so.
    Control,
    /// GET on this URL answers 2xx.
    Http(String),
    /// This address accepts connections.
    Tcp(String),
}

/// One service, ready to be started: everything decided, nothing looked up later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// The instance that runs.
    pub instance: String,
    /// Its product.
    pub product: String,
    /// What `status` shows as the program, such as `nats-server 2.15.1`.
    pub label: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments; never a secret.
    pub args: Vec<String>,
    /// The current folder it starts in.
    pub directory: PathBuf,
    /// Its ports on this machine, by name.
    pub ports: BTreeMap<String, u16>,
    /// When it counts as ready.
    pub ready: Ready,
    /// Its control socket, if it has one.
    pub control: Option<PathBuf>,
    /// The signal that makes it read its files again (`HUP`); none = it has to be restarted.
    pub reload: Option<String>,
    /// How long it may take to stop before it is killed.
    pub stop_within: Duration,
    /// Digest of everything the service depends on that is not in this record: its rendered files.
    pub files_digest: String,
}

/// What a service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Running, not ready yet.
    Starting,
    /// Does its work.
    Ready,
    /// Did its work, and runs, but does not answer any more.
    Silent,
    /// Ended by itself; started again after a pause.
    Backoff,
    /// Not running, as asked.
    Stopped,
    /// Given up.
    Failed,
}

/// A service as seen at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// How it was asked to run.
    pub spec: ServiceSpec,
    /// What it is doing.
    pub state: State,
    /// Its process, if it has one.
    pub pid: Option<u32>,
    /// Since when it is in this state, RFC 3339 UTC.
    pub since: String,
    /// How often it was started again since `up`.
    pub restarts: u32,
    /// Why it is not ready or has ended, for people: exit status, last log lines, what it waits for.
    pub because: Option<String>,
}

/// Why a runtime could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// What went wrong, with what to do about it.
    #[error("{what}")]
    Failed {
        /// What and why.
        what: String,
        /// What to do next.
        hint: Option<String>,
    },
}

impl RuntimeError {
    /// What went wrong, with nothing more to say.
    pub fn new(what: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), hint: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        let Self::Failed { what, .. } = self;
        Self::Failed { what, hint: Some(hint.into()) }
    }
}

/// A place where services run. Every operation may be called twice: the second time changes
/// nothing.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Makes the runtime able to run services, and takes over what a killed one left behind.
    /// `up` calls it before it observes.
    async fn prepare(&self) -> Result<(), RuntimeError> {
        Ok(())
    }
    /// The services of this mesh as they are, sorted by instance. Starts nothing.
    async fn observe(&self) -> Result<Vec<ServiceStatus>, RuntimeError>;
    /// Starts a service, or replaces it if it runs with another specification. Returns when the
    /// process exists, not when it is ready.
    async fn start(&self, spec: &ServiceSpec) -> Result<(), RuntimeError>;
    /// Waits until the service is ready.
    ///
    /// # Errors
    /// When it fails or `within` has passed; the error holds the last lines of its log.
    async fn wait_ready(&self, instance: &str, within: Duration) -> Result<(), RuntimeError>;
    /// Makes a running service read its files again by its reload signal, and remembers `spec` as
    /// what now runs (it differs from the present one in `files_digest` only).
    async fn reload(&self, spec: &ServiceSpec) -> Result<(), RuntimeError>;
    /// Stops a service and forgets it. No process of it is left when this returns.
    async fn stop(&self, instance: &str) -> Result<(), RuntimeError>;
    /// Ends what the runtime itself keeps running when no service is left.
    async fn finish(&self) -> Result<(), RuntimeError>;
}
