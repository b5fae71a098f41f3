//! What a hook is called with.

mod documents;
mod kinds;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use resilmesh_hook_api::{Call, Level, Request};
use serde::Serialize;
use serde_json::Value;

pub(crate) use self::documents::typed;
pub use self::documents::{Instance, Integration, Plug};
pub(crate) use self::kinds::Made;
pub use self::kinds::made;
pub use self::kinds::{Check, Execute, Produce, Publish, Pull, Scaffold, Setup, Teardown, Trigger, Watch};
use crate::error::{Error, Result};

/// The way from a call to `resilmesh`.
pub(crate) trait Desk: Send + Sync {
    /// Asks, and waits for the answer; what comes before it is handed on.
    fn ask(&self, request: Request, item: &mut dyn FnMut(Value)) -> Result<Value>;
    /// Tells people something.
    fn log(&self, level: Level, text: String);
    /// Tells how far the call is.
    fn progress(&self, text: String, done: Option<f64>) -> Result<()>;
    /// Hands over one of the things that the call gives.
    fn item(&self, value: Value) -> Result<()>;
    /// Why the call is not wanted any more; none if it is.
    fn cancelled(&self) -> Option<String>;
    /// Waits until the call is not wanted any more.
    #[cfg(feature = "async")]
    fn when_cancelled(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// What every hook can do. Each kind of hook has a type of its own, which can do this too.
#[derive(Clone)]
pub struct Context {
    call: Arc<Call>,
    project: Arc<Path>,
    desk: Arc<dyn Desk>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("call", &self.call).finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) fn new(call: Arc<Call>, project: Arc<Path>, desk: Arc<dyn Desk>) -> Self {
        Self { call, project, desk }
    }

    /// The call as `resilmesh` made it.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The folder of the project.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// The folder of the product whose hook it is.
    pub fn product_folder(&self) -> PathBuf {
        PathBuf::from(&self.call.hook.folder)
    }

    /// Tells people something.
    pub fn log(&self, level: Level, text: impl Into<String>) {
        self.desk.log(level, text.into());
    }

    /// Tells people something that is as it should be.
    pub fn info(&self, text: impl Into<String>) {
        self.log(Level::Info, text);
    }

    /// Tells people that something may be wrong.
    pub fn warn(&self, text: impl Into<String>) {
        self.log(Level::Warning, text);
    }

    /// Tells those who look for a mistake: shown with `--verbose`.
    pub fn debug(&self, text: impl Into<String>) {
        self.log(Level::Debug, text);
    }

    /// Tells what the call is doing.
    ///
    /// # Errors
    /// When the call is not wanted any more.
    pub fn progress(&self, text: impl Into<String>) -> Result<()> {
        self.go_on()?;
        self.desk.progress(text.into(), None)
    }

    /// Tells what the call is doing, and how much of it is done, from 0 to 1.
    ///
    /// # Errors
    /// When the call is not wanted any more.
    pub fn progress_to(&self, text: impl Into<String>, done: f64) -> Result<()> {
        self.go_on()?;
        self.desk.progress(text.into(), Some(done))
    }

    /// Asks the user for a text; refused if nobody can be asked.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn prompt(&self, message: impl Into<String>) -> Result<String> {
        self.ask_for(Request::Prompt { message: message.into(), hidden: false })
    }

    /// Asks the user for a text that is not shown while it is typed.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn prompt_hidden(&self, message: impl Into<String>) -> Result<String> {
        self.ask_for(Request::Prompt { message: message.into(), hidden: true })
    }

    /// Asks `resilmesh` anything that the protocol knows.
    ///
    /// # Errors
    /// When it is refused, or the call is not wanted any more.
    #[track_caller]
    pub fn ask(&self, request: Request) -> Result<Value> {
        self.ask_each(request, |_| ())
    }

    /// Asks, and takes what comes before the answer: what a watch shows.
    ///
    /// # Errors
    /// As [`Context::ask`].
    pub fn ask_each(&self, request: Request, mut item: impl FnMut(Value)) -> Result<Value> {
        self.go_on()?;
        self.desk.ask(request, &mut item)
    }

    /// Whether the call is not wanted any more: a loop looks at it, and ends.
    pub fn is_cancelled(&self) -> bool {
        self.desk.cancelled().is_some()
    }

    /// Goes on only if the call is still wanted: `ctx.go_on()?` in a loop.
    ///
    /// # Errors
    /// When it is not.
    pub fn go_on(&self) -> Result<()> {
        self.desk.cancelled().map_or(Ok(()), |why| Err(Error::cancelled(why)))
    }

    #[cfg(feature = "async")]
    pub(crate) async fn when_cancelled(&self) {
        self.desk.when_cancelled().await;
    }

    pub(crate) fn hand_over(&self, item: impl Serialize) -> Result<()> {
        self.go_on()?;
        self.desk.item(serde_json::to_value(item)?)
    }

    /// An answer of a known type.
    pub(crate) fn ask_for<T: serde::de::DeserializeOwned>(&self, request: Request) -> Result<T> {
        let answer = self.ask(request)?;
        serde_json::from_value(answer)
            .map_err(|error| Error::new(format!("resilmesh answered with something else: {error}")))
    }
}
