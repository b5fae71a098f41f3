//! How vendors' code runs: hooks in files of products, which [`host`] calls, and those that are
//! compiled in with the catalogue.
//!
//! A built-in product's hooks lie below `products/<product>/hooks/mod.rs`, as functions with the attributes that
//! vendors use too; the build script adds that module, and the attributes register the hooks, so that a new
//! product changes no other file. [`find`] looks one up, [`HookContext`] is what it is given.
//!
//! | kind | when | what it gives |
//! |---|---|---|
//! | setup | `up`: the own end of a plug is to be made | [`Outcome`] |
//! | check | `plan`, `up`: is it as declared? | [`Drift`] |
//! | teardown | the plug is no longer declared | [`Outcome`] |
//! | stats | `status` | numbers for each instance at the other end |
//! | produce | `produce` | a [`Producer`] that takes lines |
//! | watch | `watch` | a stream of events, copied |
//! | search | `search` | events that are kept and match a query |
//! | forget | after `trace` | an event that was kept is deleted |

mod builtin;
mod context;
pub mod desk;
pub mod documents;
pub mod host;
pub mod hosted;
pub mod packages;
pub mod rust;
mod verdict;

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde_json::Value;

use crate::mesh::model::{Mode, Role};

pub use builtin::{all, find};
pub use context::{Call, HookContext, Party};
pub use hosted::{Given, HostedHook, folder};
pub use verdict::check;

/// Where in a vendor's code something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// The vendor's own lines, outermost first: `setup.py:12 in inlet: call()`.
    pub lines: Vec<String>,
    /// The whole traceback, for those who ask for more.
    pub full: Option<String>,
}

/// Why a hook could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct HookError {
    /// What went wrong and why: lower case, no final period.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where, if it is the code of a file.
    pub trace: Option<Box<Trace>>,
}

impl std::convert::From<resilmesh_hook_api::Failure> for HookError {
    fn from(failure: resilmesh_hook_api::Failure) -> Self {
        let resilmesh_hook_api::Failure { message, hint, class, traceback, full } = failure;
        let what = match class {
            Some(class) if message.is_empty() => class,
            Some(class) if class != "RuntimeError" && class != "ValueError" => format!("{class}: {message}"),
            _ => message,
        };
        let trace = (!traceback.is_empty() || full.is_some()).then(|| Box::new(Trace { lines: traceback, full }));
        Self { what, hint, trace }
    }
}

impl HookError {
    /// An error with nothing more to say.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, trace: None }
    }

    /// With each of its texts changed.
    #[must_use]
    pub fn map(self, change: impl Fn(&str) -> String) -> Self {
        Self {
            what: change(&self.what),
            hint: self.hint.as_deref().map(&change),
            trace: self.trace.map(|trace| {
                let lines = trace.lines.iter().map(|line| change(line)).collect();
                Box::new(Trace { lines, full: trace.full.as_deref().map(&change) })
            }),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What a setup or teardown did. To undo a setup, its teardown is called with the same [`Call`],
/// which the journal keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was as it should be already.
    Unchanged,
    /// What it did, for people: `created stream `logs``.
    Changed(String),
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// All is as declared.
    AsDeclared,
    /// Something is not there or different, for people: `stream `logs` is gone`.
    Differs(String),
}

/// Numbers of one instance, by name: `lag`, `rejected`, ...
pub type Numbers = BTreeMap<String, u64>;

/// Takes lines and sends each the way the source of a plug would.
#[async_trait::async_trait]
pub trait Producer: Send {
    /// Sends one line; returns when it is handed over, with its id if it has one already.
    ///
    /// # Errors
    /// When it cannot be sent, or the other side refuses it.
    async fn send(&mut self, line: &str) -> Result<Option<String>, HookError>;
    /// Returns when all that was sent is accepted.
    ///
    /// # Errors
    /// When something was not.
    async fn finish(self: Box<Self>) -> Result<(), HookError>;
}

/// From when on a watch shows events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum From {
    /// From now on.
    #[default]
    Now,
    /// From the oldest that is kept.
    Start,
}

/// Events as they flow, for as long as one listens.
pub type Events = BoxStream<'static, Result<Value, HookError>>;

/// What is looked for among the events that an instance keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// In the product's own query language.
    pub text: String,
    /// How many events to give at most.
    pub size: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// How many events match.
    pub total: u64,
    /// The newest of them, newest first.
    pub events: Vec<Value>,
}

type Work<'a, T> = BoxFuture<'a, Result<T, HookError>>;

/// The code of a hook, by kind.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// Makes the own end of a plug. Called twice, it changes nothing the second time.
    Setup(for<'a> fn(&'a HookContext) -> Work<'a, Outcome>),
    /// Takes it away again.
    Teardown(for<'a> fn(&'a HookContext) -> Work<'a, Outcome>),
    /// Compares it with what is declared; changes nothing.
    Check(for<'a> fn(&'a HookContext) -> Work<'a, Drift>),
    /// Reads numbers about the instances connected to the own one.
    Stats(for<'a> fn(&'a HookContext) -> Work<'a, BTreeMap<String, Numbers>>),
    /// Opens a way in for lines.
    Produce(for<'a> fn(&'a HookContext) -> Work<'a, Box<dyn Producer>>),
    /// Shows what flows; never takes it away from others.
    Watch(for<'a> fn(&'a HookContext, From) -> Work<'a, Events>),
    /// Finds events among those that the instance keeps.
    Search(for<'a> fn(&'a HookContext, &'a Query) -> Work<'a, Found>),
    /// Deletes the event of this id from those that the instance keeps.
    Forget(for<'a> fn(&'a HookContext, &'a str) -> Work<'a, ()>),
}

/// When a hook is called; the words of `hooks` in definition.yaml, `stats`, `search` and `forget`,
/// which concern no plug and so are not declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// See [`Run::Setup`].
    Setup,
    /// See [`Run::Teardown`].
    Teardown,
    /// See [`Run::Check`].
    Check,
    /// See [`Run::Stats`].
    Stats,
    /// See [`Run::Produce`].
    Produce,
    /// See [`Run::Watch`].
    Watch,
    /// See [`Run::Search`].
    Search,
    /// See [`Run::Forget`].
    Forget,
}

/// A hook that is compiled in.
#[derive(Debug, Clone, Copy)]
pub struct BuiltinHook {
    /// For which part its product plays; none = any.
    pub role: Option<Role>,
    /// For which topic; none = any.
    pub topic: Option<&'static str>,
    /// In which mode; none = any.
    pub mode: Option<Mode>,
    /// For which format; none = any.
    pub format: Option<&'static str>,
    /// For people: `create the stream`.
    pub title: &'static str,
    /// Its code.
    pub run: Run,
}

impl BuiltinHook {
    /// When it is called.
    pub fn kind(&self) -> Kind {
        match self.run {
            Run::Setup(_) => Kind::Setup,
            Run::Teardown(_) => Kind::Teardown,
            Run::Check(_) => Kind::Check,
            Run::Stats(_) => Kind::Stats,
            Run::Produce(_) => Kind::Produce,
            Run::Watch(_) => Kind::Watch,
            Run::Search(_) => Kind::Search,
            Run::Forget(_) => Kind::Forget,
        }
    }

    /// Whether it is for a call of this kind.
    pub fn serves(&self, kind: Kind, call: &Call) -> bool {
        self.kind() == kind
            && (self.role.is_none() || call.role.is_none() || self.role == call.role)
            && self.topic.is_none_or(|topic| call.topic.as_deref().is_none_or(|own| own == topic))
            && (self.mode.is_none() || call.mode.is_none() || self.mode == call.mode)
            && self.format.is_none_or(|format| call.format.as_deref().is_none_or(|own| own == format))
    }
}
