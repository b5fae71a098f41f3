//! What the repository remembers of the vault: who changed a secret, and who could ever read it.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Revwalk, Sort, Tree};
use resilmesh_vault::{Certificate, Fingerprint, Handles, SecretName};
use serde::Serialize;

use super::history;
use super::repository::Repository;
use super::trouble::Trouble;
use crate::vault::FOLDER;

/// A commit that changed a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// Its hash.
    pub commit: String,
    /// When, as RFC 3339 has it.
    pub date: String,
    /// Whose work it is.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
}

/// The commits that changed a secret, newest first.
///
/// # Errors
/// When the history cannot be read.
pub fn commits(repository: &Repository, name: &SecretName) -> Result<Vec<Commit>, Trouble> {
    let Some(head) = repository.head()? else { return Ok(Vec::new()) };
    let path = repository.from_project(&Path::new(FOLDER).join(name.file()));
    let mut walk = repository.inner.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    walk.push(head.id())?;
    let mut found = Vec::new();
    for id in walk {
        let commit = repository.inner.find_commit(id?)?;
        let held = |commit: &git2::Commit<'_>| -> Result<Option<Oid>, git2::Error> {
            Ok(commit.tree()?.get_path(&path).ok().map(|entry| entry.id()))
        };
        let now = held(&commit)?;
        let before = commit.parents().map(|parent| held(&parent)).collect::<Result<Vec<_>, _>>()?;
        // What a merge took over as it stands is the work of the commit that it came from.
        let is_its_work = if before.is_empty() { now.is_some() } else { before.iter().all(|before| *before != now) };
        if is_its_work {
            found.push(told(&commit));
        }
    }
    Ok(found)
}

pub(super) fn told(commit: &git2::Commit<'_>) -> Commit {
    let author = commit.author();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Commit {
        commit: commit.id().to_string(),
        date: history::when(&author.when()).to_rfc3339(),
        author: text(author.name_bytes()),
        subject: text(commit.summary_bytes().unwrap_or_default()),
    }
}

/// The names of all secrets that some version of, on any branch, could be read with one of these
/// certificates.
///
/// # Errors
/// When the history cannot be read.
pub fn ever_read_by(repository: &Repository, certificates: &[Certificate]) -> Result<BTreeSet<SecretName>, Trouble> {
    let mut read = BTreeSet::new();
    visit(repository, |path, bytes| {
        if let Some(Ok(name)) = SecretName::of_file(path)
            && Handles::of(bytes, path)
                .is_ok_and(|handles| certificates.iter().any(|certificate| certificate.reads(&handles)))
        {
            read.insert(name);
        }
    })?;
    Ok(read)
}

/// All certificates that the vault ever had of a recipient: each may have other subkeys.
///
/// # Errors
/// When the history cannot be read.
pub fn certificates(repository: &Repository, fingerprint: &Fingerprint) -> Result<Vec<Certificate>, Trouble> {
    let wanted = Path::new(".public-keys").join(fingerprint.to_string());
    let mut found = Vec::new();
    visit(repository, |path, bytes| {
        if path == wanted {
            let place = path.display().to_string();
            found.extend(Certificate::parse(bytes, &place).ok().filter(|one| one.fingerprint() == *fingerprint));
        }
    })?;
    Ok(found)
}

/// Shows every version of every file that the vault ever had, on any branch, by its path in the vault.
fn visit(repository: &Repository, show: impl FnMut(&Path, &[u8])) -> Result<(), Trouble> {
    let folder = repository.from_project(Path::new(FOLDER));
    let mut visit = Visit { repository, seen: HashSet::new(), show };
    for id in everything(repository)? {
        let tree = repository.inner.find_commit(id?)?.tree()?;
        let vault = tree.get_path(&folder).ok().filter(|entry| entry.kind() == Some(ObjectType::Tree));
        if let Some(vault) = vault {
            visit.folder(&repository.inner.find_tree(vault.id())?, Path::new(""))?;
        }
    }
    Ok(())
}

/// Every commit that a branch, a tag, or the memory of where they were leads to.
fn everything(repository: &Repository) -> Result<Revwalk<'_>, Trouble> {
    let mut walk = repository.inner.revwalk()?;
    let mut names = vec!["HEAD".to_owned()];
    for reference in repository.inner.references()? {
        let reference = reference?;
        // A tag may be of something else than a commit.
        if let Ok(commit) = reference.peel_to_commit() {
            walk.push(commit.id())?;
        }
        names.extend(reference.name().ok().map(str::to_owned));
    }
    for name in names {
        let Ok(log) = repository.inner.reflog(&name) else { continue };
        for entry in log.iter() {
            // What is remembered may have been cleaned away.
            for id in [entry.id_old(), entry.id_new()] {
                if repository.inner.find_commit(id).is_ok() {
                    walk.push(id)?;
                }
            }
        }
    }
    Ok(walk)
}

struct Visit<'r, F> {
    repository: &'r Repository,
    /// Folders and files of the vault, each by its path and content.
    seen: HashSet<(PathBuf, Oid)>,
    show: F,
}

impl<F: FnMut(&Path, &[u8])> Visit<'_, F> {
    fn folder(&mut self, folder: &Tree<'_>, path: &Path) -> Result<(), Trouble> {
        if !self.seen.insert((path.to_owned(), folder.id())) {
            return Ok(());
        }
        for entry in folder.iter() {
            let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(entry.name_bytes());
            let path = path.join(name);
            match entry.kind() {
                Some(ObjectType::Tree) => self.folder(&self.repository.inner.find_tree(entry.id())?, &path)?,
                Some(ObjectType::Blob) if self.seen.insert((path.clone(), entry.id())) => {
                    let blob = self.repository.inner.find_blob(entry.id())?;
                    (self.show)(&path, blob.content());
                }
                _ => {}
            }
        }
        Ok(())
    }
}
