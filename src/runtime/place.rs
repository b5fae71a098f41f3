//! Which folder the state of a project belongs to: `.resilmesh/place.json`.
//!
//! Who copies a project's folder copies its state with it. What that says of processes, sockets and setups
//! is true of the original only: to act on it from the copy would be to act on the original's mesh.
//! A folder that was moved, or whose original has gone, takes its state along.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RuntimeError;
use super::embedded::layout::write_atomically;

/// The file's name in the state folder.
const FILE: &str = "place.json";
/// What is true of processes and setups of the original only; what is in `data`, the secrets that were
/// made for it and the history are as much those of the copy.
const OF_ORIGINAL: [&str; 10] = [
    "run",
    "rendered",
    "supervisor.json",
    "supervisor.lock",
    "journal.json",
    "journal.changes",
    "ports.json",
    "profile",
    "lock",
    FILE,
];

/// Where a state was last used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The state folder, without links.
    path: PathBuf,
    /// What copies have in common and no other state has.
    id: String,
    /// The state folder on its disk: the same after it was moved.
    inode: u64,
}

/// Why the state in a folder is not that folder's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The project's folder whose state it is.
    pub from: PathBuf,
}

impl Copied {
    /// What is wrong, for people.
    pub fn words(&self) -> String {
        format!(
            "the state in `.resilmesh` was copied from `{}`: it tells of the services there, and nothing runs here",
            self.from.display()
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        format!(
            "`resilmesh down --forget` starts afresh here and leaves `{0}` alone; to act on the mesh there: `-C {0}`",
            self.from.display()
        )
    }
}

impl From<Copied> for RuntimeError {
    fn from(copied: Copied) -> Self {
        Self::new(copied.words()).hint(copied.hint())
    }
}

/// Whether this state folder was copied from another one that is still there. Changes nothing.
pub fn copied(state: &Path) -> Option<Copied> {
    let (here, seen) = (state.canonicalize().ok()?, fs::metadata(state).ok()?);
    let place = read(state)?;
    if place.path == here || place.inode == seen.ino() {
        return None;
    }
    let there = fs::metadata(&place.path).ok()?;
    // The same folder by another way, such as a bind mount.
    let is_same = (there.dev(), there.ino()) == (seen.dev(), seen.ino());
    let is_original = match fs::read(place.path.join(FILE)) {
        Ok(text) => serde_json::from_slice::<Place>(&text).is_ok_and(|theirs| theirs.id == place.id),
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    };
    let from = || place.path.parent().unwrap_or(&place.path).to_owned();
    (!is_same && is_original).then(|| Copied { from: from() })
}

/// Notes that this state folder belongs where it is, unless it was copied.
///
/// # Errors
/// When that cannot be written.
pub fn settle(state: &Path) -> io::Result<()> {
    if copied(state).is_some() {
        return Ok(());
    }
    let known = read(state);
    let id = known.as_ref().map_or_else(|| format!("{:016x}", rand::random::<u64>()), |place| place.id.clone());
    let place = Place { path: state.canonicalize()?, id, inode: fs::metadata(state)?.ino() };
    if known.as_ref() == Some(&place) {
        return Ok(());
    }
    write_atomically(&state.join(FILE), &serde_json::to_vec(&place)?)
}

/// Takes out of a copied state what is true of the original only. Nothing outside of the folder is touched.
///
/// # Errors
/// When something cannot be removed.
pub fn forget(state: &Path) -> io::Result<()> {
    // Last comes the file that tells that it is a copy: who is interrupted can do it again.
    for name in OF_ORIGINAL {
        let path = state.join(name);
        let removed = match path.symlink_metadata() {
            Ok(seen) if seen.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    }
    Ok(())
}

fn read(state: &Path) -> Option<Place> {
    serde_json::from_slice(&fs::read(state.join(FILE)).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two state folders of projects beside each other, of which the first is settled and the second a copy.
    fn original_and_copy() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let root = folder.path().canonicalize().expect("it is there");
        let [one, two] = ["one", "two"].map(|name| root.join(name).join(".resilmesh"));
        fs::create_dir_all(&one).expect("folder");
        settle(&one).expect("writable");
        copy(&one, &two);
        (folder, one, two)
    }

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("folder");
        for entry in fs::read_dir(from).expect("readable").flatten() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }

    #[test]
    fn a_copy_knows_its_original_and_is_not_settled() {
        let (_folder, one, two) = original_and_copy();
        assert_eq!(copied(&one), None);
        let from = one.parent().expect("a project").to_owned();
        assert_eq!(copied(&two), Some(Copied { from }));
        settle(&two).expect("nothing is written");
        assert!(copied(&two).is_some());
    }

    #[test]
    fn what_was_moved_goes_on_also_when_a_copy_of_it_lies_where_it_was() {
        let (_folder, one, two) = original_and_copy();
        let moved = one.parent().expect("a project").with_file_name("moved");
        fs::rename(one.parent().expect("a project"), &moved).expect("moved");
        let moved = moved.join(".resilmesh");
        assert_eq!(copied(&moved), None);
        assert_eq!(copied(&two), None, "the original has gone from where it was");
        copy(&moved, &one);
        assert_eq!(copied(&moved), None);
        settle(&moved).expect("writable");
        fs::remove_dir_all(&one).expect("removed");
        assert_eq!(copied(&moved), None);
        assert_eq!(read(&moved).map(|place| place.path), Some(moved));
    }

    #[test]
    fn another_project_where_the_original_was_is_not_the_original() {
        let (_folder, one, two) = original_and_copy();
        fs::remove_dir_all(&one).expect("removed");
        fs::create_dir(&one).expect("folder");
        settle(&one).expect("writable");
        assert_eq!(copied(&two), None);
    }

    #[test]
    fn forgetting_leaves_data_and_the_original() {
        let (_folder, one, two) = original_and_copy();
        for name in ["journal.json", "journal.changes", "key"] {
            fs::write(one.join(name), "x").expect("writable");
        }
        copy(&one, &two);
        for name in ["run", "data"] {
            fs::create_dir(two.join(name)).expect("folder");
        }
        forget(&two).expect("removable");
        forget(&two).expect("again");
        let mut left: Vec<_> = fs::read_dir(&two).expect("readable").flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["data", "key"]);
        assert!(one.join("journal.changes").exists());
        assert_eq!(copied(&two), None);
    }
}
