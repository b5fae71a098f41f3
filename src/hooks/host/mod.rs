//! Hosts: the processes that run vendors' hooks.
//!
//! A host is started when the first of its hooks is called, and serves every call of a command. All
//! products share one, save those that need packages of their own: these have a host each. A host
//! that dies fails the calls it had; the next call starts another, and so does one after a hook that
//! does not end when it is told to.

mod process;
mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use resilmesh_hook_api::{Call, Failure, HookRef, Level, Request};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use self::process::Host;
use super::HookError;
pub use program::{Interpreter, PYTHON_HOST, find as python_host, interpreter};

/// How long a host may take to end a call that is no longer wanted, before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// Answers what hooks ask of the project.
#[async_trait::async_trait]
pub trait Desk: Send + Sync {
    /// The answer, for the call that asks. What comes one by one is handed to `item` before. Dropping the
    /// future ends what is under way.
    ///
    /// # Errors
    /// Why there is none.
    async fn answer(&self, call: &Call, request: Request, item: &Items) -> Result<Value, Failure>;
}

/// Takes the things that come one by one for a question, before its answer.
pub type Items = dyn Fn(Value) + Send + Sync;

/// Hears what hooks say to people.
pub trait Voice: Send + Sync {
    /// A line of a hook, if it is known of which.
    fn line(&self, hook: Option<&HookRef>, level: Level, text: &str);
    /// A text without the secrets that hooks were given.
    fn clean(&self, text: &str) -> String;
}

/// Finds the packages that a product's code needs.
#[async_trait::async_trait]
pub trait Packages: Send + Sync {
    /// Folders to import from; none if the product needs nothing of its own.
    ///
    /// # Errors
    /// When they cannot be had.
    async fn of(&self, product: &str, folder: &Path) -> Result<Option<PathBuf>, HookError>;
}

/// The hosts of a command.
pub struct Hosts {
    project: PathBuf,
    desk: Arc<dyn Desk>,
    voice: Arc<dyn Voice>,
    packages: Arc<dyn Packages>,
    running: Mutex<BTreeMap<Option<PathBuf>, Arc<Host>>>,
    /// Those that were held up by a hook that does not end.
    replaced: Mutex<Vec<Arc<Host>>>,
}

impl std::fmt::Debug for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosts").field("project", &self.project).finish_non_exhaustive()
    }
}

impl Hosts {
    /// None runs yet. `project` is absolute.
    pub fn new(project: PathBuf, desk: Arc<dyn Desk>, voice: Arc<dyn Voice>, packages: Arc<dyn Packages>) -> Self {
        Self { project, desk, voice, packages, running: Mutex::default(), replaced: Mutex::default() }
    }

    /// Calls a hook; what it returns. Dropping the future interrupts the hook.
    ///
    /// # Errors
    /// The hook's, or why it could not be called.
    pub async fn call(&self, call: Call) -> Result<Value, HookError> {
        self.host_of(&call.hook).await?.call(call, None).await
    }

    /// Calls a hook that gives items as it goes.
    ///
    /// # Errors
    /// As [`Hosts::call`].
    pub async fn call_with_items(&self, call: Call, items: mpsc::Sender<Value>) -> Result<Value, HookError> {
        self.host_of(&call.hook).await?.call(call, Some(items)).await
    }

    /// A text of a hook as people may read it: without the secrets that hooks were given.
    pub fn clean(&self, text: &str) -> String {
        self.voice.clean(text)
    }

    /// Starts what runs the hooks of a product before the first of them is called. If that fails, the first
    /// call says why.
    pub async fn prepare(&self, product: &str, folder: &Path) {
        let _ = self.host(product, folder).await;
    }

    /// Makes what the code in a folder needs of packages.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn packages(&self, product: &str, folder: &Path) -> Result<(), HookError> {
        self.packages.of(product, folder).await.map(drop)
    }

    async fn host_of(&self, hook: &HookRef) -> Result<Arc<Host>, HookError> {
        self.host(&hook.product, Path::new(&hook.folder)).await
    }

    async fn host(&self, product: &str, folder: &Path) -> Result<Arc<Host>, HookError> {
        let packages = self.packages.of(product, folder).await?;
        let mut running = self.running.lock().await;
        if let Some(host) = running.get(&packages)
            && host.is_free().await
        {
            return Ok(Arc::clone(host));
        }
        let host = Host::start(&self.project, packages.as_deref(), &self.desk, &self.voice).await?;
        self.replaced.lock().await.extend(running.insert(packages, Arc::clone(&host)));
        Ok(host)
    }

    /// Ends every host; one that does not end by itself is killed.
    pub async fn end(&self) {
        let running = std::mem::take(&mut *self.running.lock().await);
        let replaced = std::mem::take(&mut *self.replaced.lock().await);
        futures::future::join_all(running.into_values().chain(replaced).map(|host| async move { host.end().await }))
            .await;
    }
}
