//! What hooks noted in the files of plugs and nobody has committed: an update carries it along, where it goes
//! together with what others changed there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{IndexEntry, Tree};

use super::changes::{changed_paths, uncommitted};
use super::merge::document::{self, KeyConflict};
use super::merge::driver;
use super::repository::Repository;
use super::trouble::Trouble;
use crate::mesh::difference::show;
use crate::project::load::INSTANCES;
use crate::project::{names, write};

/// Files that are not committed and that others changed too, with what is in them after an update.
#[derive(Debug, Default)]
pub(super) struct Noted {
    files: Vec<(PathBuf, String)>,
}

impl Noted {
    /// What an update from `old` to `new` is to carry along.
    ///
    /// # Errors
    /// When it would touch something else that is not committed, or the two do not go together.
    pub(super) fn between(repository: &Repository, old: Option<&Tree<'_>>, new: &Tree<'_>) -> Result<Self, Trouble> {
        let touched: BTreeSet<PathBuf> = changed_paths(repository, old, new)?.into_iter().collect();
        let (mut noted, mut lost, mut clashes) = (Self::default(), Vec::new(), Vec::new());
        for path in uncommitted(repository)?.into_iter().filter(|path| touched.contains(path)) {
            match old.and_then(|old| joined(repository, &path, old, new)) {
                Some(merged) if merged.conflicts.is_empty() => noted.files.push((path, merged.text)),
                Some(merged) => {
                    clashes.extend(merged.conflicts.iter().map(|clash| told(&path, clash)));
                    lost.push(path);
                }
                None => lost.push(path),
            }
        }
        if lost.is_empty() { Ok(noted) } else { Err(refused(&lost, clashes)) }
    }

    /// Brings the files to what is in a tree, and these to what goes together with it.
    pub(super) fn check_out(
        &self,
        repository: &Repository,
        old: Option<&Tree<'_>>,
        new: &Tree<'_>,
    ) -> Result<(), Trouble> {
        // First: whoever is killed then has lost nothing, and the next update finds what it can join.
        for (path, text) in &self.files {
            let file = repository.top().join(path);
            write::replace(&file, text.as_bytes()).map_err(|error| Trouble::io(&file, &error))?;
        }
        let mut options = CheckoutBuilder::new();
        options.safe();
        if self.files.is_empty() {
            return Ok(repository.inner.checkout_tree(new.as_object(), Some(&mut options))?);
        }
        let own: BTreeSet<&PathBuf> = self.files.iter().map(|(path, _)| path).collect();
        let others: Vec<PathBuf> =
            changed_paths(repository, old, new)?.into_iter().filter(|path| !own.contains(path)).collect();
        if !others.is_empty() {
            options.disable_pathspec_match(true);
            for path in &others {
                options.path(path);
            }
            repository.inner.checkout_tree(new.as_object(), Some(&mut options))?;
        }
        let mut index = repository.index()?;
        for path in own {
            index.add(&entry(path, new)?)?;
        }
        Ok(index.write()?)
    }
}

/// The file of a plug with both changes; none = it is no such file, or not there on all sides.
fn joined(repository: &Repository, path: &Path, old: &Tree<'_>, new: &Tree<'_>) -> Option<document::Merged> {
    let parts: Vec<&str> = driver::in_project(path).iter().map(|part| part.to_str()).collect::<Option<_>>()?;
    let [INSTANCES, _, _, "plugs", _, _] = parts[..] else { return None };
    let of = |tree: &Tree<'_>| {
        let blob = tree.get_path(path).ok()?.to_object(&repository.inner).ok()?.peel_to_blob().ok()?;
        String::from_utf8(blob.content().to_vec()).ok()
    };
    let here = std::fs::read_to_string(repository.top().join(path)).ok()?;
    document::merge(&of(old)?, &here, &of(new)?)
}

fn told(path: &Path, clash: &KeyConflict) -> String {
    let said = |value: &Option<serde_json::Value>| value.as_ref().map_or_else(|| "taken out".to_owned(), show);
    format!("in `{}`, `{}` is {} here and {} there", path.display(), clash.key, said(&clash.ours), said(&clash.theirs))
}

pub(super) fn refused(lost: &[PathBuf], clashes: Vec<String>) -> Trouble {
    let shown: Vec<String> = lost.iter().map(|path| path.display().to_string()).collect();
    let trouble = Trouble::new(format!(
        "others changed what you changed too and did not commit: {}; nothing is changed",
        names::list(shown.iter().map(String::as_str))
    ));
    let trouble = clashes.into_iter().fold(trouble, Trouble::hint);
    trouble
        .hint("commit your changes first, and both are joined: `git add -A && git commit`, then `resilmesh update`")
        .hint("or put them aside: `git stash -u`, `resilmesh update`, `git stash pop`")
}

/// The entry of the index for a file as it is in a tree.
fn entry(path: &Path, tree: &Tree<'_>) -> Result<IndexEntry, Trouble> {
    let there = tree.get_path(path)?;
    let now = git2::IndexTime::new(0, 0);
    Ok(IndexEntry {
        ctime: now,
        mtime: now,
        dev: 0,
        ino: 0,
        mode: there.filemode().cast_unsigned(),
        uid: 0,
        gid: 0,
        file_size: 0,
        id: there.id(),
        flags: 0,
        flags_extended: 0,
        path: std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec(),
    })
}
