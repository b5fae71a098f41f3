//! `resilmesh secret import`: take over the secrets of another tool.

use std::path::{Path, PathBuf};

use clap::Args;
use resilmesh_vault::import::{LARGEST, document};

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
/// When something cannot be read, or a name is none: then nothing is written.
pub(super) fn run(cx: &Context, args: &ImportArgs) -> Result<(), Failure> {
    let opened = cx.secrets()?;
    let found = named(read(cx, &opened, args)?)?;
    let vault = opened.for_writing(cx, &found.iter().map(|(name, _)| name).collect::<Vec<_>>())?;
    let (mut written, mut kept) = (0, Vec::new());
    for (name, value) in &found {
        if !args.force && vault.contains(name)? {
            kept.push(name.as_str());
        } else {
            vault.set(name, value)?;
            written += 1;
        }
    }
    cx.ui.progress(format!("imported {}", names::counted(written, "secret")));
    if !kept.is_empty() {
        let names = names::list(kept);
        cx.ui.warning(&format!("not imported, because there is a value already: {names}; `--force` replaces it"));
    }
    Ok(())
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

/// The names as ours; all that are none at once.
fn named(found: Vec<(String, Secret)>) -> Result<Vec<(SecretName, Secret)>, Failure> {
    let mut wrong = Vec::new();
    let mut named = Vec::new();
    for (text, value) in found {
        match text.parse::<SecretName>() {
            Ok(name) => named.push((name, value)),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if wrong.is_empty() {
        return Ok(named);
    }
    Err(Failure::new(format!("nothing is imported: {}", wrong.join("; "))))
}
