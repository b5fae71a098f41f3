//! The three sides of a file that an open merge could not join, as git's index keeps them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::repository::Repository;
use super::trouble::Trouble;

/// What a file in conflict held; none = it was not there.
#[derive(Clone, PartialEq, Eq)]
pub struct Sides {
    /// Before both changed it.
    pub base: Option<Vec<u8>>,
    /// Here.
    pub ours: Option<Vec<u8>>,
    /// There.
    pub theirs: Option<Vec<u8>>,
}

impl std::fmt::Debug for Sides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sides").finish_non_exhaustive()
    }
}

/// The sides of the file at `path` below the project; none if it is in no conflict.
///
/// # Errors
/// When they cannot be read.
pub fn of(repository: &Repository, path: &Path) -> Result<Option<Sides>, Trouble> {
    let index = repository.index()?;
    let side = |stage| -> Result<Option<Vec<u8>>, Trouble> {
        let Some(entry) = index.get_path(&repository.from_project(path), stage) else { return Ok(None) };
        Ok(Some(repository.inner.find_blob(entry.id)?.content().to_owned()))
    };
    let sides = Sides { base: side(1)?, ours: side(2)?, theirs: side(3)? };
    let in_conflict = sides.base.is_some() || sides.ours.is_some() || sides.theirs.is_some();
    Ok(in_conflict.then_some(sides))
}

/// The paths, below the project, of all files in conflict, sorted.
///
/// # Errors
/// When they cannot be read.
pub fn open(repository: &Repository) -> Result<BTreeSet<PathBuf>, Trouble> {
    let mut paths = BTreeSet::new();
    for conflict in repository.index()?.conflicts()? {
        let conflict = conflict?;
        let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
        paths.extend(entry.and_then(|entry| repository.in_project(&entry.path)));
    }
    Ok(paths)
}

/// Tells git that the file at `path` below the project is settled as it is on disk, or by being gone.
///
/// # Errors
/// When the index cannot be written.
pub fn settle(repository: &Repository, path: &Path) -> Result<(), Trouble> {
    let path = repository.from_project(path);
    let mut index = repository.index()?;
    if repository.top().join(&path).symlink_metadata().is_ok() {
        index.add_path(&path)?;
    } else {
        index.remove_path(&path)?;
    }
    Ok(index.write()?)
}
