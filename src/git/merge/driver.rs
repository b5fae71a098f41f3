//! The merge of one file, as git asks for it.

use std::path::Path;

use super::document::{self, KeyConflict};
use super::{Clash, Conflict};
use crate::mesh::subject::Subject;

/// What came of the merge of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// What it is to hold.
    pub content: Vec<u8>,
    /// What is in conflict.
    pub conflicts: Vec<Conflict>,
}

/// Merges the contents of the file at `path` (relative to the project), which both sides have.
///
/// Of a secret that both sides changed, ours stays: ciphertexts have no lines. The three sides stay
/// in git's index, where `secret edit` finds them.
pub fn file(path: &Path, base: &[u8], ours: &[u8], theirs: &[u8]) -> File {
    let clean = |content: &[u8]| File { content: content.to_owned(), conflicts: Vec::new() };
    if ours == theirs || base == theirs {
        return clean(ours);
    }
    if base == ours {
        return clean(theirs);
    }
    let of = Subject::of(path);
    let conflict = |clash| Conflict { of: of.clone(), clash };
    if path.extension().is_some_and(|extension| extension == "gpg") {
        return File { content: ours.to_owned(), conflicts: vec![conflict(Clash::Content)] };
    }
    let texts = (std::str::from_utf8(base), std::str::from_utf8(ours), std::str::from_utf8(theirs));
    if of.is_document(path)
        && let (Ok(base), Ok(ours), Ok(theirs)) = texts
        && let Some(merged) = document::merge(base, ours, theirs)
    {
        let conflicts = merged.conflicts.into_iter().map(|key: KeyConflict| conflict(Clash::Key(key))).collect();
        return File { content: merged.text.into_bytes(), conflicts };
    }
    let is_text = ![base, ours, theirs].iter().any(|side| side.contains(&0));
    match document::text(base, ours, theirs).filter(|_| is_text) {
        Some((content, true)) => clean(&content),
        Some((content, false)) => File { content, conflicts: vec![conflict(Clash::Content)] },
        None => File { content: ours.to_owned(), conflicts: vec![conflict(Clash::Content)] },
    }
}

/// The path below its project of a file in a repository that may hold more than one: what follows the
/// folders before a part of a mesh. A path of no mesh stays as it is.
pub fn in_project(path: &Path) -> &Path {
    let mut rest = path.components();
    loop {
        let below = rest.as_path();
        if !matches!(Subject::of(below), Subject::File { .. }) {
            return below;
        }
        if rest.next().is_none() {
            return path;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_of_a_path_is_found() {
        for (path, below) in [
            ("instances/a/b/config.yaml", "instances/a/b/config.yaml"),
            ("labs/one/instances/a/b/config.yaml", "instances/a/b/config.yaml"),
            ("lab/secrets/x/y.gpg", "secrets/x/y.gpg"),
            ("notes/README.md", "notes/README.md"),
        ] {
            assert_eq!(in_project(Path::new(path)), Path::new(below));
        }
    }

    #[test]
    fn a_secret_is_never_mixed() {
        let path = Path::new("secrets/edr/token.gpg");
        let merged = file(path, b"\x85base", b"\x85ours", b"\x85theirs");
        assert_eq!(merged.content, b"\x85ours");
        assert_eq!(merged.conflicts[0].to_string(), "secret edr/token: changed on both sides");
        assert_eq!(file(path, b"\x85base", b"\x85base", b"\x85theirs").content, b"\x85theirs");
    }
}
