//! Hosts: the processes that run vendors' hooks.
//!
//! A host is started when the first of its hooks is called, and serves every call of a command. All
//! products with hooks in Python share one, save those that need packages of their own: these have a host each, and
//! so has each product with hooks in Rust: the program that its crate becomes. A host
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
use crate::project::product_folder::ProductFolder;
use crate::project::rust_hooks;
pub(super) use program::WITHHELD;
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

/// Makes the programs that crates of hooks become.
#[async_trait::async_trait]
pub trait Programs: Send + Sync {
    /// The program of a product's crate; it is built if it has to be.
    ///
    /// # Errors
    /// When it cannot be had.
    async fn of(&self, product: &str, folder: &Path) -> Result<PathBuf, HookError>;
}

/// What a host runs: all that differs from one to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The host of Python hooks, with packages to import.
    Python(Option<PathBuf>),
    /// The program of a crate.
    Rust(PathBuf),
    /// A program that the product brings.
    Own(PathBuf),
}

impl Kind {
    /// For people.
    const fn words(&self) -> &'static str {
        match self {
            Self::Python(_) => "the host of Python hooks",
            Self::Rust(_) => "the host of Rust hooks",
            Self::Own(_) => "the product's own host",
        }
    }
}

/// What products need before their hooks can run.
#[derive(Clone)]
pub struct Needs {
    /// Packages of those in Python.
    pub packages: Arc<dyn Packages>,
    /// Programs of those in Rust.
    pub programs: Arc<dyn Programs>,
}

/// The hosts of a command.
pub struct Hosts {
    project: PathBuf,
    desk: Arc<dyn Desk>,
    voice: Arc<dyn Voice>,
    needs: Needs,
    running: Mutex<BTreeMap<Kind, Arc<Host>>>,
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
    pub fn new(project: PathBuf, desk: Arc<dyn Desk>, voice: Arc<dyn Voice>, needs: Needs) -> Self {
        Self { project, desk, voice, needs, running: Mutex::default(), replaced: Mutex::default() }
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

    /// Starts what runs the hooks in a file of a product before the first of them is called. If that fails, the
    /// first call says why.
    pub async fn prepare(&self, product: &str, folder: &Path, file: &str) {
        let _ = self.host(product, folder, file).await;
    }

    /// Builds the program of a product's hooks in Rust, if it has to be; where it is.
    ///
    /// # Errors
    /// What the compiler says.
    pub async fn build(&self, product: &str, folder: &Path) -> Result<PathBuf, HookError> {
        self.needs.programs.of(product, folder).await
    }

    /// Makes what the code in a folder needs of packages.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn packages(&self, product: &str, folder: &Path) -> Result<(), HookError> {
        self.needs.packages.of(product, folder).await.map(drop)
    }

    async fn host_of(&self, hook: &HookRef) -> Result<Arc<Host>, HookError> {
        self.host(&hook.product, Path::new(&hook.folder), &hook.file).await
    }

    async fn host(&self, product: &str, folder: &Path, file: &str) -> Result<Arc<Host>, HookError> {
        let kind = if rust_hooks::is_code(file) {
            Kind::Rust(self.needs.programs.of(product, folder).await?)
        } else if !ProductFolder::is_code(file) {
            Kind::Own(folder.join(file))
        } else {
            Kind::Python(self.needs.packages.of(product, folder).await?)
        };
        let mut running = self.running.lock().await;
        if let Some(host) = running.get(&kind)
            && host.is_free().await
        {
            return Ok(Arc::clone(host));
        }
        let host = Host::start(&self.project, &kind, &self.desk, &self.voice).await?;
        self.replaced.lock().await.extend(running.insert(kind, Arc::clone(&host)));
        Ok(host)
    }

    /// Kills every host with all that its hooks have started; the calls that they had fail.
    pub async fn kill(&self) {
        self.running.lock().await.values().for_each(|host| host.kill());
    }

    /// Whether calls that nobody waits for any more have ended within that time, by themselves.
    pub async fn settle(&self, within: Duration) -> bool {
        let running: Vec<Arc<Host>> = self.running.lock().await.values().cloned().collect();
        let settled = futures::future::join_all(running.iter().map(|host| host.settles(within))).await;
        settled.into_iter().all(|settled| settled)
    }

    /// Ends every host; one that does not end by itself is killed.
    pub async fn end(&self) {
        let running = std::mem::take(&mut *self.running.lock().await);
        let replaced = std::mem::take(&mut *self.replaced.lock().await);
        futures::future::join_all(running.into_values().chain(replaced).map(|host| async move { host.end().await }))
            .await;
    }
}
