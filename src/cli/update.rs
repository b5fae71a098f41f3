//! `resilmesh update`: bring what others shared into the project.

use clap::Args;
use serde_json::json;

use super::Context;
use super::colleagues;
use super::failure::Failure;
use super::own_clone;
use super::secret;
use crate::git::merge::Conflict;
use crate::git::repository::Repository;
use crate::git::share;
use crate::git::update::{self, Updated};
use crate::mesh::compile::compile;
use crate::mesh::difference::Difference;
use crate::mesh::subject::Subject;
use crate::project::position::Diagnostic;

/// Bring what others shared into the project
///
/// Changes of different things are joined. What two people changed differently is left for you to
/// settle; files that are not committed stay as they are.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Go back to before the last update, if it is in conflict
    #[arg(long)]
    pub abort: bool,
}

/// Updates the project.
///
/// # Errors
/// When it cannot be, or something is in conflict then.
pub fn run(cx: &Context, args: UpdateArgs) -> Result<(), Failure> {
    let repository = Repository::must(&cx.project_folder()?)?;
    if args.abort {
        update::abort(&repository)?;
        let done = json!({"state": "aborted", "changes": [], "conflicts": []});
        cx.ui.done("the project is as it was before the update", done);
        return Ok(());
    }
    let remote = update::remote(&repository)?;
    own_clone::complete(cx, &repository)?;
    // Who is listed before others' changes come is known from then on.
    secret::first_sight(cx, &repository.project())?;
    let updated = update::update(&repository, &remote)?;
    colleagues::exchange(cx, &repository.project());
    match updated {
        Updated::Nothing => {
            report(cx, "up_to_date", &[]);
            cx.ui.progress(format!("nothing new at `{}`", remote.url));
        }
        Updated::Forward(changes) => {
            report(cx, "updated", &changes);
            cx.ui.progress(format!("updated from `{}`", remote.url));
            mistakes(cx)?;
        }
        Updated::Merged(changes) => {
            report(cx, "joined", &changes);
            cx.ui
                .progress(format!("joined with yours from `{}`: `resilmesh share` gives it to the others", remote.url));
            mistakes(cx)?;
        }
        Updated::Open { conflicts, mistakes, changes } => return open(cx, &repository, &conflicts, mistakes, &changes),
    }
    Ok(())
}

fn report(cx: &Context, state: &str, changes: &[Difference]) {
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "state": state, "changes": changes, "conflicts": []}));
    } else {
        changes.iter().for_each(|change| cx.ui.line(change.to_string()));
    }
    for change in changes.iter().filter(|change| matches!(change.of, Subject::Recipients { .. })) {
        cx.ui.warning(&format!(
            "{change}: what is written from now on is for these keys once you accept them; `resilmesh secret recipients list` shows them"
        ));
    }
}

/// Says what is wrong with the mesh now; it is no failure of the update.
fn mistakes(cx: &Context) -> Result<(), Failure> {
    if let Err(found) = compile(&cx.project()?) {
        found.iter().filter(|found| found.is_error()).for_each(|found| cx.ui.diagnostic(found));
    }
    Ok(())
}

fn open(
    cx: &Context,
    repository: &Repository,
    conflicts: &[Conflict],
    mistakes: Vec<Diagnostic>,
    changes: &[Difference],
) -> Result<(), Failure> {
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "state": "conflict", "changes": changes, "conflicts": conflicts}));
    } else {
        conflicts.iter().for_each(|conflict| cx.ui.line(conflict.to_string()));
    }
    let failure = match conflicts.len() {
        0 => Failure::new("what others changed does not go together with your changes").found(mistakes),
        1 => Failure::new("you and others changed the same thing"),
        several => Failure::new(format!("you and others changed the same {several} things")),
    };
    let failure = share::how_to_settle(&share::unsettled(repository)?).into_iter().fold(failure, Failure::hint);
    Err(failure
        .hint("then `resilmesh share` joins both and shares it")
        .hint("`resilmesh update --abort` goes back to before the update"))
}
