//! `resilmesh secret show`: what is known about a secret, without its value.

use clap::Args;
use resilmesh_vault::KeyReport;
use serde_json::json;

use super::name;
use crate::cli::failure::Failure;
use crate::cli::{Context, completion};
use crate::git::repository::Repository;
use crate::git::secrets::{self, Commit};
use crate::vault::{self, SecretName, Vault, VaultError};

/// Which secret.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The name
    #[arg(value_parser = name, add = completion::secrets())]
    pub name: SecretName,
}

/// Shows it.
///
/// # Errors
/// When there is none, or it is damaged.
pub(super) fn run(cx: &Context, args: &ShowArgs) -> Result<(), Failure> {
    let project = cx.project_folder()?;
    let vault = vault::open_without_keys(&project)?;
    if !vault.contains(&args.name)? {
        return Err(VaultError::NoSecret(args.name.clone()).into());
    }
    let readers = vault.readers(&args.name)?;
    let known = vault.key_reports()?;
    let commits = match Repository::of(&project)? {
        Some(repository) => secrets::commits(&repository, &args.name)?,
        None => Vec::new(),
    };
    print(cx, args, &vault, &readers, &known, commits.first());
    Ok(())
}

fn print(cx: &Context, args: &ShowArgs, vault: &Vault, readers: &[String], known: &[KeyReport], last: Option<&Commit>) {
    let who = |reader: &str| {
        let key = known.iter().find(|key| key.id.to_string() == reader);
        key.and_then(|key| key.user_ids.first().cloned())
    };
    let file = vault.file(&args.name);
    if cx.ui.json {
        let readers: Vec<_> = readers.iter().map(|key| json!({"key": key, "user_id": who(key)})).collect();
        cx.ui.document(&json!({
            "schema": 1, "name": args.name.as_str(), "file": file, "readers": readers, "last_change": last,
        }));
        return;
    }
    cx.ui.line(args.name.as_str());
    cx.ui.line(format!("  file: {}", file.display()));
    for reader in readers {
        cx.ui.line(format!("  reader: {reader} {}", who(reader).unwrap_or_default()).trim_end());
    }
    match last {
        Some(last) => cx.ui.line(format!("  last change: {} by {}: {}", last.date, last.author, last.subject)),
        None => cx.ui.line("  last change: not committed yet"),
    }
}
