//! `resilmesh relay`: stands between a service and its log. Not for people.

use std::path::PathBuf;

use clap::Args;

use super::Context;
use super::failure::Failure;
use crate::runtime::embedded;

/// Copy standard input to standard output without the secrets in this folder
#[derive(Debug, Args)]
pub struct RelayArgs {
    /// The folder, `.resilmesh/secrets`
    pub secrets: PathBuf,
}

/// Copies until standard input ends.
///
/// # Errors
/// When it cannot be read.
pub fn run(_cx: &Context, args: &RelayArgs) -> Result<(), Failure> {
    embedded::relay::relay(&args.secrets).map_err(|error| Failure::new(format!("the relay has ended: {error}")))
}
