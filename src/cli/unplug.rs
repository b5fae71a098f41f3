//! `resilmesh unplug`: take a connection out of the project.

use clap::Args;
use serde_json::json;

use super::Context;
use super::colleagues;
use super::completion;
use super::down;
use super::edit::{self, NewMistakes};
use super::failure::Failure;
use super::part::PartArgs;
use super::plug::ModeArg;
use super::steps::StepArgs;
use crate::mesh::model::{Mode, PlugId};
use crate::plan::journal::{Journal, PlugState};
use crate::plan::lock::Lock;
use crate::plan::paths::StateFolder;
use crate::plan::trouble::Trouble;
use crate::project::change::Change;
use crate::project::load::ProjectFiles;
use crate::project::names;

/// Take the connection of two instances over a topic out of the project
#[derive(Debug, Args)]
pub struct UnplugArgs {
    /// The topic
    #[arg(add = completion::topics())]
    pub topic: String,
    /// The instance that gives
    #[arg(add = completion::instances())]
    pub source: String,
    /// The instance that takes
    #[arg(add = completion::instances())]
    pub destination: String,
    /// Only the plug in this mode
    #[arg(short, long)]
    pub mode: Option<ModeArg>,
    /// Take it down first: call its teardown hooks
    #[arg(long)]
    pub down: bool,
    /// Do it even if the project has mistakes then
    #[arg(long)]
    pub force: bool,
}

/// Removes a plug, in both modes if none is given.
///
/// # Errors
/// When there is no such plug, or the project would have mistakes without it.
pub fn run(cx: &Context, args: UnplugArgs) -> Result<(), Failure> {
    let files = cx.project()?;
    let between: Vec<_> = files
        .plugs
        .iter()
        .filter(|plug| plug.id.source == args.source && plug.id.destination == args.destination)
        .collect();
    let mode = args.mode.map(Mode::from);
    let changes: Vec<Change> = between
        .iter()
        .filter(|plug| plug.id.topic == args.topic && mode.is_none_or(|mode| mode == plug.id.mode))
        .map(|plug| Change::DeletePlug { product: plug.source_product.clone(), id: plug.id.clone() })
        .collect();
    if changes.is_empty() {
        let in_mode = mode.map(|mode| format!(" by {}", mode.word())).unwrap_or_default();
        let failure = Failure::new(format!(
            "there is no plug of `{}`{in_mode} from `{}` to `{}`",
            args.topic, args.source, args.destination
        ));
        let topics: Vec<String> = between.iter().map(|plug| plug.id.to_string()).collect();
        let hint = if topics.is_empty() {
            "`resilmesh list plugs` shows them all".to_owned()
        } else {
            format!("there is {}", names::list(topics.iter().map(String::as_str)))
        };
        return Err(failure.hint(hint));
    }
    if args.down {
        take_down(cx, &args)?;
    }
    let new = if args.force { NewMistakes::Allow } else { NewMistakes::Refuse };
    cx.change(&files, &changes, new).map_err(|failure| edit::suggest_force(failure, args.force))?;
    let ids: Vec<&PlugId> = changes
        .iter()
        .filter_map(|change| match change {
            Change::DeletePlug { id, .. } => Some(id),
            _ => None,
        })
        .collect();
    forget(cx, &files, ids.iter().copied())?;
    cx.ui.done(
        format!("unplugged `{}` -> `{}`: {}", args.source, args.destination, args.topic),
        json!({"done": "unplugged", "plugs": ids}),
    );
    Ok(())
}

/// Calls the teardown hooks of what is to be unplugged.
fn take_down(cx: &Context, args: &UnplugArgs) -> Result<(), Failure> {
    let part = PartArgs {
        source: Some(args.source.clone()),
        destination: Some(args.destination.clone()),
        topic: Some(args.topic.clone()),
        mode: args.mode,
    };
    // Its steps are no part of what `unplug` answers.
    let mut own = cx.clone();
    own.ui.json = false;
    down::run(&own, down::DownArgs { volumes: false, plan: false, forget: false, steps: StepArgs::default(), part })
}

/// Of a plug that is up, says what becomes of it. Hooks in files are not called any more: without the plug's
/// file, they would be called for something that is no longer declared.
fn forget<'a>(cx: &Context, files: &ProjectFiles, plugs: impl Iterator<Item = &'a PlugId>) -> Result<(), Failure> {
    let state = StateFolder::of(&files.root);
    let up_in_file = |id: &PlugId| files.is_meshrooms && files.plugs.iter().any(|plug| plug.id == *id && plug.up);
    let mut journal = cx.journal(&files.root);
    let known = colleagues::known(&files.root, cx.profile_in(&files.root).as_deref())?;
    for id in plugs {
        let up = journal.plug_state(id) != PlugState::Down;
        if journal.undo.contains_key(&id.to_string()) {
            let _lock = Lock::take(&state.lock(), "unplug").map_err(Trouble::from)?;
            journal = Journal::load(&state.journal()).map_err(Trouble::from)?;
            journal.without(id).into_iter().for_each(|change| journal.apply(change));
            journal.save(&state.journal()).map_err(Trouble::from)?;
            if let Some((shared, _)) = &known {
                shared.forget(std::iter::once(id))?;
            }
        }
        if journal.plug_state(id) != PlugState::Down {
            cx.ui.warning("the plug is still up: the next `resilmesh up` or `resilmesh down` takes it down");
        } else if up || up_in_file(id) {
            cx.ui.warning(&format!(
                "plug `{id}` was up: what its setup hooks made stays; `resilmesh unplug --down` would have called the teardown hooks first"
            ));
        }
    }
    Ok(())
}
