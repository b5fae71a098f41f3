//! Commits to another machine.

use git2::Oid;

use super::program::{self, CHECKED, Git, Said};
use super::repository::Repository;
use super::trouble::Trouble;

/// The name of the first remote.
const ORIGIN: &str = "origin";

/// Where a mesh is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// It is not known to the repository yet.
    pub is_new: bool,
}

/// What came of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The other side has got the commits.
    Done,
    /// It had them already.
    Nothing,
    /// It has commits that are not here.
    Behind,
}

/// The remote that is meant: by name, by address, or none = the one that the branch goes to.
///
/// # Errors
/// When there is none, or it cannot be told which.
pub fn remote(repository: &Repository, given: Option<&str>) -> Result<Remote, Trouble> {
    let names = names(repository)?;
    let Some(given) = given else {
        let configured = repository.inner.config()?.get_string(&format!("branch.{}.remote", repository.branch()?)).ok();
        let only = || (names.len() == 1).then(|| names[0].clone());
        let name = configured
            .filter(|name| names.contains(name))
            .or_else(|| names.iter().find(|name| *name == ORIGIN).cloned())
            .or_else(only);
        return match name {
            Some(name) => known(repository, &name),
            None if names.is_empty() => Err(Trouble::new("the mesh is shared nowhere yet")
                .hint("make an empty repository at your git server, then: `resilmesh share URL`")),
            None => Err(Trouble::new(format!("the repository has {} remotes", names.len()))
                .hint(format!("say which: `resilmesh share {}`", names.join("|")))),
        };
    };
    if names.iter().any(|name| name == given) {
        return known(repository, given);
    }
    program::check_address(given)?;
    for name in &names {
        let remote = known(repository, name)?;
        if remote.url == given {
            return Ok(remote);
        }
    }
    if !given.contains(['/', ':']) {
        let trouble = Trouble::new(format!("there is no remote `{given}`"));
        return Err(match names.is_empty() {
            true => trouble.hint("give the address of a repository: `resilmesh share URL`"),
            false => trouble.hint(format!("there is `{}`", names.join("`, `"))),
        });
    }
    if names.iter().any(|name| name == ORIGIN) {
        let there = known(repository, ORIGIN)?.url;
        return Err(Trouble::new(format!("the mesh is shared at `{there}` already"))
            .hint("`git remote add NAME URL` adds another place, `resilmesh share NAME` shares there")
            .hint("`git remote set-url origin URL` moves it"));
    }
    Ok(Remote { name: ORIGIN.to_owned(), url: given.to_owned(), is_new: true })
}

fn names(repository: &Repository) -> Result<Vec<String>, Trouble> {
    let names = repository.inner.remotes()?;
    Ok(names.iter().filter_map(|name| name.ok().flatten().map(str::to_owned)).collect())
}

fn known(repository: &Repository, name: &str) -> Result<Remote, Trouble> {
    let remote = repository.inner.find_remote(name)?;
    let url = remote.url().map(str::to_owned).unwrap_or_default();
    Ok(Remote { name: name.to_owned(), url, is_new: false })
}

/// Pushes the branch that is checked out, whose last commit is `checked` and has been looked through.
/// A new remote becomes known, and stays so only if the push succeeds.
///
/// # Errors
/// When the other side cannot be reached, or refuses.
pub fn push(repository: &Repository, remote: &Remote, checked: Oid) -> Result<Pushed, Trouble> {
    if remote.name.starts_with('-') {
        return Err(Trouble::new(format!("`{}` is no name of a remote", remote.name)));
    }
    if remote.is_new {
        repository.inner.remote(&remote.name, &remote.url)?;
    }
    let pushed = run(repository, remote, checked);
    if remote.is_new && !matches!(pushed, Ok(Pushed::Done | Pushed::Nothing)) {
        repository.inner.remote_delete(&remote.name)?;
    }
    pushed
}

fn run(repository: &Repository, remote: &Remote, checked: Oid) -> Result<Pushed, Trouble> {
    let branch = repository.branch()?;
    let said = Git::within(repository)
        .args(["push", "--porcelain", "--no-recurse-submodules", "--set-upstream", "--", &remote.name])
        .args([format!("refs/heads/{branch}:refs/heads/{branch}")])
        .env(CHECKED, &checked.to_string())
        .run()?;
    match status(&said) {
        _ if said.done && status(&said) == Some('=') => Ok(Pushed::Nothing),
        _ if said.done => Ok(Pushed::Done),
        Some('!') if said.out.contains("[rejected]") => Ok(Pushed::Behind),
        _ => Err(refused(remote, &said)),
    }
}

/// The flag of the one line of `--porcelain` that speaks of our branch.
fn status(said: &Said) -> Option<char> {
    let line = said.out.lines().find(|line| line.contains("refs/heads/"))?;
    line.chars().next()
}

fn refused(remote: &Remote, said: &Said) -> Trouble {
    let reason = said.out.lines().find_map(|line| line.strip_prefix('!')?.rsplit_once('\t').map(|(_, reason)| reason));
    let trouble = Trouble::new(format!("`{}` does not take the mesh{}", remote.url, said.told_first(reason)));
    said.advice().into_iter().fold(trouble, Trouble::hint)
}
