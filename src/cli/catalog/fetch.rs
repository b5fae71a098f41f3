//! `resilmesh catalog fetch`.

use clap::Args;
use serde_json::json;

use super::add::pins;
use super::chosen;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::git::catalogue::layout::lay_out;
use crate::git::catalogue::mirror::Mirror;
use crate::project::git_catalogue;
use crate::project::load::ProjectFiles;
use crate::project::lock_file::Locked;

/// Fetch the catalogues that the project pins, as after a clone
#[derive(Debug, Args)]
pub(super) struct FetchArgs {
    /// Which ones [default: all]
    names: Vec<String>,
}

pub(super) fn run(cx: &Context, files: &ProjectFiles, args: &FetchArgs) -> Result<(), Failure> {
    let chosen = chosen(files, &args.names)?;
    if chosen.is_empty() {
        cx.ui.progress("the project uses no catalogue");
    }
    let (mut fetched, mut there) = (Vec::new(), Vec::new());
    for (name, locked) in chosen {
        if git_catalogue::files(locked).is_some() {
            cx.ui.progress(format!("catalogue `{name}` is there"));
            there.push(name);
        } else {
            one(cx, name, locked)?;
            cx.ui.progress(format!("fetched catalogue `{name}`"));
            fetched.push(name);
        }
    }
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "done": "fetched", "catalogues": fetched, "there": there}));
    }
    Ok(())
}

/// Brings the pinned commit of a catalogue here; it must be what was pinned.
fn one(cx: &Context, name: &str, locked: &Locked) -> Result<(), Failure> {
    let mirror = Mirror::of(&locked.url)?;
    let commit = match mirror.resolve(Some(&locked.commit)) {
        Ok(commit) => commit,
        Err(_) => {
            cx.ui.progress(format!("fetching {}", locked.url));
            mirror.fetch()?;
            mirror.resolve(Some(&locked.commit)).map_err(|_| {
                Failure::new(format!(
                    "catalogue `{name}` no longer has the commit {} that `resilmesh.lock` pins",
                    locked.commit
                ))
                .hint(format!("`resilmesh catalog update {name}` takes its present one"))
            })?
        }
    };
    let products = pins(&lay_out(&mirror, &commit, name)?);
    let different = locked.products.iter().find(|(product, hash)| products.get(*product) != Some(*hash));
    match different {
        None => Ok(()),
        Some((product, _)) => Err(Failure::new(format!(
            "product `{product}` of catalogue `{name}` is not what `resilmesh.lock` pins, though the commit is the same"
        ))
        .hint("somebody has changed the lock by hand: take it as it was committed")),
    }
}
