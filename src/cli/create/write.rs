//! From a draft to files: listed, asked for, tried, written.

use std::path::Path;

use clap::Args;
use serde_json::json;

use crate::cli::edit::new_findings;
use crate::cli::failure::Failure;
use crate::cli::{Context, editors};
use crate::project::files::Folder;
use crate::project::load::{ProjectFiles, load_from};
use crate::project::position::Diagnostic;
use crate::project::printable::one_line;
use crate::project::scaffold::draft::{Draft, Effect};

/// How to write.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct WriteArgs {
    /// Only list what would be written
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Write over files that differ from what is to be written
    #[arg(short, long)]
    pub(super) force: bool,
}

/// Writes the draft, unless the project would have new mistakes with it; tells whether it is written.
///
/// # Errors
/// When something would be overwritten and nobody says yes, the project would have new mistakes, or
/// the disk refuses: nothing is written then.
pub(super) fn write(cx: &Context, files: &ProjectFiles, draft: &Draft, args: WriteArgs) -> Result<bool, Failure> {
    let failed = |error| Failure::new(format!("the project cannot be changed: {error}"));
    let effects = draft.effects(&files.root).map_err(failed)?;
    let folder = Folder::open(&files.root).map_err(failed)?;
    let after = load_from(&files.root, &draft.over(&folder));
    let found = new_findings(files, &after);
    if found.iter().any(Diagnostic::is_error) {
        let mistakes = found.into_iter().filter(Diagnostic::is_error).collect();
        return Err(Failure::new("nothing is written: the project would have mistakes with it").found(mistakes));
    }
    if args.dry_run {
        list(cx, &effects, true);
        return Ok(false);
    }
    if !args.force && !cx.yes {
        confirm(cx, &effects)?;
    }
    draft.write(&files.root).map_err(failed)?;
    editors::after(cx, &after, &[]);
    list(cx, &effects, false);
    found.iter().for_each(|found| cx.ui.diagnostic(found));
    Ok(true)
}

/// Says that what is asked for is there.
pub(super) fn there_already(cx: &Context, said: String) {
    cx.ui.done(said, json!({"dry_run": false, "files": []}));
}

/// Asks before anything is lost.
fn confirm(cx: &Context, effects: &[(&Path, Effect)]) -> Result<(), Failure> {
    let lost: Vec<String> = effects
        .iter()
        .filter(|(_, effect)| *effect == Effect::Overwrite)
        .map(|(path, _)| format!("`{}`", one_line(&path.display().to_string())))
        .collect();
    if lost.is_empty() || cx.ui.confirm(&format!("write over {}?", lost.join(", ")), "--force")? {
        return Ok(());
    }
    Err(Failure::new("nothing is written"))
}

/// What is or would be done; what would be done is the answer to a question, and so is data.
fn list(cx: &Context, effects: &[(&Path, Effect)], dry_run: bool) {
    if cx.ui.json {
        let files: Vec<_> = effects.iter().map(|(path, effect)| json!({"path": path, "effect": effect})).collect();
        cx.ui.document(&json!({"schema": 1, "dry_run": dry_run, "files": files}));
        return;
    }
    for (path, effect) in effects {
        let path = one_line(&path.display().to_string());
        match effect {
            _ if dry_run => cx.ui.line(format!("{} {path}", effect.word())),
            Effect::Keep => {}
            _ => cx.ui.progress(format!("{} `{path}`", effect.past())),
        }
    }
}
