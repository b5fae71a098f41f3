//! Carries a plan out and decides nothing: steps that do not wait for each other run at the same
//! time, what waits for a failed one is skipped, and the journal is written around every step.

mod actions;
mod notes;

use std::fmt;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::journal::DoneSetup;
use super::journal::{Journal, JournalError};
use super::paths::StateFolder;
use super::step::{Plan, Setup, Step};
use crate::hooks::{HookError, Outcome as HookOutcome};
use crate::runtime::{Runtime, RuntimeError};
use crate::trust::Trusted;

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepError {
    /// What went wrong and why.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<RuntimeError> for StepError {
    fn from(error: RuntimeError) -> Self {
        let RuntimeError::Failed { what, hint } = error;
        Self { what, hint }
    }
}

impl From<HookError> for StepError {
    fn from(error: HookError) -> Self {
        Self { what: error.what, hint: error.hint }
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

/// Calls the hooks of setups.
#[async_trait::async_trait]
pub trait Hooks: Sync {
    /// Calls the setup hook.
    ///
    /// # Errors
    /// The hook's.
    async fn setup(&self, setup: &Setup) -> Result<HookOutcome, HookError>;
    /// Calls the teardown hook for what was set up.
    ///
    /// # Errors
    /// The hook's.
    async fn teardown(&self, done: &DoneSetup) -> Result<HookOutcome, HookError>;
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
        let mut round = Round {
            ended: vec![None; plan.steps.len()],
            begun: vec![false; plan.steps.len()],
            journal,
            journal_error: None,
        };
        let mut running = FuturesUnordered::new();
        loop {
            while let Some(index) = round.next(plan, self.stop.is_cancelled()) {
                let step = &plan.steps[index];
                round.begun[index] = true;
                if round.note(self.state, |journal| notes::before(journal, &step.action)) {
                    self.events.step(plan, index, &Progress::Begun);
                    let since = Instant::now();
                    running.push(async move { (index, self.run(step).await, since.elapsed()) });
                }
            }
            self.skip(plan, &mut round);
            let Some((index, ended, took)) = running.next().await else { break };
            if matches!(ended, Ended::Done(_)) {
                round.note(self.state, |journal| notes::after(journal, &plan.steps[index].action));
            }
            self.events.step(plan, index, &Progress::Ended(&ended, took));
            round.ended[index] = Some(ended);
        }
        let ended = round.ended.into_iter().map(|ended| ended.unwrap_or(Ended::Interrupted)).collect();
        Report { ended, journal: round.journal, journal_error: round.journal_error }
    }

    /// Ends the steps that can no longer be begun.
    fn skip(&self, plan: &Plan, round: &mut Round) {
        for (index, step) in plan.steps.iter().enumerate() {
            let blocked = step.after.iter().find(|before| {
                round.ended[**before]
                    .as_ref()
                    .is_some_and(|ended| matches!(ended, Ended::Failed(_) | Ended::Skipped(_)))
            });
            if let (None, false, Some(because)) = (&round.ended[index], round.begun[index], blocked) {
                let ended = Ended::Skipped(*because);
                self.events.step(plan, index, &Progress::Ended(&ended, Duration::ZERO));
                round.ended[index] = Some(ended);
            }
        }
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

struct Round {
    ended: Vec<Option<Ended>>,
    begun: Vec<bool>,
    journal: Journal,
    journal_error: Option<JournalError>,
}

impl Round {
    /// A step that can be begun now.
    fn next(&self, plan: &Plan, stopped: bool) -> Option<usize> {
        if stopped || self.journal_error.is_some() {
            return None;
        }
        let done = |index: &usize| matches!(self.ended[*index], Some(Ended::Done(_)));
        (0..plan.steps.len()).find(|index| {
            !self.begun[*index] && self.ended[*index].is_none() && plan.steps[*index].after.iter().all(done)
        })
    }

    /// Changes the journal and writes it; whether that went well.
    fn note(&mut self, state: &StateFolder, change: impl FnOnce(&mut Journal) -> bool) -> bool {
        if !change(&mut self.journal) {
            return true;
        }
        match self.journal.save(&state.journal()) {
            Ok(()) => true,
            Err(error) => {
                self.journal_error.get_or_insert(error);
                false
            }
        }
    }
}
