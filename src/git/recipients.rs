//! Who put whom on the lists of recipients, commit by commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Sort, Tree};
use resilmesh_vault::{Fingerprint, RecipientId, RecipientList};

use super::repository::Repository;
use super::secrets::{Commit, told};
use super::trouble::Trouble;
use crate::vault::FOLDER;

/// The name of a list.
const LIST: &str = ".gpg-id";

/// The keys on each list, by the folder of the vault that it is for.
type Lists = BTreeMap<PathBuf, BTreeSet<Fingerprint>>;

/// What a commit did to a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The folder of the vault that the list is for.
    pub folder: PathBuf,
    /// Keys that it put on the list.
    pub added: BTreeSet<Fingerprint>,
    /// Keys that it took off.
    pub removed: BTreeSet<Fingerprint>,
    /// The commit.
    pub commit: Commit,
}

/// What commits did to the lists, newest first: those that the branch has and `since` has not. A
/// commit that is not there any more hides none.
///
/// # Errors
/// When the history cannot be read.
pub fn changes(repository: &Repository, since: Option<&str>) -> Result<Vec<Change>, Trouble> {
    let Some(head) = repository.head()? else { return Ok(Vec::new()) };
    let mut walk = repository.inner.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    walk.push(head.id())?;
    let since = since.and_then(|since| Oid::from_str(since).ok());
    if let Some(since) = since.filter(|since| repository.inner.find_commit(*since).is_ok()) {
        walk.hide(since)?;
    }
    let mut reader = Reader { repository, known: HashMap::new() };
    let mut found = Vec::new();
    for id in walk {
        let commit = repository.inner.find_commit(id?)?;
        let now = reader.lists(&commit.tree()?)?;
        let before = commit
            .parents()
            .map(|parent| parent.tree().map_err(Trouble::from).and_then(|tree| reader.lists(&tree)))
            .collect::<Result<Vec<_>, _>>()?;
        let folders: BTreeSet<&PathBuf> = now.keys().chain(before.iter().flat_map(BTreeMap::keys)).collect();
        for folder in folders {
            let (added, removed) = difference(folder, &now, &before);
            if !added.is_empty() || !removed.is_empty() {
                found.push(Change { folder: folder.clone(), added, removed, commit: told(&commit) });
            }
        }
    }
    Ok(found)
}

/// The last commit that put a key on the list of a folder.
///
/// # Errors
/// When the history cannot be read.
pub fn added_by(repository: &Repository, folder: &Path, key: &Fingerprint) -> Result<Option<Commit>, Trouble> {
    let all = changes(repository, None)?;
    Ok(all.into_iter().find(|change| change.folder == folder && change.added.contains(key)).map(|change| change.commit))
}

/// What a commit did itself: what a merge took over from a parent is the work of another.
fn difference(folder: &Path, now: &Lists, before: &[Lists]) -> (BTreeSet<Fingerprint>, BTreeSet<Fingerprint>) {
    let nobody = BTreeSet::new();
    let now = now.get(folder).unwrap_or(&nobody);
    let before: Vec<&BTreeSet<Fingerprint>> = before.iter().map(|lists| lists.get(folder).unwrap_or(&nobody)).collect();
    let added = now.iter().filter(|key| !before.iter().any(|before| before.contains(*key))).cloned().collect();
    let in_all = before.first().copied().unwrap_or(&nobody).iter();
    let in_all = in_all.filter(|key| before.iter().all(|before| before.contains(*key)));
    (added, in_all.filter(|key| !now.contains(*key)).cloned().collect())
}

/// Reads the lists of trees, each version of the vault once.
struct Reader<'r> {
    repository: &'r Repository,
    known: HashMap<Oid, Lists>,
}

impl Reader<'_> {
    fn lists(&mut self, tree: &Tree<'_>) -> Result<Lists, Trouble> {
        let vault = self.repository.from_project(Path::new(FOLDER));
        let Some(vault) = tree.get_path(&vault).ok().filter(|entry| entry.kind() == Some(ObjectType::Tree)) else {
            return Ok(Lists::new());
        };
        if let Some(known) = self.known.get(&vault.id()) {
            return Ok(known.clone());
        }
        let mut lists = Lists::new();
        self.collect(&self.repository.inner.find_tree(vault.id())?, Path::new(""), &mut lists)?;
        self.known.insert(vault.id(), lists.clone());
        Ok(lists)
    }

    fn collect(&self, folder: &Tree<'_>, path: &Path, lists: &mut Lists) -> Result<(), Trouble> {
        for entry in folder {
            let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(entry.name_bytes());
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    self.collect(&self.repository.inner.find_tree(entry.id())?, &path.join(name), lists)?;
                }
                Some(ObjectType::Blob) if name == LIST => {
                    let blob = self.repository.inner.find_blob(entry.id())?;
                    let list = RecipientList::parse(&String::from_utf8_lossy(blob.content()));
                    let keys = list.ids().filter_map(|id| match id {
                        RecipientId::Fingerprint(fingerprint) => Some(fingerprint),
                        RecipientId::Vague(_) => None,
                    });
                    lists.insert(path.to_owned(), keys.collect());
                }
                _ => {}
            }
        }
        Ok(())
    }
}
