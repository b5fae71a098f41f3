//! Joining a mesh: its repository is fetched, looked at, and put in place only if it holds a mesh.

use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{BranchType, Commit, Tree};

use super::program::{self, Git};
use super::repository::Repository;
use super::setup::BRANCH;
use super::trouble::Trouble;
use super::update;
use crate::project::load::PRODUCTS;
use crate::project::project_file;

/// Fetches the mesh at `address` into the folder `target`, which is made. Nothing of the repository is
/// run on the way: its files are written by this process, without hooks, filters or submodules.
///
/// # Errors
/// When it cannot be fetched, is no mesh, or the folder is in use; nothing is left behind then.
pub fn clone(address: &str, target: &Path) -> Result<Repository, Trouble> {
    program::check_address(address)?;
    check_target(target)?;
    let parent = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent).map_err(|error| Trouble::io(parent, &error))?;
    // Beside the target, so that putting it in place is one step; goes away unless it gets there.
    let aside = tempfile::Builder::new()
        .prefix(".resilmesh-clone-")
        .tempdir_in(parent)
        .map_err(|error| Trouble::io(parent, &error))?;
    let files = aside.path().join("files");
    fetch(address, &files)?;
    check_out(&files, address)?;
    std::fs::rename(&files, target).map_err(|error| Trouble::io(target, &error))?;
    Repository::must(target)
}

/// The folder that a clone goes to when none is given: the last name of the address.
pub fn default_target(address: &str) -> Option<PathBuf> {
    let last = address.trim_end_matches('/').rsplit(['/', ':']).next()?;
    let name = last.strip_suffix(".git").unwrap_or(last);
    let good = !name.is_empty() && !name.starts_with(['.', '-']);
    good.then(|| PathBuf::from(name))
}

fn check_target(target: &Path) -> Result<(), Trouble> {
    let mut entries = match std::fs::read_dir(target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Trouble::io(target, &error)),
    };
    if entries.next().is_none() {
        return Ok(());
    }
    Err(Trouble::new(format!("folder `{}` is not empty", target.display()))
        .hint("give another one: `resilmesh clone URL PATH`"))
}

fn fetch(address: &str, into: &Path) -> Result<(), Trouble> {
    // `--no-local`: objects are read and checked, never linked or copied as files. `--template=`: no
    // hooks. Without a checkout: git would run filters and hooks that the user's configuration names.
    let said = Git::new()
        .args(["clone", "--quiet", "--no-checkout", "--no-local", "--no-recurse-submodules", "--template="])
        .args(["--".as_ref(), address.as_ref(), into.as_os_str()])
        .run()?;
    if said.done {
        return Ok(());
    }
    let trouble = Trouble::new(format!("`{address}` cannot be fetched{}", said.told()));
    Err(said.advice().into_iter().fold(trouble, Trouble::hint))
}

fn check_out(files: &Path, address: &str) -> Result<(), Trouble> {
    let repository = Repository::must(files)?;
    if repository.head()?.is_none() {
        take_its_only_branch(&repository)?;
    }
    let Some(head) = repository.head()? else {
        return Err(Trouble::new(format!("the repository `{address}` is empty"))
            .hint("whoever has the mesh runs `resilmesh share URL` first"));
    };
    let tree = head.tree()?;
    if !is_mesh(&tree) {
        return Err(Trouble::new(format!(
            "`{address}` is no mesh: it has no `{}` and no folder `{PRODUCTS}`",
            project_file::FILE_NAME
        ))
        .hint("`git clone` fetches any other repository"));
    }
    update::refuse_state(&repository, &tree)?;
    write(&repository, &head)
}

/// A repository made with `git init --bare` may name a branch that nobody has pushed: the one that
/// there is, is meant. Where there are several, `main` is.
fn take_its_only_branch(repository: &Repository) -> Result<(), Trouble> {
    let mut branches = Vec::new();
    for branch in repository.inner.branches(Some(BranchType::Remote))? {
        let (branch, _) = branch?;
        let name = branch.name()?.and_then(|name| name.strip_prefix("origin/")).filter(|name| *name != "HEAD");
        branches.extend(name.map(str::to_owned));
    }
    let only = if branches.len() == 1 { branches.pop() } else { branches.into_iter().find(|name| name == BRANCH) };
    let Some(name) = only else { return Ok(()) };
    let upstream = format!("origin/{name}");
    let tip = repository.inner.find_branch(&upstream, BranchType::Remote)?.get().peel_to_commit()?;
    repository.inner.branch(&name, &tip, false)?.set_upstream(Some(&upstream))?;
    Ok(repository.inner.set_head(&format!("refs/heads/{name}"))?)
}

fn is_mesh(tree: &Tree<'_>) -> bool {
    let is = |name, kind| tree.get_name(name).is_some_and(|entry| entry.kind() == Some(kind));
    is(project_file::FILE_NAME, git2::ObjectType::Blob) || is(PRODUCTS, git2::ObjectType::Tree)
}

fn write(repository: &Repository, head: &Commit<'_>) -> Result<(), Trouble> {
    let mut options = CheckoutBuilder::new();
    options.force();
    repository.inner.checkout_tree(head.as_object(), Some(&mut options))?;
    Ok(())
}

/// Symbolic links of the repository that lead out of it, relative to its top, sorted.
///
/// # Errors
/// When its files cannot be listed.
pub fn links_that_lead_out(repository: &Repository) -> Result<Vec<PathBuf>, Trouble> {
    let mut found = Vec::new();
    for entry in repository.index()?.iter() {
        let path = PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&entry.path));
        let there = repository.top().join(&path);
        if !there.is_symlink() {
            continue;
        }
        let inside = there.canonicalize().is_ok_and(|real| real.starts_with(repository.top()));
        if !inside {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_called_as_the_repository() {
        let name = |address| default_target(address).map(|path| path.display().to_string());
        assert_eq!(name("https://example.org/soc/mesh.git/").as_deref(), Some("mesh"));
        assert_eq!(name("git@example.org:mesh").as_deref(), Some("mesh"));
        assert_eq!(name("../a/b").as_deref(), Some("b"));
        assert_eq!(name("/"), None);
        assert_eq!(name("x/.."), None);
    }
}
