//! `resilmesh execute`: carry a command out through the hook of a product.

use super::Context;
use super::command_hook::{self, CommandArgs};
use super::failure::Failure;
use crate::mesh::model::HookKind;

/// Carry a command out: calls the `execute` hook of an instance, or of the destination of a plug
///
/// What the hook returns is printed.
#[derive(Debug, clap::Args)]
pub struct ExecuteArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub command: CommandArgs,
}

/// Calls the hook.
///
/// # Errors
/// When there is none, or it fails.
pub fn run(cx: &Context, args: &ExecuteArgs) -> Result<(), Failure> {
    command_hook::run(cx, HookKind::Execute, "execute", &args.command)
}
