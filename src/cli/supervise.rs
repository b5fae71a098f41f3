//! `resilmesh supervise`: the supervisor of the embedded runtime. Not for people.

use std::path::PathBuf;

use clap::Args;

use super::Context;
use super::failure::Failure;
use crate::runtime::embedded;

/// Keep the services of a project running
#[derive(Debug, Args)]
pub struct SuperviseArgs {
    /// The project's folder
    #[arg(long, value_name = "DIR")]
    pub project: PathBuf,
}

/// Supervises until told to end.
///
/// # Errors
/// When it cannot begin.
pub fn run(_cx: &Context, args: SuperviseArgs) -> Result<(), Failure> {
    Ok(embedded::supervise(&args.project)?)
}
