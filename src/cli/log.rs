//! `resilmesh log`: the history of the mesh.

use clap::Args;
use serde_json::json;

use super::Context;
use super::failure::Failure;
use crate::git::history::{self, Entry};
use crate::git::repository::Repository;
use crate::project::position::one_line;

/// Show who changed what in the mesh, newest first
#[derive(Debug, Args)]
pub struct LogArgs {
    /// How many commits
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    pub number: usize,
}

/// Prints the history.
///
/// # Errors
/// When there is no repository, or it cannot be read.
pub fn run(cx: &Context, args: LogArgs) -> Result<(), Failure> {
    let repository = Repository::must(&cx.project_folder()?)?;
    let entries = history::newest(&repository, args.number)?;
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "commits": entries}));
        return Ok(());
    }
    if entries.is_empty() && args.number > 0 {
        cx.ui.progress("nothing is committed yet: `resilmesh share` commits");
    }
    for entry in entries {
        show(cx, &entry);
    }
    Ok(())
}

fn show(cx: &Context, entry: &Entry) {
    let id = cx.ui.paint_data("33", &entry.short);
    let when = entry.when.format("%Y-%m-%d %H:%M");
    cx.ui.line(format!("{id}  {when}  {}: {}", one_line(&entry.author), one_line(&entry.summary)));
    for change in &entry.changes {
        cx.ui.line(format!("  {change}"));
    }
}
