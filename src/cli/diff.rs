//! `resilmesh diff`: what changed in the mesh.

use clap::Args;
use serde_json::json;

use super::Context;
use super::failure::Failure;
use crate::git::changes;
use crate::git::repository::Repository;
use crate::mesh::difference::differences;

/// Show what changed in the mesh since a revision, or between two
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The older revision, or `OLDER..NEWER` [default: what was committed last]
    #[arg(value_name = "REVISION")]
    pub from: Option<String>,
    /// The newer revision [default: the files as they are]
    #[arg(value_name = "REVISION")]
    pub to: Option<String>,
}

impl DiffArgs {
    /// With two revisions that were written as one, as git has it, taken apart. One that is left out
    /// is what was committed last.
    fn split(self) -> Result<Self, Failure> {
        let Some(range) = self.from.as_ref().filter(|from| from.contains("..")) else { return Ok(self) };
        let two_revisions = "`resilmesh diff OLDER NEWER` takes two revisions, and so does `OLDER..NEWER`";
        if range.contains("...") || self.to.is_some() {
            return Err(Failure::usage(format!("`{range}` cannot be compared like this")).hint(two_revisions));
        }
        let (from, to) = range.split_once("..").unwrap_or((range, ""));
        let named = |revision: &str| Some(if revision.is_empty() { "HEAD" } else { revision }.to_owned());
        Ok(Self { from: named(from), to: named(to) })
    }
}

/// Prints the difference.
///
/// # Errors
/// When there is no repository, or no such revision.
pub fn run(cx: &Context, args: DiffArgs) -> Result<(), Failure> {
    let repository = Repository::must(&cx.project_folder()?)?;
    let args = args.split()?;
    let from = match &args.from {
        Some(revision) => Some(repository.commit(revision)?),
        None => repository.head()?,
    };
    let from = from.map(|commit| repository.tree(&commit)).transpose()?;
    let changes = match &args.to {
        Some(revision) => {
            let to = repository.tree(&repository.commit(revision)?)?;
            changes::between(&repository, from.as_ref(), Some(&to))?
        }
        None => changes::on_disk(&repository, from.as_ref())?,
    };
    let found = differences(&changes);
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "changes": found}));
        return Ok(());
    }
    if found.is_empty() {
        cx.ui.progress("no difference");
    }
    found.iter().for_each(|change| cx.ui.line(change.to_string()));
    Ok(())
}
