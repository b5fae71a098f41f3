//! `resilmesh trigger`: give a command through the hook of a product.

use super::Context;
use super::command_hook::{self, CommandArgs};
use super::failure::Failure;
use crate::mesh::model::HookKind;

/// Give a command: calls the `trigger` hook of an instance, or of the source of a plug
///
/// What the hook returns is printed.
#[derive(Debug, clap::Args)]
pub struct TriggerArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub command: CommandArgs,
}

/// Calls the hook.
///
/// # Errors
/// When there is none, or it fails.
pub fn run(cx: &Context, args: &TriggerArgs) -> Result<(), Failure> {
    command_hook::run(cx, HookKind::Trigger, "trigger", &args.command)
}
