//! `resilmesh secret import`: take over the secrets of another tool.

use std::path::{Path, PathBuf};

use clap::Args;
use resilmesh_vault::import::{LARGEST, document};
use serde_json::json;

use super::{Opened, input};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::project::names;
use crate::vault::{self, MESHROOM_FILE, Prompting, Secret, SecretName};

pub(super) use resilmesh_vault::import::meshroom;

/// From where.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A `secrets.gpg` of Meshroom, a folder of pass or gopass, or `-` for JSON on standard input
    /// [default: the project's `secrets.gpg`]
    pub source: Option<PathBuf>,
    /// Replace values that are there
    #[arg(long)]
    pub force: bool,
}

/// Imports: all is read before anything is written.
///
/// # Errors
/// When something cannot be read: then nothing is written. When a name is none: then the others are.
pub(super) fn run(cx: &Context, args: &ImportArgs) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    let (found, refused) = named(read(cx, &opened, args)?);
    if found.is_empty() && !refused.is_empty() {
        return Err(Failure::of_several("nothing is imported", refused));
    }
    let vault = opened.for_writing(cx, &found.iter().map(|(name, _)| name).collect::<Vec<_>>())?;
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for (name, value) in &found {
        if !args.force && vault.contains(name)? {
            kept.push(name.as_str());
        } else {
            vault.set(name, value)?;
            written.push(name.as_str());
        }
    }
    cx.ui.done(
        format!("imported {}", names::counted(written.len(), "secret")),
        json!({"done": "imported", "secrets": written, "kept": kept}),
    );
    if !kept.is_empty() {
        let names = names::list(kept);
        cx.ui.warning(&format!("not imported, because there is a value already: {names}; `--force` replaces it"));
    }
    match refused.len() {
        0 => Ok(()),
        _ => {
            Err(Failure::of_several("not imported", refused)
                .hint("give it a name here that is one, and import it again"))
        }
    }
}

fn read(cx: &Context, opened: &Opened, args: &ImportArgs) -> Result<Vec<(String, Secret)>, Failure> {
    let own = opened.project.join(MESHROOM_FILE);
    let source = args.source.as_deref().unwrap_or(&own);
    if source == Path::new("-") {
        return Ok(document(&input::all(LARGEST)?, "standard input")?);
    }
    if source.is_dir() {
        let store = vault::open_store(source, &opened.sources, cx.ask())?;
        let values = vault::values(&store, Prompting::Allowed)?;
        return Ok(values.into_iter().map(|(name, value)| (name.to_string(), value)).collect());
    }
    if !source.exists() {
        let shown = source.display();
        return Err(Failure::new(format!("there is nothing to import at `{shown}`"))
            .hint("give a `secrets.gpg` of Meshroom, a folder of pass, or `-` for JSON on standard input"));
    }
    Ok(meshroom(source, opened.vault.keys(), Prompting::Allowed)?)
}

/// Those that have names of ours, and what is wrong with the names of the others.
fn named(found: Vec<(String, Secret)>) -> (Vec<(SecretName, Secret)>, Vec<Failure>) {
    let mut wrong = Vec::new();
    let mut named = Vec::new();
    for (text, value) in found {
        match text.parse::<SecretName>() {
            Ok(name) => named.push((name, value)),
            Err(error) => wrong.push(Failure::new(error.to_string())),
        }
    }
    (named, wrong)
}
