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
    /// The older revision [default: what was committed last]
    #[arg(value_name = "REVISION")]
    pub from: Option<String>,
    /// The newer revision [default: the files as they are]
    #[arg(value_name = "REVISION")]
    pub to: Option<String>,
}

/// Prints the difference.
///
/// # Errors
/// When there is no repository, or no such revision.
pub fn run(cx: &Context, args: DiffArgs) -> Result<(), Failure> {
    let repository = Repository::must(&cx.project_folder()?)?;
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
