//! `resilmesh secret export`: all secrets with their values, for another tool.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::vault::{Prompting, Secret};

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
/// When a secret cannot be read, or is no text: the others are printed all the same.
pub(super) fn run(cx: &Context, _: &ExportArgs) -> Result<(), Failure> {
    if !cx.ui.json {
        return Err(Failure::usage("`secret export` prints every value in clear")
            .hint("`resilmesh secret export --json` does it; keep what it prints out of files"));
    }
    let opened = cx.secrets()?;
    let values = opened.vault.values(Prompting::Allowed)?;
    let mut secrets = BTreeMap::new();
    let mut left_out = Vec::new();
    for (name, value) in &values {
        match value.as_ref().map(Secret::to_json) {
            Ok(Some(value)) => {
                secrets.insert(name.as_str(), value);
            }
            Ok(None) => left_out.push(
                Failure::new(format!("`{name}` is no text, which JSON needs"))
                    .hint(format!("`resilmesh secret get {name}` prints it as it is")),
            ),
            Err(error) => left_out.push(Failure::new(error.to_string())),
        }
    }
    cx.ui.document(&Document { schema: 1, secrets });
    match left_out.len() {
        0 => Ok(()),
        _ => Err(Failure::of_several("not exported", left_out)),
    }
}
