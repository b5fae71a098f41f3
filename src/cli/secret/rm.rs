//! `resilmesh secret rm`: take secrets out of the vault.

use clap::Args;
use serde_json::json;

use super::name;
use crate::cli::failure::Failure;
use crate::cli::{Context, completion};
use crate::vault::{self, MESHROOM_FILE, SecretName, VaultError};

/// Which secrets.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// Their names
    #[arg(value_parser = name, add = completion::secrets(), required = true)]
    pub names: Vec<SecretName>,
}

/// Removes them.
///
/// # Errors
/// When one is not there: then none is removed; or nobody said yes.
pub(super) fn run(cx: &Context, args: &RmArgs) -> Result<(), Failure> {
    let vault = vault::open_without_keys(&cx.project_folder()?)?;
    for name in &args.names {
        if !vault.contains(name)? {
            return Err(VaultError::NoSecret(name.clone()).into());
        }
    }
    let names: Vec<String> = args.names.iter().map(|name| format!("`{name}`")).collect();
    if !cx.yes && !cx.ui.confirm(&format!("remove {}?", names.join(", ")), "--yes")? {
        return Err(Failure::new("nothing is removed"));
    }
    for name in &args.names {
        vault.remove(name)?;
        cx.ui.progress(format!("removed `{name}`"));
    }
    if cx.ui.json {
        let names: Vec<&str> = args.names.iter().map(SecretName::as_str).collect();
        cx.ui.document(&json!({"schema": 1, "done": "removed", "secrets": names}));
    }
    let project = cx.project_folder()?;
    if project.join(MESHROOM_FILE).is_file() {
        cx.ui.warning(&format!(
            "Meshroom's `{MESHROOM_FILE}` is here too: what it holds is read from there; once all of it is imported, remove that file"
        ));
    }
    Ok(())
}
