//! Which files of the project changed: between revisions, and since the last commit.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{Commit, Delta, Diff, DiffOptions, Oid, Tree};

use super::repository::Repository;
use super::trouble::Trouble;
use crate::mesh::difference::FileChange;
use crate::mesh::subject::Subject;

/// One side of a changed file.
enum Side {
    Missing,
    Blob(Oid),
    /// As it stands on disk.
    Disk,
}

fn options() -> DiffOptions {
    let mut options = DiffOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_typechange(true).ignore_submodules(true);
    options
}

/// The files of the project that are not the same in both trees; none = nothing there.
///
/// # Errors
/// When one cannot be read.
pub fn between(
    repository: &Repository,
    old: Option<&Tree<'_>>,
    new: Option<&Tree<'_>>,
) -> Result<Vec<FileChange>, Trouble> {
    let diff = repository.inner.diff_tree_to_tree(old, new, Some(&mut options()))?;
    collect(repository, &diff, false)
}

/// The files of the project that differ on disk from those of the tree; what git ignores is left out.
///
/// # Errors
/// When one cannot be read.
pub fn on_disk(repository: &Repository, old: Option<&Tree<'_>>) -> Result<Vec<FileChange>, Trouble> {
    let diff = repository.inner.diff_tree_to_workdir_with_index(old, Some(&mut options()))?;
    collect(repository, &diff, true)
}

/// The paths, relative to the top, of files that are not committed as they are on disk.
///
/// # Errors
/// When the folder cannot be read.
pub fn uncommitted(repository: &Repository) -> Result<Vec<PathBuf>, Trouble> {
    let tree = repository.head()?.map(|head| head.tree()).transpose()?;
    let diff = repository.inner.diff_tree_to_workdir_with_index(tree.as_ref(), Some(&mut options()))?;
    Ok(paths(&diff))
}

/// The paths, relative to the top, of files that are not the same in both trees.
///
/// # Errors
/// When a tree cannot be read.
pub fn changed_paths(repository: &Repository, old: Option<&Tree<'_>>, new: &Tree<'_>) -> Result<Vec<PathBuf>, Trouble> {
    Ok(paths(&repository.inner.diff_tree_to_tree(old, Some(new), None)?))
}

fn paths(diff: &Diff<'_>) -> Vec<PathBuf> {
    diff.deltas()
        .filter(|delta| !matches!(delta.status(), Delta::Unmodified | Delta::Ignored))
        .filter_map(|delta| delta.new_file().path().map(Path::to_owned))
        .collect()
}

/// The files that a commit changed, compared with its first parent.
///
/// # Errors
/// When one cannot be read.
pub fn of_commit(repository: &Repository, commit: &Commit<'_>) -> Result<Vec<FileChange>, Trouble> {
    let parent = if commit.parent_count() > 0 { Some(commit.parent(0)?.tree()?) } else { None };
    between(repository, parent.as_ref(), Some(&commit.tree()?))
}

fn collect(repository: &Repository, diff: &Diff<'_>, on_disk: bool) -> Result<Vec<FileChange>, Trouble> {
    let mut changes = Vec::new();
    for delta in diff.deltas() {
        let Some(top) = delta.new_file().path_bytes() else { continue };
        let Some(path) = repository.in_project(top) else { continue };
        let before = match delta.status() {
            Delta::Added | Delta::Untracked => Side::Missing,
            Delta::Unmodified | Delta::Ignored => continue,
            _ => Side::Blob(delta.old_file().id()),
        };
        let after = match delta.status() {
            Delta::Deleted => Side::Missing,
            _ if on_disk => Side::Disk,
            _ => Side::Blob(delta.new_file().id()),
        };
        let needed = Subject::of(&path).has_content();
        let top = Path::new(std::ffi::OsStr::from_bytes(top));
        let read = |side| content(repository, top, side, needed);
        let (before, after) = (read(before)?, read(after)?);
        if !needed || before != after {
            changes.push(FileChange { path, before, after });
        }
    }
    Ok(changes)
}

fn content(repository: &Repository, path: &Path, side: Side, needed: bool) -> Result<Option<Vec<u8>>, Trouble> {
    match side {
        Side::Missing => Ok(None),
        _ if !needed => Ok(Some(Vec::new())),
        Side::Blob(id) => Ok(repository.inner.find_blob(id).ok().map(|blob| blob.content().to_owned())),
        Side::Disk => on_disk_content(&repository.top().join(path)),
    }
}

/// What git would keep of a path on disk: the bytes of a file, the target of a link. None if nothing
/// is there that it keeps.
///
/// # Errors
/// When it cannot be read.
pub(super) fn on_disk_content(path: &Path) -> Result<Option<Vec<u8>>, Trouble> {
    let failed = |error: std::io::Error| Trouble::io(path, &error);
    match path.symlink_metadata() {
        Ok(there) if there.is_symlink() => {
            let target = std::fs::read_link(path).map_err(failed)?;
            Ok(Some(target.as_os_str().as_bytes().to_owned()))
        }
        Ok(there) if there.is_file() => std::fs::read(path).map(Some).map_err(failed),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}
