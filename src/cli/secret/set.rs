//! `resilmesh secret set`: put a secret into the vault.

use clap::Args;
use serde_json::json;

use super::{Opened, Scope, name};
use crate::cli::failure::Failure;
use crate::cli::{Context, completion};
use crate::vault::{Secret, SecretName};

use super::conflict::Open;
use super::input;

/// Which secret.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The name
    #[arg(value_parser = name, add = completion::secrets())]
    pub name: SecretName,
    /// `-`: read the value from standard input, on a terminal too
    #[arg(value_name = "-", value_parser = ["-"])]
    pub input: Option<String>,
}

/// Sets it.
///
/// # Errors
/// When there is no value, or it cannot be written: the old one stays then.
pub(super) fn run(cx: &Context, args: SetArgs) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    // Before a value is typed that could not be kept.
    opened.permit(cx, Scope::Names(&[&args.name]))?;
    let value = value(cx, &args)?;
    keep(cx, &opened, &args.name, &value)
}

fn value(cx: &Context, args: &SetArgs) -> Result<Secret, Failure> {
    let asked = match args.input {
        Some(_) => None,
        None => cx
            .ui
            .hidden(&format!("Value of `{}`", args.name), Some("The same again"))
            .map_err(|why| Failure::new(format!("no value: {why}")))?,
    };
    match asked {
        Some(typed) if typed.is_empty() => Err(Failure::new("the value is empty: nothing is changed")),
        Some(typed) => Ok(typed),
        None => input::value(),
    }
}

/// Writes a secret and says so.
pub(super) fn keep(cx: &Context, opened: &Opened, name: &SecretName, value: &Secret) -> Result<(), Failure> {
    let vault = opened.for_writing(cx, &[name])?;
    let done = if vault.contains(name)? { "replaced" } else { "set" };
    vault.set(name, value)?;
    cx.ui.done(format!("{done} `{name}`"), json!({"done": done, "secret": name.as_str()}));
    if let Some(open) = Open::of(&opened.project, name)? {
        open.settle()?;
        cx.ui.progress(format!("settled the conflict in `{name}`"));
    }
    Ok(())
}
