//! `resilmesh secret export`: all secrets with their values, for another tool.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::vault::{self, Prompting};

/// Nothing to say but `--json`.
#[derive(Debug, Args)]
pub struct ExportArgs {}

/// What is printed.
#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    secrets: BTreeMap<&'a str, serde_json::Value>,
}

/// Prints `{"schema": 1, "secrets": {name: value}}`.
///
/// # Errors
/// When a secret cannot be read, or is no text.
pub(super) fn run(cx: &Context, _: &ExportArgs) -> Result<(), Failure> {
    if !cx.ui.json {
        return Err(Failure::usage("`secret export` prints every value in clear")
            .hint("`resilmesh secret export --json` does it; keep what it prints out of files"));
    }
    let opened = cx.secrets()?;
    let values = vault::values(&opened.vault, Prompting::Allowed)?;
    let mut secrets = BTreeMap::new();
    for (name, value) in &values {
        let value = value.to_json().ok_or_else(|| {
            Failure::new(format!("`{name}` is no text, which JSON needs"))
                .hint(format!("`resilmesh secret get {name}` prints it as it is"))
        })?;
        secrets.insert(name.as_str(), value);
    }
    cx.ui.document(&Document { schema: 1, secrets });
    Ok(())
}
