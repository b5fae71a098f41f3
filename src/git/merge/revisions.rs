//! The merge of two revisions, worked out without touching a file.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{Commit, ErrorCode, FileMode, Index, MergeOptions, Oid, Tree};

use super::super::changes::changed_paths;
use super::super::entry::entry;
use super::super::repository::Repository;
use super::super::trouble::Trouble;
use super::{Clash, Conflict, driver};
use crate::mesh::subject::Subject;

/// What comes of joining two revisions.
pub struct Merge {
    index: Index,
    /// What is in conflict, sorted by what it is of.
    pub conflicts: Vec<Conflict>,
    /// What files that both sides changed are to hold, by path from the top; true = without conflict.
    pub files: Vec<(PathBuf, Vec<u8>, bool)>,
}

impl std::fmt::Debug for Merge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merge").field("conflicts", &self.conflicts).finish_non_exhaustive()
    }
}

impl Merge {
    /// The tree, if nothing is in conflict.
    ///
    /// # Errors
    /// When something is, or it cannot be written.
    pub fn tree<'r>(&mut self, repository: &'r Repository) -> Result<Tree<'r>, Trouble> {
        let id = self.index.write_tree_to(&repository.inner)?;
        Ok(repository.inner.find_tree(id)?)
    }
}

/// Joins two revisions.
///
/// # Errors
/// When they have no common history, or cannot be read.
pub fn revisions(repository: &Repository, ours: &Commit<'_>, theirs: &Commit<'_>) -> Result<Merge, Trouble> {
    let base = match repository.inner.merge_base(ours.id(), theirs.id()) {
        Ok(id) => repository.inner.find_commit(id)?.tree()?,
        Err(error) if error.code() == ErrorCode::NotFound => {
            return Err(Trouble::new("the mesh here and the one there have no common history")
                .hint("join the other with `resilmesh clone URL`, and add there what this one has"));
        }
        Err(error) => return Err(error.into()),
    };
    let trees = [base, ours.tree()?, theirs.tree()?];
    let index = repository.inner.merge_commits(ours, theirs, Some(&options()))?;
    let mut merge = Merge { index, conflicts: Vec::new(), files: Vec::new() };
    for path in changed_twice(repository, &trees)? {
        merge.path(repository, &trees, path)?;
    }
    merge.conflicts.sort_by(|one, other| one.of.cmp(&other.of));
    Ok(merge)
}

/// How libgit2 merges: a file is what its path says, so nothing is a renamed other.
pub(in crate::git) fn options() -> MergeOptions {
    let mut options = MergeOptions::new();
    options.find_renames(false);
    options
}

/// The files that both sides changed, or that libgit2 may have a conflict in.
fn changed_twice(repository: &Repository, [base, ours, theirs]: &[Tree<'_>; 3]) -> Result<Vec<PathBuf>, Trouble> {
    let here: BTreeSet<PathBuf> = changed_paths(repository, Some(base), ours)?.into_iter().collect();
    let there = changed_paths(repository, Some(base), theirs)?;
    Ok(there.into_iter().filter(|path| here.contains(path)).collect())
}

/// A file in a tree.
struct Side {
    id: Oid,
    mode: i32,
    content: Vec<u8>,
}

fn side(repository: &Repository, tree: &Tree<'_>, path: &Path) -> Result<Option<Side>, Trouble> {
    let Ok(entry) = tree.get_path(path) else { return Ok(None) };
    let object = entry.to_object(&repository.inner)?;
    let content = object.as_blob().map(|blob| blob.content().to_owned());
    Ok(content.map(|content| Side { id: entry.id(), mode: entry.filemode(), content }))
}

impl Merge {
    fn path(&mut self, repository: &Repository, trees: &[Tree<'_>; 3], path: PathBuf) -> Result<(), Trouble> {
        let [base, ours, theirs] = trees.each_ref().map(|tree| side(repository, tree, &path));
        let (base, ours, theirs) = (base?, ours?, theirs?);
        let below = repository.in_project(path.as_os_str().as_bytes()).unwrap_or_else(|| path.clone());
        let of = Subject::of(&below);
        let (ours, theirs) = match (ours, theirs) {
            (Some(ours), Some(theirs)) => (ours, theirs),
            (None, None) => return Ok(()),
            (ours, _) => {
                let clash = if ours.is_none() { Clash::RemovedHere } else { Clash::RemovedThere };
                self.conflicts.push(Conflict { of, clash });
                return Ok(());
            }
        };
        if ours.id == theirs.id && ours.mode == theirs.mode {
            return Ok(());
        }
        let link = i32::from(FileMode::Link);
        if [Some(&ours), Some(&theirs), base.as_ref()].into_iter().flatten().any(|side| side.mode == link) {
            self.conflicts.push(Conflict { of, clash: Clash::Content });
            return Ok(());
        }
        let base_mode = base.as_ref().map(|base| base.mode);
        let base = base.map(|base| base.content).unwrap_or_default();
        let merged = driver::file(&below, &base, &ours.content, &theirs.content);
        let clean = merged.conflicts.is_empty();
        if clean {
            let mode = if base_mode == Some(ours.mode) { theirs.mode } else { ours.mode };
            self.settle(repository, &path, mode, &merged.content)?;
        }
        self.conflicts.extend(merged.conflicts);
        self.files.push((path, merged.content, clean));
        Ok(())
    }

    fn settle(&mut self, repository: &Repository, path: &Path, mode: i32, content: &[u8]) -> Result<(), Trouble> {
        let id = repository.inner.blob(content)?;
        if self.index.conflict_get(path).is_ok() {
            self.index.conflict_remove(path)?;
        }
        self.index.add(&entry(path, mode.cast_unsigned(), id))?;
        Ok(())
    }
}
