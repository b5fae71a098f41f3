//! `up --rollback-on-failure`: after a failure the mesh becomes what it was before.

use std::collections::BTreeSet;

use super::failure::{Failure, Kind};
use super::steps::{self, Reporter};
use super::{Context, trust};
use crate::mesh::model::Mesh;
use crate::plan::apply::{Executor, Report};
use crate::plan::before::Before;
use crate::plan::journal::Journal;
use crate::plan::step::{Action, Plan};

/// How far it came.
pub(super) struct Back {
    /// The journal as it is then.
    pub(super) journal: Journal,
    /// What could not be taken back; none = all is as it was.
    pub(super) left: Option<Failure>,
}

/// Whether a failure is one to go back after: its user did not stop it, and the journal can be written.
pub(super) fn is_needed(report: &Report, failed: &Failure) -> bool {
    report.journal_error.is_none() && !report.is_interrupted() && failed.kind != Kind::Interrupted
}

/// Takes back what an `up` did.
pub(super) async fn go(cx: &Context, mesh: &Mesh, before: &Before, executor: &Executor<'_>, journal: Journal) -> Back {
    cx.ui.progress("going back to what was there before");
    let plan = match before.plan(executor.runtime, journal.clone()).await.and_then(|plan| {
        before.put_back()?;
        Ok(plan)
    }) {
        Ok(plan) => plan,
        Err(trouble) => return Back { journal, left: Some(trouble.into()) },
    };
    let mut code = trust::used_by(mesh);
    code.extend(plan.steps.iter().filter_map(|step| product(&step.action)));
    // What is not trusted any more is not started: its steps say so.
    let trusted = trust::permit(cx, code).ok();
    let executor = Executor {
        trusted: trusted.as_ref().or(executor.trusted),
        events: &Reporter::going_back(cx),
        stop: executor.stop.clone(),
        ..*executor
    };
    let mut report = executor.apply(&plan, journal).await;
    if report.journal_error.is_none() {
        report.journal_error = before.restore_tried(&mut report.journal).err();
    }
    let left = end(before, &executor, &plan, &report).await;
    Back { journal: report.journal, left: left.err() }
}

async fn end(before: &Before, executor: &Executor<'_>, plan: &Plan, report: &Report) -> Result<(), Failure> {
    steps::outcome(plan, report, "the way back")?;
    if !before.had_services() {
        executor.runtime.finish().await?;
    }
    Ok(())
}

/// The product whose code a step puts to work.
fn product(action: &Action) -> Option<String> {
    match action {
        Action::Start(launch) | Action::Restart(launch) | Action::Reload(launch) => Some(launch.spec.product.clone()),
        Action::Setup(setup) => Some(setup.call.own.product.clone()),
        action => action.runs_file_of(),
    }
}

/// What the command says in the end.
pub(super) fn failure(failed: Failure, left: Option<Failure>) -> Failure {
    let Some(left) = left else {
        let message =
            format!("{}\nthe mesh is as it was before this `up`; the documents stay as you wrote them", failed.message);
        return Failure { message, ..failed }.hint("`resilmesh up` tries again");
    };
    let message = format!("{}\nnot everything could be taken back: {}", failed.message, left.message);
    let hints: BTreeSet<String> = failed.hints.iter().chain(&left.hints).cloned().collect();
    let failure = Failure { message, hints: hints.into_iter().collect(), ..failed };
    failure.hint(
        "`resilmesh status` shows what there is; `resilmesh up` goes on from there, `resilmesh down` takes it away",
    )
}
