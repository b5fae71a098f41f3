//! `resilmesh secret get`: print the value of a secret.

use clap::Args;
use serde_json::json;

use super::conflict::Open;
use super::name;
use crate::cli::failure::Failure;
use crate::cli::{Context, completion};
use crate::vault::SecretName;

/// Which secret.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// The name
    #[arg(value_parser = name, add = completion::secrets())]
    pub name: SecretName,
}

/// Prints it.
///
/// # Errors
/// When there is none, or no key here opens it.
pub(super) fn run(cx: &Context, args: &GetArgs) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    let is_open = Open::of(&opened.project, &args.name)?.is_some();
    let value = opened.get(&args.name).map_err(|error| {
        let failure = Failure::from(error);
        // Where it takes the file for text, git writes both sides into it.
        let hint =
            || format!("`{0}` is in conflict: `resilmesh secret edit {0}` shows both sides, and settles it", args.name);
        if is_open { failure.hint(hint()) } else { failure }
    })?;
    if is_open {
        cx.ui.warning(&format!(
            "`{0}` is in conflict, and this is one side: `resilmesh secret edit {0}` settles it",
            args.name
        ));
    }
    if !cx.ui.json {
        return cx
            .ui
            .value(&value.as_read())
            .map_err(|error| Failure::new(format!("the value cannot be printed: {error}")));
    }
    let Some(value) = value.to_json() else {
        return Err(Failure::new(format!("`{}` is no text, which JSON needs", args.name))
            .hint("without `--json` it is printed as it is"));
    };
    cx.ui.document(&json!({"schema": 1, "name": args.name.as_str(), "value": value}));
    Ok(())
}
