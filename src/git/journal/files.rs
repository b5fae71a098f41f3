//! The files of the journal that travels: what they are called, and how those of two sides are joined.

use std::collections::{BTreeMap, BTreeSet};

/// Contents by path. `/` stands between a folder and a file; deeper ones are none of ours.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A name as a part of the name of a reference or a file, whatever is in it.
pub(super) fn name(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut bytes = [0; 4];
    let coded = |c: char| c.encode_utf8(&mut bytes).bytes().map(|byte| format!("={byte:02x}")).collect::<String>();
    let mut coded = coded;
    text.chars().map(|c| if plain(c) { c.to_string() } else { coded(c) }).collect()
}

/// What came of `base` on both sides. A change counts for more than its removal: what may be set up must be
/// known. Of two changes, that of the others counts: it was pushed first.
pub(super) fn joined(base: &Files, ours: &Files, theirs: Files) -> Files {
    let mut files = theirs;
    let paths: BTreeSet<&String> = base.keys().chain(ours.keys()).collect();
    for path in paths {
        let (before, our, their) = (base.get(path), ours.get(path), files.get(path));
        if our == before || (their != before && their.is_some()) {
            continue;
        }
        match our {
            Some(our) => drop(files.insert(path.clone(), our.clone())),
            None => drop(files.remove(path)),
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(of: &[(&str, &str)]) -> Files {
        of.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_owned())).collect()
    }

    #[test]
    fn both_sides_are_joined_file_by_file_and_what_may_be_up_stays_known() {
        let base = files(&[("same", "1"), ("ours", "1"), ("theirs", "1"), ("gone", "1"), ("both", "1"), ("kept", "1")]);
        let ours = files(&[("same", "1"), ("ours", "2"), ("theirs", "1"), ("both", "2"), ("new", "2"), ("kept", "2")]);
        let theirs = files(&[("same", "1"), ("ours", "1"), ("theirs", "3"), ("gone", "1"), ("both", "3")]);
        let expected = [("same", "1"), ("ours", "2"), ("theirs", "3"), ("both", "3"), ("new", "2"), ("kept", "2")];
        assert_eq!(joined(&base, &ours, theirs), files(&expected));
        let changed_there = files(&[("gone", "3")]);
        assert_eq!(joined(&files(&[("gone", "1")]), &Files::new(), changed_there.clone()), changed_there);
        assert_eq!(joined(&files(&[("gone", "1")]), &files(&[("gone", "1")]), Files::new()), Files::new());
    }

    #[test]
    fn names_are_such_that_git_takes_them() {
        for (given, expected) in [("prod", "prod"), ("a.b/c", "a=2eb=2fc"), ("é", "=c3=a9"), (".lock", "=2elock")] {
            assert_eq!(name(given), expected);
            assert!(git2::Reference::is_valid_name(&format!("refs/{expected}")));
        }
    }
}
