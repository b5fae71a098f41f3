//! The project's files as a commit: what `share` commits, and what keeps it from it.

use std::path::{Path, PathBuf};

use git2::{Commit, Oid, RepositoryState};

use super::merge::document::has_markers;
use super::repository::Repository;
use super::setup;
use super::trouble::Trouble;
use crate::mesh::difference::Difference;
use crate::mesh::subject::Subject;

/// How many changes the first line of a message names.
const NAMED: usize = 3;

/// Commits all files of the project as they are; ends a merge that is open. None if nothing changed.
///
/// # Errors
/// When something is in conflict, or git does not know who its user is.
pub fn commit(repository: &Repository, message: &str) -> Result<Option<Oid>, Trouble> {
    repository.who()?;
    let joined = joined(repository)?;
    let tree = setup::stage(repository)?;
    let head = repository.head()?;
    if joined.is_empty() && head.as_ref().is_some_and(|head| head.tree_id() == tree) {
        return Ok(None);
    }
    let parents: Vec<&Commit<'_>> = head.iter().chain(&joined).collect();
    let id = repository.commit_tree(&repository.inner.find_tree(tree)?, message, &parents)?;
    if !joined.is_empty() {
        repository.inner.cleanup_state()?;
    }
    Ok(Some(id))
}

/// The commits that an open merge joins to ours; none if no merge is open.
fn joined(repository: &Repository) -> Result<Vec<Commit<'_>>, Trouble> {
    match repository.inner.state() {
        RepositoryState::Clean => Ok(Vec::new()),
        RepositoryState::Merge => {
            let path = repository.inner.path().join("MERGE_HEAD");
            let text = std::fs::read_to_string(&path).map_err(|error| Trouble::io(&path, &error))?;
            let ids = text.lines().map(|line| Oid::from_str(line.trim()));
            ids.map(|id| Ok(repository.inner.find_commit(id?)?)).collect()
        }
        other => Err(Trouble::new(format!("git is in the middle of something: {other:?}"))
            .hint("`git status` says what, and how to end it")),
    }
}

/// The files, by path below the project, in which an open merge is not settled yet.
///
/// A text is settled when the markers are gone; a secret, and a file that one side took out, when git
/// is told so (`secret edit` does).
///
/// # Errors
/// When the index cannot be read.
pub fn unsettled(repository: &Repository) -> Result<Vec<PathBuf>, Trouble> {
    let mut found = Vec::new();
    for conflict in repository.index()?.conflicts()? {
        let conflict = conflict?;
        let whole = conflict.our.is_some() && conflict.their.is_some();
        let Some(entry) = conflict.our.or(conflict.their).or(conflict.ancestor) else { continue };
        let Some(path) = repository.in_project(&entry.path) else { continue };
        let there = super::changes::on_disk_content(&repository.project().join(&path))?;
        let is_text = path.extension().is_none_or(|extension| extension != "gpg");
        if !(whole && is_text && there.is_some_and(|text| !has_markers(&text))) {
            found.push(path);
        }
    }
    Ok(found)
}

/// What to do about files that are not settled.
pub fn how_to_settle(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| settle_one(path)).collect()
}

fn settle_one(path: &Path) -> String {
    let shown = crate::project::position::one_line(&path.to_string_lossy());
    match Subject::of(path) {
        Subject::Secret { secret } => format!("secret {secret}: `resilmesh secret edit {secret}`"),
        of => format!("{of}: edit `{shown}`, or `git add {shown}` to keep it, `git rm {shown}` to take it out"),
    }
}

/// The message for a commit that ends a merge which its user has settled: what is in it stands in the
/// commits that it joins.
pub const SETTLED: &str = "Join what others shared, settled by hand\n";

/// Whether a merge is open, which the next commit ends.
pub fn ends_a_merge(repository: &Repository) -> bool {
    repository.inner.state() == RepositoryState::Merge
}

/// The message for a commit of these changes, in words of the mesh.
pub fn message(changes: &[Difference]) -> String {
    match changes {
        [] => "Change files of the mesh\n".to_owned(),
        [only] => format!("{}\n", capital(&only.to_string())),
        several => {
            let named: Vec<String> = several.iter().take(NAMED).map(|change| change.of.to_string()).collect();
            let more = several.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let lines: String = several.iter().map(|change| format!("- {change}\n")).collect();
            format!("Change {}{more}\n\n{lines}", named.join(", "))
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::difference::{FileChange, differences};

    #[test]
    fn messages_speak_of_the_mesh() {
        let change = |path: &str| FileChange { path: path.into(), before: None, after: Some(Vec::new()) };
        let all: Vec<FileChange> =
            ["a", "b", "c", "d"].map(|name| change(&format!("instances/p/{name}/config.yaml"))).into();
        assert_eq!(message(&differences(&all[..1])), "Instance a added\n");
        assert_eq!(
            message(&differences(&all)),
            "Change instance a, instance b, instance c and 1 more\n\n- instance a added\n- instance b added\n- instance c added\n- instance d added\n"
        );
    }
}
