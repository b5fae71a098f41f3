//! `resilmesh secret history`: the commits that changed a secret.

use clap::Args;
use serde_json::json;

use super::name;
use crate::cli::failure::Failure;
use crate::cli::{Context, completion};
use crate::git::repository::Repository;
use crate::git::secrets;
use crate::vault::SecretName;

/// Which secret.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The name
    #[arg(value_parser = name, add = completion::secrets())]
    pub name: SecretName,
}

/// How much of a commit's hash a table shows.
const SHORT: usize = 10;

/// Lists them, newest first. Works for secrets that are gone.
///
/// # Errors
/// When the project is in no git repository.
pub(super) fn run(cx: &Context, args: &HistoryArgs) -> Result<(), Failure> {
    let project = cx.project_folder()?;
    let commits = secrets::commits(&Repository::must(&project)?, &args.name)?;
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "name": args.name.as_str(), "commits": commits}));
        return Ok(());
    }
    if commits.is_empty() {
        cx.ui.progress(format!("no commit has changed `{}`", args.name));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = commits
        .into_iter()
        .map(|own| vec![own.commit.chars().take(SHORT).collect(), own.date, own.author, own.subject])
        .collect();
    cx.ui.table(&["Commit", "Date", "Author", "Subject"], &rows);
    Ok(())
}
