//! `resilmesh engine`: what the embedded runtime runs. Not for people.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use resilmesh_service::RunOptions;

use super::failure::Failure;

/// The services of the embedded runtime
#[derive(Debug, Subcommand)]
pub enum Engine {}

/// What every service is told.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// Its configuration
    #[arg(long)]
    pub config: PathBuf,
    /// Unix socket to answer questions on
    #[arg(long)]
    pub control: Option<PathBuf>,
}

impl ServiceArgs {
    /// The options for the engine crates.
    pub fn options(&self) -> RunOptions {
        RunOptions { control: self.control.clone() }
    }
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// When its configuration is wrong or it cannot go on.
pub fn run(engine: Engine) -> Result<(), Failure> {
    match engine {}
}
