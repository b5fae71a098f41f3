//! What others shared, brought into the project.

use std::collections::HashSet;
use std::path::PathBuf;

use git2::build::CheckoutBuilder;
use git2::{Commit, Oid, RepositoryState, Tree};

use super::changes::{self, changed_paths, uncommitted};
use super::merge::{self, Conflict, Merge};
use super::noted::{self, Noted};
use super::program::Git;
use super::push::{self, Remote};
use super::repository::Repository;
use super::tree::Revision;
use super::trouble::Trouble;
use crate::mesh::compile::compile;
use crate::mesh::difference::{Difference, differences};
use crate::project::load::load_from;
use crate::project::position::Diagnostic;
use crate::project::write;

/// A machine's own state, which no repository has a say in.
const STATE: &str = ".resilmesh";

/// What came of an update.
#[derive(Debug)]
pub enum Updated {
    /// Others shared nothing new.
    Nothing,
    /// The project stands where the others are.
    Forward(Vec<Difference>),
    /// Both sides' changes are joined in a commit.
    Merged(Vec<Difference>),
    /// Both sides' changes do not go together: the merge is open.
    Open {
        /// Where they meet.
        conflicts: Vec<Conflict>,
        /// What is wrong with the mesh that comes of both, and is with neither.
        mistakes: Vec<Diagnostic>,
        /// What others changed.
        changes: Vec<Difference>,
    },
}

/// Fetches what others shared at a remote, and brings it into the project. Files that are not
/// committed stay as they are: an update that would touch one of them is refused.
///
/// # Errors
/// When it cannot be fetched, or would touch what is not committed; nothing is changed then.
pub fn update(repository: &Repository, remote: &Remote) -> Result<Updated, Trouble> {
    match repository.inner.state() {
        RepositoryState::Clean => {}
        RepositoryState::Merge => {
            return Err(Trouble::new("the last update is not finished: a merge is open").hint(
                "settle what is in conflict, then `resilmesh share` ends it; `resilmesh update --abort` goes back",
            ));
        }
        _ => {
            return Err(
                Trouble::new("git is in the middle of something").hint("`git status` says what, and how to end it")
            );
        }
    }
    let branch = repository.branch()?;
    fetch(repository, remote)?;
    let theirs = upstream(repository, remote, &branch)?;
    refuse_state(repository, &theirs.tree()?)?;
    let Some(ours) = repository.head()? else { return forward(repository, None, &theirs, &branch) };
    let (_, behind) = repository.inner.graph_ahead_behind(ours.id(), theirs.id())?;
    if behind == 0 {
        return Ok(Updated::Nothing);
    }
    if repository.inner.graph_descendant_of(theirs.id(), ours.id())? {
        return forward(repository, Some(&ours), &theirs, &branch);
    }
    join(repository, &ours, &theirs)
}

/// Goes back to before an update whose merge is open.
///
/// # Errors
/// When none is.
pub fn abort(repository: &Repository) -> Result<(), Trouble> {
    if repository.inner.state() != RepositoryState::Merge {
        return Err(Trouble::new("no merge is open: there is nothing to go back from"));
    }
    // git knows how to keep what was not committed before.
    let said = Git::within(repository).args(["merge", "--abort"]).run()?;
    if said.done { Ok(()) } else { Err(Trouble::new(format!("git cannot go back{}", said.told()))) }
}

fn fetch(repository: &Repository, remote: &Remote) -> Result<(), Trouble> {
    if remote.name.starts_with('-') || remote.is_new {
        return Err(Trouble::new(format!("there is no remote `{}`", remote.name)));
    }
    let said = Git::within(repository)
        .args(["fetch", "--quiet", "--prune", "--no-recurse-submodules", "--no-write-fetch-head", "--", &remote.name])
        .run()?;
    if said.done {
        return Ok(());
    }
    let trouble = Trouble::new(format!("`{}` cannot be fetched{}", remote.url, said.told()));
    Err(said.advice().into_iter().fold(trouble, Trouble::hint))
}

fn upstream<'r>(repository: &'r Repository, remote: &Remote, branch: &str) -> Result<Commit<'r>, Trouble> {
    let configured = repository.inner.config()?.get_string(&format!("branch.{branch}.merge")).ok();
    let there = configured.as_deref().and_then(|name| name.strip_prefix("refs/heads/")).unwrap_or(branch);
    let reference = repository.inner.find_reference(&format!("refs/remotes/{}/{there}", remote.name));
    match reference {
        Ok(reference) => Ok(reference.peel_to_commit()?),
        Err(error) if error.code() == git2::ErrorCode::NotFound => {
            Err(Trouble::new(format!("there is no branch `{there}` at `{}` yet", remote.url))
                .hint("`resilmesh share` makes it"))
        }
        Err(error) => Err(error.into()),
    }
}

/// What a machine keeps for itself must not come from others: it says what to stop and whom to call.
///
/// # Errors
/// When it would.
pub(super) fn refuse_state(repository: &Repository, tree: &Tree<'_>) -> Result<(), Trouble> {
    if tree.get_path(&repository.from_project(STATE.as_ref())).is_err() {
        return Ok(());
    }
    Err(Trouble::new(format!("the repository holds `{STATE}`, which is a machine's own state: refused"))
        .hint("whoever committed it takes it out: `git rm -r --cached .resilmesh`"))
}

fn forward(
    repository: &Repository,
    ours: Option<&Commit<'_>>,
    theirs: &Commit<'_>,
    branch: &str,
) -> Result<Updated, Trouble> {
    let (old, new) = (ours.map(Commit::tree).transpose()?, theirs.tree()?);
    let noted = Noted::between(repository, old.as_ref(), &new)?;
    let told = differences(&changes::between(repository, old.as_ref(), Some(&new))?);
    noted.check_out(repository, old.as_ref(), &new)?;
    repository.inner.reference(&format!("refs/heads/{branch}"), theirs.id(), true, "resilmesh update: fast-forward")?;
    Ok(Updated::Forward(told))
}

/// Files that are not committed cannot be in a merge that is left open.
fn refuse_uncommitted(repository: &Repository, ours: &Tree<'_>, theirs: &Tree<'_>) -> Result<(), Trouble> {
    let touched: HashSet<PathBuf> = changed_paths(repository, Some(ours), theirs)?.into_iter().collect();
    let lost: Vec<PathBuf> = uncommitted(repository)?.into_iter().filter(|path| touched.contains(path)).collect();
    if lost.is_empty() { Ok(()) } else { Err(noted::refused(&lost, Vec::new())) }
}

fn join(repository: &Repository, ours: &Commit<'_>, theirs: &Commit<'_>) -> Result<Updated, Trouble> {
    let (our_tree, their_tree) = (ours.tree()?, theirs.tree()?);
    repository.who()?;
    let base =
        repository.inner.find_commit(repository.inner.merge_base(ours.id(), theirs.id()).unwrap_or(ours.id()))?;
    let told = differences(&changes::between(repository, Some(&base.tree()?), Some(&their_tree))?);
    let mut merge = merge::revisions(repository, ours, theirs)?;
    let mut mistakes = Vec::new();
    if merge.conflicts.is_empty() {
        let tree = merge.tree(repository)?;
        let noted = Noted::between(repository, Some(&our_tree), &tree)?;
        mistakes = new_mistakes(repository, &tree, [&our_tree, &their_tree])?;
        if mistakes.is_empty() {
            noted.check_out(repository, Some(&our_tree), &tree)?;
            repository.commit_tree(&tree, "Join what others shared\n", &[ours, theirs])?;
            return Ok(Updated::Merged(told));
        }
    }
    refuse_uncommitted(repository, &our_tree, &their_tree)?;
    open(repository, theirs.id(), &merge)?;
    Ok(Updated::Open { conflicts: merge.conflicts, mistakes, changes: told })
}

fn mistakes(repository: &Repository, tree: &Tree<'_>) -> Result<Vec<Diagnostic>, Trouble> {
    let files = load_from(&repository.project(), &Revision::of(repository, tree)?);
    let found = compile(&files).err().unwrap_or_default();
    Ok(found.into_iter().filter(Diagnostic::is_error).collect())
}

/// What is wrong with the mesh in `tree`, and with none of the others; lines may have moved.
fn new_mistakes(repository: &Repository, tree: &Tree<'_>, others: [&Tree<'_>; 2]) -> Result<Vec<Diagnostic>, Trouble> {
    let mut found = mistakes(repository, tree)?;
    if found.is_empty() {
        return Ok(found);
    }
    let key = |found: &Diagnostic| (found.at.as_ref().map(|at| at.file.clone()), found.message.clone());
    let mut known = HashSet::new();
    for other in others {
        known.extend(mistakes(repository, other)?.iter().map(key));
    }
    found.retain(|found| !known.contains(&key(found)));
    Ok(found)
}

/// Leaves the merge open, as git does: both sides in the index, markers in the files.
fn open(repository: &Repository, theirs: Oid, merge: &Merge) -> Result<(), Trouble> {
    let mut options = CheckoutBuilder::new();
    options.safe().allow_conflicts(true).conflict_style_merge(true);
    let annotated = repository.inner.find_annotated_commit(theirs)?;
    repository.inner.merge(&[&annotated], Some(&mut merge::options()), Some(&mut options))?;
    let mut index = repository.index()?;
    for (path, content, clean) in &merge.files {
        let file = repository.top().join(path);
        write::replace(&file, content).map_err(|error| Trouble::io(&file, &error))?;
        if *clean {
            index.add_path(path)?;
        }
    }
    index.write()?;
    Ok(())
}

/// The remote to update from.
///
/// # Errors
/// When there is none.
pub fn remote(repository: &Repository) -> Result<Remote, Trouble> {
    push::remote(repository, None)
}
