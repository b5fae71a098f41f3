//! How `up` and `down` show their steps, stop, and end.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Context;
use super::failure::{Failure, Kind};
use super::ui::{Running, Ui};
use crate::plan::apply::{Ended, Events, Parallel, Progress, Report, Turns};
use crate::plan::history::Steps;
use crate::plan::lock::Lock;
use crate::plan::paths::StateFolder;
use crate::plan::step::Plan;
use crate::plan::trouble::Trouble;

/// How steps are carried out.
#[derive(Debug, Clone, Args)]
pub struct StepArgs {
    /// How long a service may take to become ready, and a hook to end, such as 90s or 2m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub wait_timeout: Duration,
    /// How many steps are done at the same time; in a project of Meshroom, hooks in Python always run
    /// one by one
    #[arg(long, value_name = "NUMBER", default_value_t = PARALLEL)]
    pub parallel: NonZeroUsize,
    /// How long to wait for another command that changes the mesh, here or at a colleague's, such as 90s or 2m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub lock_timeout: Duration,
    /// Do not ask the remote what others have set up at tenants, nor tell them
    #[arg(long)]
    pub offline: bool,
    /// Go on in place of a colleague who began to change plugs between tenants and did not finish
    #[arg(long)]
    pub take_over: bool,
}

/// Enough to wait for several services of vendors at once, and no burden for any of them.
const PARALLEL: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

impl Default for StepArgs {
    fn default() -> Self {
        Self {
            wait_timeout: Duration::from_secs(60),
            parallel: PARALLEL,
            lock_timeout: Duration::ZERO,
            offline: false,
            take_over: false,
        }
    }
}

impl StepArgs {
    /// Takes the lock of a project, waiting as long as is said.
    ///
    /// # Errors
    /// When somebody else has it, or it cannot be used.
    pub(super) fn lock(&self, cx: &Context, state: &StateFolder, command: &str) -> Result<Lock, Failure> {
        let waits = |holder: &str| cx.ui.progress(format!("waiting: this mesh is being changed by {holder}"));
        Ok(Lock::wait(&state.lock(), command, self.lock_timeout, waits).map_err(Trouble::from)?)
    }

    /// How much is done at the same time. Meshroom's hooks know nothing of others beside them.
    pub(super) fn parallel(&self, is_meshrooms: bool) -> Parallel {
        let hooks = if is_meshrooms { Turns::OfAll } else { Turns::OfInstance };
        Parallel { steps: self.parallel, hooks }
    }
}

/// Shows each step as it ends: a line on standard error, or with `--json` an object on standard
/// output, and one as it begins. On a terminal, what is being done has a line too.
#[derive(Debug)]
pub(super) struct Reporter {
    ui: Ui,
    verbose: bool,
    running: Mutex<BTreeMap<usize, Running>>,
    /// The steps go back to what was there before.
    back: bool,
}

impl Reporter {
    pub(super) fn new(cx: &Context) -> Self {
        Self { ui: cx.ui.clone(), verbose: cx.verbose, running: Mutex::default(), back: false }
    }

    /// Of steps that go back to what was there before.
    pub(super) fn going_back(cx: &Context) -> Self {
        Self { back: true, ..Self::new(cx) }
    }
}

impl Events for Reporter {
    fn step(&self, plan: &Plan, index: usize, progress: &Progress<'_>) {
        let step = &plan.steps[index];
        // A map half changed cannot be: each change is one step.
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&index);
        if self.ui.json {
            self.ui.line(self.event(plan, index, progress).to_string());
            return;
        }
        let Progress::Ended(ended, took) = progress else {
            running.extend(self.ui.running(&step.to_string()).map(|shown| (index, shown)));
            if self.verbose {
                self.ui.progress(format!("  ...       {step}"));
            }
            return;
        };
        let (word, why) = words(ended);
        // The rest of a long reason comes with the error in the end.
        let why = why.and_then(|why| why.lines().next().map(|first| format!(": {first}"))).unwrap_or_default();
        let line = match ended {
            Ended::Done(_) => format!("  {:>6.3} s  {step}{why}", took.as_secs_f64()),
            _ => format!("  {word:<8}  {step}{why}"),
        };
        self.ui.progress(line);
    }
}

impl Reporter {
    /// What programs are told of a step. That it has ended is told in fields that its beginning lacks, so
    /// that who only counts these needs to know nothing of beginnings.
    fn event(&self, plan: &Plan, index: usize, progress: &Progress<'_>) -> Value {
        let action = &plan.steps[index].action;
        let mut event = json!({
            "schema": 1, "event": "step", "state": "begun", "step": index + 1, "of": plan.steps.len(),
            "action": action.verb(), "object": action.object(),
        });
        if let Progress::Ended(ended, took) = progress {
            let (word, why) = words(ended);
            event["state"] = word.into();
            event["ended"] = word.into();
            event["because"] = why.into();
            event["seconds"] = took.as_secs_f64().into();
        }
        if self.back {
            event["rollback"] = true.into();
        }
        event
    }
}

fn words(ended: &Ended) -> (&'static str, Option<String>) {
    match ended {
        Ended::Done(note) => ("done", note.clone()),
        Ended::Failed(error) => ("failed", Some(error.what.clone())),
        Ended::Skipped(because) => ("skipped", Some(format!("step {} was not done", because + 1))),
        Ended::Interrupted => ("stopped", None),
    }
}

/// Tells programs how it went, once all is done: also if there was nothing to do.
pub(super) fn closing(cx: &Context, steps: Steps, result: &Result<(), Failure>, took: Duration) {
    if !cx.ui.json {
        return;
    }
    let state = match result {
        Ok(()) => "done",
        Err(failure) if failure.kind == Kind::Interrupted => "stopped",
        Err(_) => "failed",
    };
    let seconds = took.as_secs_f64();
    cx.ui.line(json!({"schema": 1, "event": "end", "state": state, "steps": steps, "seconds": seconds}).to_string());
}

/// Cancelled by Ctrl-C or a request to end; a second one ends the process at once, as when nobody listens: what
/// is being waited for may be the user, at a prompt. A thread of its own listens, whatever the command is at.
pub(super) fn stop_on_signals() -> CancellationToken {
    let stop = CancellationToken::new();
    // Without it, Ctrl-C ends the process at once, and the next `up` or `down` goes on from the journal.
    let _ = watch_signals(stop.clone());
    stop
}

fn watch_signals(stop: CancellationToken) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let watch = async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(Failure::interrupted().exit_code().into());
            }
            stop.cancel();
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(watch)).map(drop)
}

/// What the command says in the end.
///
/// # Errors
/// When not every step is done.
pub(super) fn verdict(plan: &Plan, report: &Report, command: &str) -> Result<(), Failure> {
    outcome(plan, report, command).map_err(|mut failure| {
        if report.journal_error.is_some() {
            return failure;
        }
        let skipped = report.ended.iter().filter(|ended| matches!(ended, Ended::Skipped(_))).count();
        if skipped > 0 {
            let waiting = match skipped {
                1 => "1 step that waits for that was skipped".to_owned(),
                _ => format!("{skipped} steps that wait for that were skipped"),
            };
            failure.message.push_str(&format!("\n{waiting}; the rest is done"));
        }
        failure.hint(format!("`resilmesh {command}` goes on from there"))
    })
}

/// What became of the steps, without what to do next.
///
/// # Errors
/// When not every step is done.
pub(super) fn outcome(plan: &Plan, report: &Report, command: &str) -> Result<(), Failure> {
    if let Some(error) = &report.journal_error {
        return Err(Failure::new(error.to_string()).hint(error.hint()));
    }
    if report.is_done() {
        return Ok(());
    }
    let mut failures = report.failures();
    let Some((index, first)) = failures.next() else {
        return Err(Failure { kind: Kind::Interrupted, ..Failure::new(format!("`{command}` was stopped")) });
    };
    let step = &plan.steps[index];
    let mut failure = Failure::new(format!("{step}: {}", first.what));
    failure.hints.extend(first.hint.clone());
    failure.trace = first.trace.clone();
    for (index, error) in failures {
        // The lines of each stand under it.
        if let Some(trace) = failure.trace.take() {
            trace.lines.iter().for_each(|line| failure.message.push_str(&format!("\n  {line}")));
        }
        failure.message.push_str(&format!("\n{}: {}", plan.steps[index], error.what));
        failure.trace = error.trace.clone();
        failure.hints.extend(error.hint.clone());
    }
    Err(failure)
}

/// Reads a time such as `500ms`, `90s`, `90` or `2m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| format!("`{text}` is no time"))?;
    match &text[digits..] {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        unit => Err(format!("unit `{unit}` is none of `ms`, `s`, `m`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "s", "1h", "-1s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
