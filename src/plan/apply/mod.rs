//! Carries a plan out and decides nothing: steps that do not wait for each other run at the same
//! time, what waits for a failed one is skipped, and the journal is written around every step.

mod actions;
mod notes;
mod queue;
mod round;

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fmt, iter};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;

pub(in crate::plan) use self::notes::{UNFINISHED, before};
pub use self::queue::{Parallel, Turns};
use self::round::Round;
use super::journal::{Appender, DoneSetup, Journal, JournalError, Undo};
use super::paths::StateFolder;
use super::step::{Plan, Setup, Step};
use crate::hooks::{HookError, Trace};
use crate::project::saved::Edited;
use crate::runtime::{Runtime, RuntimeError};
use crate::trust::Trusted;

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepError {
    /// What went wrong and why.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in a vendor's code.
    pub trace: Option<Box<Trace>>,
}

impl StepError {
    /// An error of our own.
    pub fn new(what: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self { what: what.into(), hint: hint.into(), trace: None }
    }
}

impl From<RuntimeError> for StepError {
    fn from(error: RuntimeError) -> Self {
        let RuntimeError::Failed { what, hint } = error;
        Self::new(what, hint)
    }
}

impl From<HookError> for StepError {
    fn from(error: HookError) -> Self {
        let HookError { what, hint, trace } = error;
        Self { what, hint, trace }
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It is done; what it did, if there is more to say than its name.
    Done(Option<String>),
    /// It failed.
    Failed(StepError),
    /// It was not begun: a step before it, by index, was not done.
    Skipped(usize),
    /// It was not begun, or broken off, because the user stopped.
    Interrupted,
}

/// What happened to a step, as it happens.
#[derive(Debug)]
pub enum Progress<'a> {
    /// It has begun.
    Begun,
    /// It has ended, after this time.
    Ended(&'a Ended, Duration),
}

/// Hears how a plan comes along.
pub trait Events {
    /// Something happened to the step with this index.
    fn step(&self, plan: &Plan, index: usize, progress: &Progress<'_>);
}

/// Calls the hooks of setups. Each says what it did, if there is more to say than that it is done.
#[async_trait::async_trait]
pub trait Hooks: Sync {
    /// Calls the setup hook.
    ///
    /// # Errors
    /// The hook's.
    async fn setup(&self, setup: &Setup) -> Result<Option<String>, HookError>;
    /// Calls the teardown hook for what was set up.
    ///
    /// # Errors
    /// The hook's.
    async fn teardown(&self, done: &DoneSetup) -> Result<Option<String>, HookError>;
    /// Makes what the code in a folder needs of packages.
    ///
    /// # Errors
    /// When it cannot be had.
    async fn packages(&self, product: &str, folder: &Path) -> Result<(), HookError>;

    /// Calls a teardown hook of a plug; with settings as they were before somebody has edited them.
    ///
    /// # Errors
    /// The hook's.
    async fn undo(&self, undo: &Undo, edited: Option<&Edited>) -> Result<Option<String>, HookError>;
}

/// How it went.
#[derive(Debug)]
pub struct Report {
    /// How each step ended.
    pub ended: Vec<Ended>,
    /// The journal as written.
    pub journal: Journal,
    /// Why the journal could not be written: nothing further was begun then.
    pub journal_error: Option<JournalError>,
}

impl Report {
    /// All steps are done.
    pub fn is_done(&self) -> bool {
        self.journal_error.is_none() && self.ended.iter().all(|ended| matches!(ended, Ended::Done(_)))
    }

    /// The user stopped.
    pub fn is_interrupted(&self) -> bool {
        self.ended.contains(&Ended::Interrupted)
    }

    /// The steps that failed, with why.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &StepError)> {
        self.ended.iter().enumerate().filter_map(|(index, ended)| match ended {
            Ended::Failed(error) => Some((index, error)),
            _ => None,
        })
    }
}

/// What carries a plan out.
pub struct Executor<'a> {
    /// Proof that what the steps start may run; none = nothing is started, as with `down`.
    pub trusted: Option<&'a Trusted>,
    /// Where files go.
    pub state: &'a StateFolder,
    /// Where services run.
    pub runtime: &'a dyn Runtime,
    /// How hooks are called.
    pub hooks: &'a dyn Hooks,
    /// How long a service may take to become ready, and a hook to end.
    pub patience: Duration,
    /// How much is done at the same time.
    pub parallel: Parallel,
    /// Who is told.
    pub events: &'a dyn Events,
    /// The user wants to stop: what runs is ended, nothing further is begun.
    pub stop: CancellationToken,
}

impl fmt::Debug for Executor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("state", &self.state).field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Executor<'_> {
    /// Carries the plan out.
    pub async fn apply(&self, plan: &Plan, journal: Journal) -> Report {
        let appender = match Appender::open(&self.state.journal(), &journal) {
            Ok(appender) => appender,
            Err(error) => {
                let ended = vec![Ended::Interrupted; plan.steps.len()];
                return Report { ended, journal, journal_error: Some(error) };
            }
        };
        let mut round = Round::new(plan, self.parallel, journal, appender);
        let mut running = FuturesUnordered::new();
        loop {
            for index in round.begin(self.stop.is_cancelled()) {
                self.events.step(plan, index, &Progress::Begun);
                let since = Instant::now();
                running.push(async move { (index, self.run(&plan.steps[index]).await, since.elapsed()) });
            }
            let Some(first) = running.next().await else { break };
            // What has ended by now too makes room for steps that are then noted together.
            let others = iter::from_fn(|| running.next().now_or_never().flatten());
            for (index, ended, took) in iter::once(first).chain(others) {
                round.note_end(index, &ended);
                self.events.step(plan, index, &Progress::Ended(&ended, took));
                for (skipped, because) in round.end(index, ended) {
                    let ended = Ended::Skipped(because);
                    self.events.step(plan, skipped, &Progress::Ended(&ended, Duration::ZERO));
                }
            }
        }
        round.finish()
    }

    async fn run(&self, step: &Step) -> Ended {
        if !actions::can_be_broken_off(&step.action) {
            return ended(actions::run(self, &step.action).await);
        }
        tokio::select! {
            result = actions::run(self, &step.action) => ended(result),
            () = self.stop.cancelled() => Ended::Interrupted,
        }
    }
}

fn ended(result: Result<Option<String>, StepError>) -> Ended {
    result.map_or_else(Ended::Failed, Ended::Done)
}
