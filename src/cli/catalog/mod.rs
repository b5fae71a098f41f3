//! `resilmesh catalog`: git catalogues, repositories with products.

use std::path::Path;

use clap::{Args, Subcommand};

use super::Context;
use super::failure::Failure;
use crate::git::repository;
use crate::project::load::ProjectFiles;
use crate::project::lock_file::{FILE_NAME, Locked};
use crate::project::names;
use crate::project::position::Diagnostic;

mod add;
mod fetch;
mod list;
mod publish;
mod remove;
mod update;

/// Use products from git repositories, and contribute to them
///
/// A catalogue is pinned by commit and content in resilmesh.lock, which is committed. Its products
/// are used like the project's own, which come first; the built-in ones come last.
#[derive(Debug, Args)]
pub struct CatalogArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Add(add::AddArgs),
    Fetch(fetch::FetchArgs),
    List,
    Publish(publish::PublishArgs),
    Remove(remove::RemoveArgs),
    Update(update::UpdateArgs),
}

/// Does it.
///
/// # Errors
/// When there is no project, a catalogue cannot be reached, or is not what was pinned.
pub fn run(cx: &Context, args: CatalogArgs) -> Result<(), Failure> {
    let files = cx.project()?;
    match args.what {
        What::Add(args) => add::run(cx, files, args),
        What::Fetch(args) => fetch::run(cx, &files, &args),
        What::List => {
            list::run(cx, &files);
            Ok(())
        }
        What::Publish(args) => publish::run(cx, &files, args),
        What::Remove(args) => remove::run(cx, files, &args),
        What::Update(args) => update::run(cx, files, &args),
    }
}

/// The catalogues of these names; all of them when none is named.
fn chosen<'f>(files: &'f ProjectFiles, wanted: &[String]) -> Result<Vec<(&'f String, &'f Locked)>, Failure> {
    let known = &files.lock.catalogues;
    if let Some(unknown) = wanted.iter().find(|name| !known.contains_key(*name)) {
        let failure = Failure::new(format!("the project uses no catalogue `{unknown}`"));
        let hint = names::suggest(unknown, known.keys().map(String::as_str));
        return Err(hint.into_iter().fold(failure, Failure::hint).hint("`resilmesh catalog list` shows them"));
    }
    Ok(known.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name)).collect())
}

/// The file could be read as a whole, so that nothing is lost when it is written.
fn sound(files: &ProjectFiles) -> Result<(), Failure> {
    let of_lock = |found: &&Diagnostic| {
        let of_file = found.at.as_ref().is_some_and(|at| at.file == Path::new(FILE_NAME));
        found.is_error() && of_file && !files.unusable.values().any(|why| why == *found)
    };
    let wrong: Vec<Diagnostic> = files.found.iter().filter(of_lock).cloned().collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::new("`resilmesh.lock` is not changed: it has mistakes").found(wrong))
    }
}

fn save(files: &ProjectFiles) -> Result<(), Failure> {
    let written = files.lock.save(&files.root);
    written.map_err(|error| Failure::new(format!("`resilmesh.lock` cannot be written: {error}")))
}

/// The first digits of a commit.
fn short(commit: &git2::Commit<'_>) -> String {
    repository::short(commit.id())
}
