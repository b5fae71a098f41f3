//! `resilmesh unplug`: take a connection out of the project.

use clap::Args;

use super::Context;
use super::completion;
use super::edit::{self, NewMistakes};
use super::failure::Failure;
use super::plug::ModeArg;
use crate::mesh::model::Mode;
use crate::plan::journal::PlugState;
use crate::project::change::Change;
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
    let new = if args.force { NewMistakes::Allow } else { NewMistakes::Refuse };
    cx.change(&files, &changes, new).map_err(|failure| edit::suggest_force(failure, args.force))?;
    let journal = cx.journal(&files.root);
    let is_up = |change: &Change| match change {
        Change::DeletePlug { id, .. } => journal.plug_state(id) != PlugState::Down,
        _ => false,
    };
    if changes.iter().any(is_up) {
        cx.ui.warning("the plug is still up: the next `resilmesh up` or `resilmesh down` takes it down");
    }
    cx.ui.progress(format!("unplugged `{}` -> `{}`: {}", args.source, args.destination, args.topic));
    Ok(())
}
