//! `resilmesh history`: what was done to the mesh on this machine.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::{Context, recording, trust};
use crate::git::snapshots::documents::{self, Documents};
use crate::mesh::difference::differences;
use crate::plan::history::{History, Outcome, Record};
use crate::plan::paths::StateFolder;
use crate::project::names;
use crate::trust::review;

/// Show what `up`, `down` and `rollback` did on this machine, newest first
///
/// Each has a number: `resilmesh history NUMBER` tells more, and `resilmesh rollback NUMBER` brings
/// back the documents of that time and the mesh that they mean.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Tell more of this one; with `--verbose`, how each file is different
    #[arg(value_name = "NUMBER")]
    pub number: Option<u64>,
}

/// Prints the history, or one record of it.
///
/// # Errors
/// When there is no such record, or it cannot be read.
pub fn run(cx: &Context, args: &HistoryArgs) -> Result<(), Failure> {
    let project = cx.project_folder()?;
    let history = History::load(&StateFolder::of(&project).history())?;
    match args.number {
        Some(number) => one(cx, &project, &history, get(&history, number)?),
        None => {
            all(cx, &history);
            Ok(())
        }
    }
}

/// The record of this number.
///
/// # Errors
/// When there is none, with those that there are.
pub(super) fn get(history: &History, number: u64) -> Result<&Record, Failure> {
    history.get(number).ok_or_else(|| {
        let known: Vec<u64> = history.newest_first().map(|record| record.number).collect();
        let failure = Failure::new(format!("nothing in the history has number {number}"));
        match (known.last(), known.first()) {
            (Some(first), Some(last)) if first < last => failure.hint(format!("there is {first} to {last}")),
            (Some(only), _) => failure.hint(format!("there is {only} alone")),
            _ => failure.hint("it begins with the first `resilmesh up`"),
        }
        .hint("`resilmesh history` shows what there is")
    })
}

fn all(cx: &Context, history: &History) {
    if cx.ui.json {
        let records: Vec<&Record> = history.newest_first().collect();
        cx.ui.document(&json!({"schema": 1, "history": records}));
        return;
    }
    let profiles = history.newest_first().any(|record| record.profile.is_some());
    let rows: Vec<Vec<String>> = history.newest_first().map(|record| row(record, profiles)).collect();
    if rows.is_empty() {
        cx.ui.progress("nothing was done yet: the history begins with the first `resilmesh up`");
        return;
    }
    let profile = profiles.then_some("Profile");
    let titles = ["Number", "When", "What"].into_iter().chain(profile);
    let titles: Vec<&str> = titles.chain(["Outcome", "Steps", "Took", "Revision", "Who"]).collect();
    cx.ui.table(&titles, &rows);
}

/// With its profile, if any has one.
fn row(record: &Record, profiles: bool) -> Vec<String> {
    let profile = profiles.then(|| record.profile.clone().unwrap_or_else(|| "-".to_owned()));
    let first = [record.number.to_string(), when(record), record.line()];
    let others = [
        outcome(record),
        record.steps.to_string(),
        took(record).unwrap_or_default(),
        revision(record).unwrap_or_default(),
        record.who.clone(),
    ];
    first.into_iter().chain(profile).chain(others).collect()
}

fn when(record: &Record) -> String {
    record.when.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn outcome(record: &Record) -> String {
    match (record.outcome, record.rolled_back) {
        (Outcome::Failed, true) => "failed, taken back".to_owned(),
        (outcome, _) => outcome.to_string(),
    }
}

fn took(record: &Record) -> Option<String> {
    record.seconds.map(|seconds| format!("{seconds:.1} s"))
}

/// The commit, with `+` behind it if files were different.
fn revision(record: &Record) -> Option<String> {
    record.revision.as_ref().map(|own| format!("{}{}", own.commit, if own.changed { "+" } else { "" }))
}

fn one(cx: &Context, project: &Path, history: &History, record: &Record) -> Result<(), Failure> {
    let before = history.before(record.number);
    let (old, new) = match &record.snapshot {
        Some(id) => {
            let snapshots = recording::snapshots(project)?;
            let old = before.and_then(|before| before.snapshot.as_ref());
            (old.map(|id| snapshots.get(id)).transpose()?.unwrap_or_default(), snapshots.get(id)?)
        }
        None => (Documents::new(), Documents::new()),
    };
    let changes = differences(&documents::changes(&old, &new));
    let files = review::changes(&documents::content(&old), &documents::content(&new));
    if cx.ui.json {
        let mut document = json!({"schema": 1, "record": record, "changes": changes});
        if cx.verbose {
            document["files"] = json!(files);
        }
        cx.ui.document(&document);
        return Ok(());
    }
    details(cx, record);
    let since = match before {
        Some(before) => format!("{} changed since {}", names::counted(files.len(), "file"), before.number),
        None => format!("{}, nothing is known of before", names::counted(files.len(), "file")),
    };
    cx.ui.line(format!("documents  {since}"));
    if cx.verbose {
        files.iter().for_each(|file| trust::print_change(cx, file));
    } else {
        changes.iter().for_each(|change| cx.ui.line(format!("  {change}")));
    }
    Ok(())
}

fn details(cx: &Context, record: &Record) {
    let arguments = [
        ("number", Some(record.number.to_string())),
        ("what", Some(record.line())),
        ("profile", record.profile.clone()),
        ("when", Some(when(record))),
        ("who", Some(record.who.clone())),
        (
            "revision",
            record.revision.as_ref().map(|own| {
                format!("{}{}", own.commit, if own.changed { ", with files that were not committed" } else { "" })
            }),
        ),
        ("outcome", Some(outcome(record))),
        ("error", record.error.clone()),
        ("steps", Some(record.steps.to_string()).filter(|steps| !steps.is_empty())),
        ("took", took(record)),
    ];
    for (title, text) in arguments {
        if let Some(text) = text {
            cx.ui.line(format!("{title:<9}  {}", crate::project::position::one_line(&text)));
        }
    }
}
