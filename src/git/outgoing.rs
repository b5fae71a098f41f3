//! What is about to leave this machine, looked through for secrets.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use git2::{Commit, Delta, DiffOptions, Oid, Tree};

use super::changes::on_disk_content;
use super::parts;
use super::repository::{Repository, short};
use super::scan::{ALLOW_FILE, AllowList, Finding, Scanner};
use super::trouble::Trouble;

/// What the projects of the repository say of files in which things may look like secrets.
///
/// # Errors
/// When a file that says so is there and cannot be read.
pub fn allow_list(repository: &Repository) -> Result<AllowList, Trouble> {
    repository.projects()?.into_iter().try_fold(AllowList::default(), |list, project| {
        Ok(list.and(allow_list_of(&repository.top().join(&project), &project)?))
    })
}

/// What the project in a folder says of it; paths get `base` before them.
///
/// # Errors
/// When a file that says so is there and cannot be read.
pub fn allow_list_of(project: &Path, base: &Path) -> Result<AllowList, Trouble> {
    let text = on_disk_content(&project.join(ALLOW_FILE))?.unwrap_or_default();
    Ok(AllowList::parse(&String::from_utf8_lossy(&text), base))
}

/// The secrets in files that are about to be committed.
///
/// # Errors
/// When a file cannot be read.
pub fn in_files(repository: &Repository, scanner: &Scanner) -> Result<Vec<Finding>, Trouble> {
    let mut found = Vec::new();
    let index = repository.index()?;
    for path in super::changes::uncommitted(repository)? {
        if !parts::is_shared(repository, &index, &path) {
            continue;
        }
        if let Some(content) = on_disk_content(&repository.top().join(&path))? {
            found.extend(scanner.file(&path, &content));
        }
    }
    found.sort();
    Ok(found)
}

/// The commits that lead to `tip` and that the other side has not got.
///
/// # Errors
/// When the history cannot be read.
pub fn commits(repository: &Repository, tip: Oid, there: &[Oid]) -> Result<Vec<Oid>, Trouble> {
    let mut walk = repository.inner.revwalk()?;
    walk.push(tip)?;
    for id in there {
        // What the other side has may be unknown here; then it hides nothing.
        if repository.inner.find_commit(*id).is_ok() {
            walk.hide(*id)?;
        }
    }
    Ok(walk.collect::<Result<_, _>>()?)
}

/// What is known to be at a remote: where its branches were when it was last asked.
///
/// # Errors
/// When that cannot be read.
pub fn known_at(repository: &Repository, remote: &str) -> Result<Vec<Oid>, Trouble> {
    let mut known = Vec::new();
    for reference in repository.inner.references_glob(&format!("refs/remotes/{remote}/*"))? {
        known.extend(reference?.peel_to_commit().ok().map(|commit| commit.id()));
    }
    Ok(known)
}

/// The secrets in what is pushed under a name: in the name, in the messages of tags, and in the
/// commits that the other side has not got.
///
/// # Errors
/// When something cannot be read, or is nothing that can be looked through.
pub fn in_pushed(
    repository: &Repository,
    scanner: &Scanner,
    name: &str,
    tip: Oid,
    there: &[Oid],
) -> Result<Vec<Finding>, Trouble> {
    let mut found = scanner.name_of_reference(name);
    let mut object = repository.inner.find_object(tip, None)?;
    while let Some(tag) = object.as_tag() {
        let own_name = String::from_utf8_lossy(tag.name_bytes());
        found.extend(scanner.message_of_tag(&own_name, tag.message_bytes().unwrap_or_default()));
        found.extend(tag.name_bytes().utf8_chunks().flat_map(|part| scanner.name_of_reference(part.valid())));
        object = tag.target()?;
    }
    if object.as_commit().is_none() {
        let kind = object.kind().map_or("something unknown", |kind| kind.str());
        return Err(Trouble::new(format!("a tag leads to a {kind}, which is not looked through for secrets"))
            .hint("tag a commit instead"));
    }
    found.extend(in_commits(repository, scanner, &commits(repository, object.id(), there)?)?);
    found.sort();
    found.dedup();
    Ok(found)
}

/// The secrets in these commits: in their messages, and in every file that one of them has changed.
///
/// # Errors
/// When one cannot be read.
pub fn in_commits(repository: &Repository, scanner: &Scanner, commits: &[Oid]) -> Result<Vec<Finding>, Trouble> {
    let mut seen = HashSet::new();
    let mut found = BTreeSet::new();
    for id in commits {
        let commit = repository.inner.find_commit(*id)?;
        let told = |finding: Finding| Finding { commit: Some(short(*id)), ..finding };
        found.extend(scanner.message(commit.message_raw_bytes()).into_iter().map(told));
        for (path, blob) in new_blobs(repository, &commit)? {
            if seen.insert((path.clone(), blob)) {
                let blob = repository.inner.find_blob(blob)?;
                found.extend(scanner.file(&path, blob.content()).into_iter().map(told));
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// The files that a commit has and none of its parents has like that.
fn new_blobs(repository: &Repository, commit: &Commit<'_>) -> Result<Vec<(std::path::PathBuf, Oid)>, Trouble> {
    let tree = commit.tree()?;
    let parents = commit.parents().map(|parent| parent.tree()).collect::<Result<Vec<_>, _>>()?;
    let first = parents.first();
    let mut blobs = Vec::new();
    let mut options = DiffOptions::new();
    options.ignore_submodules(true).include_typechange(true);
    let diff = repository.inner.diff_tree_to_tree(first, Some(&tree), Some(&mut options))?;
    for delta in diff.deltas().filter(|delta| delta.status() != Delta::Deleted) {
        let file = delta.new_file();
        let Some(path) = file.path() else { continue };
        let is_of_another = parents.iter().skip(1).any(|parent| has(parent, path, file.id()));
        let is_file = matches!(
            file.mode(),
            git2::FileMode::Blob
                | git2::FileMode::BlobExecutable
                | git2::FileMode::BlobGroupWritable
                | git2::FileMode::Link
        );
        if is_file && !is_of_another {
            blobs.push((path.to_owned(), file.id()));
        }
    }
    Ok(blobs)
}

fn has(tree: &Tree<'_>, path: &Path, blob: Oid) -> bool {
    tree.get_path(path).is_ok_and(|entry| entry.id() == blob)
}
