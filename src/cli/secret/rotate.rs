//! `resilmesh secret rotate`: encrypt all secrets anew.

use clap::Args;
use serde_json::json;

use super::Scope;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::project::names;
use crate::vault::SecretName;

/// Which secrets.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Only those that are not encrypted to exactly the present keys of the recipients
    #[arg(long)]
    pub stale: bool,
}

/// Does it.
///
/// # Errors
/// When one cannot be re-encrypted: then nothing is changed.
pub(super) fn run(cx: &Context, args: &RotateArgs) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    opened.permit(cx, Scope::All)?;
    let vault = &opened.vault;
    let done = if args.stale { vault.repair()? } else { vault.rotate(None)? };
    let names: Vec<&str> = done.names.iter().map(SecretName::as_str).collect();
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "reencrypted": names, "untouched": done.untouched}));
    }
    cx.ui.progress(format!("encrypted {} anew", names::counted(names.len(), "secret")));
    Ok(())
}
