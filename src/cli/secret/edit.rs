//! `resilmesh secret edit`: change a secret in an editor.

use clap::Args;
use serde_json::json;

use super::scratch::Scratch;
use super::{conflict, name};
use crate::cli::failure::Failure;
use crate::cli::{Context, completion};
use crate::vault::{Secret, SecretName};

/// Which secret.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The name; a new one starts empty
    #[arg(value_parser = name, add = completion::secrets())]
    pub name: SecretName,
}

/// Edits it.
///
/// # Errors
/// When it cannot be read or written, or the editor fails: nothing is changed then.
pub(super) fn run(cx: &Context, args: &EditArgs) -> Result<(), Failure> {
    let done = |what: &str| json!({"done": what, "secret": args.name.as_str()});
    let opened = cx.secrets()?;
    let vault = opened.for_writing(cx, &[&args.name])?;
    // Before anything is typed that could not be kept.
    vault.writable(&args.name)?;
    let open = conflict::Open::of(&opened.project, &args.name)?;
    let before = match &open {
        Some(open) => conflict::both_sides(vault, &args.name, &open.sides)?,
        None if vault.contains(&args.name)? => vault.get(&args.name)?,
        None => Secret::from(""),
    };
    if before.expose_text().is_none() {
        return Err(conflict::no_text(&args.name));
    }
    let after = Scratch::new(&before)?.edit()?;
    if open.is_some() {
        conflict::settled(&after)?;
    } else if after == before {
        cx.ui.done(format!("`{}` is unchanged", args.name), done("unchanged"));
        return Ok(());
    }
    if after.is_empty() {
        return Err(Failure::new("the value is empty: nothing is changed")
            .hint(format!("`resilmesh secret rm {}` takes it out", args.name)));
    }
    vault.set(&args.name, &after)?;
    if let Some(open) = open {
        open.settle()?;
        cx.ui.done(format!("settled the conflict in `{}`", args.name), done("settled"));
    } else {
        cx.ui.done(format!("changed `{}`", args.name), done("changed"));
    }
    Ok(())
}
