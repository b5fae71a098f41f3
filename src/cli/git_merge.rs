//! `resilmesh git-merge`: merges one file, as git's merge driver.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Context;
use super::failure::Failure;
use crate::git::merge::driver;
use crate::mesh::subject::Subject;

/// Called by git to merge a file
#[derive(Debug, Args)]
pub struct GitMergeArgs {
    /// What it held before both changed it
    pub base: PathBuf,
    /// What it holds here; the result goes there
    pub ours: PathBuf,
    /// What it holds there
    pub theirs: PathBuf,
    /// Its path in the repository
    pub path: PathBuf,
}

/// Merges the file.
///
/// # Errors
/// When something is in conflict, or a file cannot be used.
pub fn run(_cx: &Context, args: GitMergeArgs) -> Result<(), Failure> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| Failure::new(format!("`{}` cannot be read: {error}", path.display())))
    };
    let (base, ours, theirs) = (read(&args.base)?, read(&args.ours)?, read(&args.theirs)?);
    let path = driver::in_project(&args.path);
    let merged = driver::file(path, &base, &ours, &theirs);
    if merged.content != ours {
        std::fs::write(&args.ours, &merged.content)
            .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", args.ours.display())))?;
    }
    if merged.conflicts.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = merged.conflicts.iter().map(ToString::to_string).collect();
    let failure = Failure::new(format!("in conflict: {}", told.join("; ")));
    Err(match Subject::of(path) {
        Subject::Secret { secret } => failure.hint(format!("`resilmesh secret edit {secret}` settles it")),
        _ => failure.hint(format!("edit `{}` between the markers", args.path.display())),
    })
}
