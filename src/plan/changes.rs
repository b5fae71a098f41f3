//! What a plan changes in rendered files, for people: without secrets, and safe to be printed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::desired::files_on_disk;
use super::paths::StateFolder;
use super::step::{Action, Plan};
use crate::project::line_diff;
use crate::project::printable::printable;
use crate::redact::Redactor;

/// Lines around a change.
const AROUND: usize = 3;

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is not there.
    New,
    /// It is different.
    Changed,
    /// It goes.
    Gone,
}

/// A file that a step writes or deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its path below the instance's rendered folder.
    pub path: String,
    /// What becomes of it.
    pub change: Kind,
    /// How many lines it has then; of one that goes, has now.
    pub lines: usize,
    /// The difference as `diff -u` shows it, without its head.
    pub diff: String,
}

/// The files that each step of a plan changes, by the step's index. Reads what is on disk.
pub fn of_plan(plan: &Plan, state: &StateFolder, redactor: &Arc<Redactor>) -> BTreeMap<usize, Vec<FileChange>> {
    let nothing = BTreeMap::new();
    let of_step = |action: &Action| {
        let (instance, files) = match action {
            Action::Render { instance, files, .. } => (instance, files),
            Action::RemoveFiles(instance) => (instance, &nothing),
            _ => return None,
        };
        Some(of_folder(&state.rendered(instance), files, redactor))
    };
    let steps = plan.steps.iter().enumerate();
    steps.filter_map(|(index, step)| Some((index, of_step(&step.action)?))).collect()
}

/// How the files of a folder on disk differ from those wanted.
pub fn of_folder(folder: &Path, wanted: &BTreeMap<String, String>, redactor: &Arc<Redactor>) -> Vec<FileChange> {
    let there: BTreeMap<String, String> = (files_on_disk(folder).unwrap_or_default().into_iter())
        .map(|(path, content)| (path, String::from_utf8_lossy(&content).into_owned()))
        .collect();
    between(&there, wanted, redactor)
}

/// How files differ, by path.
pub fn between(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    redactor: &Arc<Redactor>,
) -> Vec<FileChange> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |path: &String| {
        let (old, new) = (old.get(path), new.get(path));
        let (change, text) = match (old, new) {
            (old, new) if old == new => return None,
            (None, Some(new)) => (Kind::New, new),
            (Some(_), Some(new)) => (Kind::Changed, new),
            (Some(old), None) => (Kind::Gone, old),
            (None, None) => return None,
        };
        let diff = unified(old.map_or("", String::as_str), new.map_or("", String::as_str), redactor);
        Some(FileChange { path: printable(path), change, lines: text.lines().count(), diff })
    };
    paths.into_iter().filter_map(change).collect()
}

fn unified(old: &str, new: &str, redactor: &Arc<Redactor>) -> String {
    let (old, new) = (redactor.redact(old), redactor.redact(new));
    if old == new {
        return "only a secret changes\n".to_owned();
    }
    line_diff::unified(&old, &new, AROUND, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        files.iter().map(|(path, content)| ((*path).to_owned(), (*content).to_owned())).collect()
    }

    fn shown(old: &[(&str, &str)], new: &[(&str, &str)]) -> String {
        let redactor = Arc::new(Redactor::new([("bus/x", "correct-horse"), ("bus/x (former)", "battery-staple")]));
        let changes = between(&files(old), &files(new), &redactor);
        changes.iter().map(|c| format!("{:?} {} {}\n{}", c.change, c.path, c.lines, c.diff)).collect()
    }

    #[test]
    fn each_file_that_differs_is_shown_once() {
        let old = [("a", "1\n2\n3\n"), ("b", "same\n"), ("c", "old\n")];
        let new = [("a", "1\nzwei\n3\n"), ("b", "same\n"), ("d", "new\n")];
        assert_eq!(
            shown(&old, &new),
            "Changed a 3\n@@ -1,3 +1,3 @@\n 1\n-2\n+zwei\n 3\nGone c 1\n@@ -1 +0,0 @@\n-old\nNew d 1\n@@ -0,0 +1 @@\n+new\n"
        );
    }

    #[test]
    fn secrets_are_not_shown_and_a_new_one_is_said() {
        let text = shown(&[("a", "pw: battery-staple\nx: 1\n")], &[("a", "pw: correct-horse\nx: 2\n")]);
        assert!(!text.contains("horse") && !text.contains("staple"), "{text}");
        let same_name = Arc::new(Redactor::new([("pw", "correct-horse")]));
        let (old, new) = (files(&[("a", "correct-horse\n")]), files(&[("a", "correct-horse \n")]));
        assert!(between(&old, &new, &same_name)[0].diff.contains("[secret pw]"));
    }

    #[test]
    fn nothing_in_a_file_moves_the_cursor() {
        assert!(!shown(&[], &[("a", "\u{1b}[2Jx\n")]).contains('\u{1b}'));
    }
}
