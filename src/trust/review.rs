//! What is new in something since it was trusted, made safe to be printed.

use std::collections::BTreeSet;

use serde::Serialize;

use super::store::Known;
use super::subject::Subject;
use crate::project::content::{Content, Entry};
use crate::project::line_diff;
use crate::project::printable::printable;

/// Lines around a change.
const AROUND: usize = 3;

/// How a file differs from what was trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was not there.
    Added,
    /// It is different.
    Changed,
    /// It is gone.
    Removed,
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// How it differs.
    pub change: Change,
    /// What it is now, for people: `312 bytes`.
    pub now: String,
    /// The difference, as `diff -u` shows it; none when one of both is no text.
    pub diff: Option<String>,
}

/// Everything that is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// The files that differ; all of them when nothing was trusted before.
    pub files: Vec<FileChange>,
    /// What the code says it needs and did not before: `hosts: api.example.org`.
    pub asks: Vec<String>,
}

/// Compares with what was trusted before, or with nothing.
pub fn review(subject: &Subject, before: Option<&Known>) -> Review {
    let nothing = Content::default();
    let files = changes(before.map_or(&nothing, |known| &known.content), &subject.content);
    let (old, new) = (before.map(|known| known.permissions.clone()).unwrap_or_default(), &subject.permissions);
    let kinds =
        [("hosts", &old.hosts, &new.hosts), ("secrets", &old.secrets, &new.secrets), ("paths", &old.paths, &new.paths)];
    let asks = kinds
        .iter()
        .flat_map(|(kind, old, new)| new.difference(old).map(move |item| format!("{kind}: {}", printable(item))));
    Review { files, asks: asks.collect() }
}

/// The files in which two contents differ.
pub fn changes(old: &Content, new: &Content) -> Vec<FileChange> {
    let paths: BTreeSet<&String> = old.0.keys().chain(new.0.keys()).collect();
    paths.into_iter().filter_map(|path| compare(path, old.0.get(path), new.0.get(path))).collect()
}

fn compare(path: &str, old: Option<&Entry>, new: Option<&Entry>) -> Option<FileChange> {
    let change = match (old, new) {
        (old, new) if old == new => return None,
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        _ => Change::Changed,
    };
    let now = new.map_or_else(|| "removed".to_owned(), describe);
    let text_of = |entry: Option<&Entry>| entry.map_or(Some(String::new()), text);
    let texts = text_of(old).zip(text_of(new)).filter(|(old, new)| old != new);
    let diff = texts.map(|(old, new)| unified(path, &old, &new));
    Some(FileChange { path: printable(path), change, now, diff })
}

/// What an entry is, for people.
pub fn describe(entry: &Entry) -> String {
    match entry {
        Entry::File { executable: false, size, .. } => format!("{size} bytes"),
        Entry::File { executable: true, size, .. } => format!("{size} bytes, executable"),
        Entry::Link { to } => format!("a link to `{}`", printable(to)),
    }
}

fn text(entry: &Entry) -> Option<String> {
    match entry {
        Entry::File { text, .. } => text.clone(),
        Entry::Link { to } => Some(format!("{to}\n")),
    }
}

fn unified(path: &str, old: &str, new: &str) -> String {
    line_diff::unified(old, new, AROUND, Some((&format!("before/{path}"), &format!("now/{path}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(files: &[(&str, &str)]) -> Content {
        Content(files.iter().map(|(path, text)| ((*path).to_owned(), Entry::text(text))).collect())
    }

    #[test]
    fn a_change_is_shown_line_by_line() {
        let old = content(&[("a.py", "one\ntwo\n"), ("gone", ""), ("same", "x")]);
        let new = content(&[("a.py", "one\nevil()\n"), ("new.py", "import os\n"), ("same", "x")]);
        let found = changes(&old, &new);
        let kinds: Vec<(&str, Change)> = found.iter().map(|file| (file.path.as_str(), file.change)).collect();
        assert_eq!(kinds, [("a.py", Change::Changed), ("gone", Change::Removed), ("new.py", Change::Added)]);
        assert_eq!(
            found[0].diff.as_deref(),
            Some("--- before/a.py\n+++ now/a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+evil()\n")
        );
        assert!(found[2].diff.as_ref().is_some_and(|diff| diff.ends_with("+import os\n")));
    }
}
