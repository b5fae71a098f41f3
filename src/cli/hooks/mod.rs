//! `resilmesh hooks`: what vendors' code there is, and running one hook by itself.

use clap::Subcommand;

use super::Context;
use super::failure::Failure;

mod build;
mod list;
mod run;
mod test;

/// See the hooks of products, and run one by itself
#[derive(Debug, Subcommand)]
pub enum HooksCommand {
    /// List hooks: when each is called, for what, and where its code is
    ///
    /// They are found by reading the code; nothing of it runs.
    List(list::ListArgs),
    /// Build the hooks in Rust of products, without calling any
    ///
    /// What calls them does so too, if it has to be.
    Build(build::BuildArgs),
    /// Call one hook, for an instance or a plug of this project
    ///
    /// For those who write it: what it prints, returns or raises is shown. The journal does not
    /// change, so that `up` calls it again.
    Run(run::RunArgs),
    /// Try whether the hooks of a product keep what hooks must
    ///
    /// They are called in a project made for it, with stand-ins at the other ends of plugs: set up twice, taken
    /// down twice, taken down without a setup, killed half-way, with wrong secrets, while nobody answers. With
    /// --instance, that is done to the tenant of the instance.
    Test(test::TestArgs),
}

/// Does it.
///
/// # Errors
/// Those of the command.
pub fn run(cx: &Context, command: HooksCommand) -> Result<(), Failure> {
    match command {
        HooksCommand::List(args) => list::run(cx, &args),
        HooksCommand::Build(args) => build::run(cx, &args),
        HooksCommand::Run(args) => run::run(cx, &args),
        HooksCommand::Test(args) => test::run(cx, &args),
    }
}
