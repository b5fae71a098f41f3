//! `resilmesh create`: start a product, a capability, an integration or a hook. Everything is checked
//! before anything is written.

use clap::{Args, Subcommand, ValueEnum};

use super::Context;
use super::failure::Failure;
use crate::mesh::model::Role;

mod capability;
mod definition;
mod hook;
mod integration;
mod product;
mod write;

/// Start a product, a capability, an integration or a hook
#[derive(Debug, Args)]
pub struct CreateArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Product(product::ProductArgs),
    Capability(capability::CapabilityArgs),
    Integration(integration::IntegrationArgs),
    Hook(hook::HookArgs),
}

/// A part on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Takes events
    Consumer,
    /// Gives events
    Producer,
    /// Gives commands
    Trigger,
    /// Carries commands out
    Executor,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Consumer => Self::Consumer,
            RoleArg::Producer => Self::Producer,
            RoleArg::Trigger => Self::Trigger,
            RoleArg::Executor => Self::Executor,
        }
    }
}

/// Creates it.
///
/// # Errors
/// When a name is wrong, or the disk refuses: nothing is written then.
pub fn run(cx: &Context, args: CreateArgs) -> Result<(), Failure> {
    match args.what {
        What::Product(args) => product::run(cx, &args),
        What::Capability(args) => capability::run(cx, &args),
        What::Integration(args) => integration::run(cx, &args),
        What::Hook(args) => hook::run(cx, &args),
    }
}
