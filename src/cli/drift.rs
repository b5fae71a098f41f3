//! `resilmesh drift`: what was changed behind our back.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use super::Context;
use super::failure::Failure;
use super::plan::{self, print_file};
use super::trust;
use crate::plan::changes;
use crate::plan::desired::Desired;
use crate::plan::drift::{self, Found};
use crate::plan::history::History;
use crate::plan::journal::Journal;
use crate::plan::keyed::Key;
use crate::plan::observe::{Checker, observe_left};
use crate::plan::paths::StateFolder;
use crate::plan::trouble::Trouble;
use crate::runtime::Runtime;
use crate::runtime::embedded::{Embedded, Supervision};

/// Show what was changed since `up` by others: services, their files, what setups have made
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// Exit with 2 when something was changed
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Prints what is not as `up` left it. Changes nothing; works also when the project has mistakes.
///
/// # Errors
/// When it cannot be seen; with `--detailed-exitcode`, when something was changed.
pub fn run(cx: &Context, args: DriftArgs) -> Result<(), Failure> {
    let project = cx.project_folder()?;
    let state = StateFolder::of(&project);
    let runtime = Embedded::new(&project)?;
    let mut journal = Journal::load(&state.journal()).map_err(Trouble::from)?;
    journal.turn_to(cx.profile_in(&project).as_deref());
    // Checks are the only code of others that runs.
    let code: BTreeSet<String> = (journal.setups.values())
        .filter(|done| !done.checks.is_empty())
        .map(|done| done.call.own.product.clone())
        .collect();
    let hosts = match code.is_empty() {
        true => None,
        false => trust::permit(cx, code).and_then(|_| cx.hosts(&project)).map(Some)?,
    };
    // What is declared now, if that can be told.
    let declared = cx.compiled().ok();
    let session = declared.and_then(|(project, mesh, _)| plan::session(cx, &project, &mesh, None).ok());
    let key = match &session {
        Some(session) => session.key.clone(),
        None => Key::load(&state.key()).map_err(|error| Trouble::io(&state.key(), &error))?,
    };
    let (mut found, supervision) = super::block_on(async {
        let nothing = Desired::default();
        let wanted = session.as_ref().map_or(&nothing, |session| &session.desired);
        let services = runtime.observe().await?;
        let seen = match &hosts {
            None => observe_left(&state, &key, journal, services, None).await,
            Some(hosts) => {
                let checker = Checker { project: &project, hosts };
                let seen = observe_left(&state, &key, journal, services, Some(&checker)).await;
                hosts.end().await;
                seen
            }
        };
        let differs = |instance: &str| match (&session, wanted.services.get(instance)) {
            (Some(session), Some(service)) => {
                changes::of_folder(&state.rendered(instance), &service.files.files, &session.redactor())
            }
            _ => Vec::new(),
        };
        Ok((drift::found(wanted, &seen, differs), runtime.supervision().await?))
    })?;
    let history = History::load(&state.history())?;
    let left = session.as_ref().map(|session| &session.plan);
    found.extend(left.and_then(|left| drift::unfinished(history.newest_first().next(), left)));
    found.sort_by_key(|one| one.subject);
    show(cx, &found, supervision == Supervision::Gone);
    if args.detailed_exitcode && !found.is_empty() {
        return Err(Failure::pending());
    }
    Ok(())
}

fn show(cx: &Context, found: &[Found], unsupervised: bool) {
    if unsupervised {
        cx.ui.warning("the supervisor has ended; `up` starts another one, which takes over the services that run");
    }
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "supervised": !unsupervised, "drift": found}));
        return;
    }
    for one in found {
        cx.ui.line(format!("{} {}: {}", one.subject.word(), one.name, one.what));
        one.files.iter().for_each(|file| print_file(cx, file));
    }
    match found.is_empty() {
        _ if found.iter().any(|one| !one.files.is_empty()) => cx.ui.progress(
            "in files, `-` is what is there now and `+` what `resilmesh up` writes; `resilmesh plan` shows all that it would do",
        ),
        true => cx.ui.progress("everything is as `up` left it"),
        false => cx.ui.progress("`resilmesh plan` shows how `resilmesh up` would repair it"),
    }
}
