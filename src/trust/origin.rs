//! Where a project's files come from: from its user alone, or from others too.
//!
//! Read with libgit2, which runs no program that a repository's configuration names.

use std::collections::BTreeSet;
use std::path::Path;

use git2::{ErrorCode, Repository};
use sha2::{Digest, Sha256};

/// Who wrote a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Its user: there is no repository, or one without a remote and without commits by others.
    User,
    /// Others too; how that is seen, for people: `came from https://...`.
    Others(String),
}

/// Where a project's files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who wrote it.
    pub owner: Owner,
    /// What this machine remembers it by: its first commits, which stay when it is moved or cloned
    /// again; without any, its folder.
    pub id: String,
}

impl Origin {
    /// The origin of the project in this folder.
    pub fn of(root: &Path) -> Self {
        // Only `.git` counts, which git takes from no other repository: a folder that merely looks
        // like a bare repository can come with a clone, and would say what it likes of its origin.
        let real = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let Some(top) = real.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok()) else {
            return Self { owner: Owner::User, id: id_of_folder(root) };
        };
        let read = Repository::open(top.join(".git")).and_then(|repository| Self::of_repository(root, &repository));
        read.unwrap_or_else(|error| Self::unknown(root, &error))
    }

    fn unknown(root: &Path, error: &git2::Error) -> Self {
        let why = format!("lies in a repository that cannot be read: {}", error.message());
        Self { owner: Owner::Others(why), id: id_of_folder(root) }
    }

    fn of_repository(root: &Path, repository: &Repository) -> Result<Self, git2::Error> {
        let history = History::read(repository)?;
        let remote = match repository.remotes()?.iter().next() {
            Some(Ok(Some(name))) => Some(
                repository
                    .find_remote(name)
                    .ok()
                    .and_then(|remote| remote.url().ok().map(str::to_owned))
                    .unwrap_or_else(|| name.to_owned()),
            ),
            Some(_) => Some("a remote".to_owned()),
            None => None,
        };
        let users = users(repository)?;
        let other = history.people.iter().find(|email| !users.contains(*email));
        let owner = match (remote, other) {
            (Some(url), _) => Owner::Others(format!("is shared with {}", without_password(&url))),
            (None, Some(email)) => Owner::Others(format!("has commits by {email}")),
            (None, None) => Owner::User,
        };
        let id = if history.first.is_empty() {
            id_of_folder(root)
        } else {
            id(&history.first.into_iter().collect::<Vec<_>>().join("\n"))
        };
        Ok(Self { owner, id })
    }
}

/// What the commits up to the present one tell.
struct History {
    /// Those without a parent.
    first: BTreeSet<String>,
    /// E-mail addresses of authors and committers, in lower case.
    people: BTreeSet<String>,
}

impl History {
    fn read(repository: &Repository) -> Result<Self, git2::Error> {
        let mut history = Self { first: BTreeSet::new(), people: BTreeSet::new() };
        match repository.head() {
            Ok(_) => {}
            Err(error) if error.code() == ErrorCode::UnbornBranch => return Ok(history),
            Err(error) => return Err(error),
        }
        let mut walk = repository.revwalk()?;
        walk.push_head()?;
        for commit in walk {
            let commit = repository.find_commit(commit?)?;
            if commit.parent_count() == 0 {
                history.first.insert(commit.id().to_string());
            }
            for person in [commit.author(), commit.committer()] {
                history.people.insert(String::from_utf8_lossy(person.email_bytes()).to_lowercase());
            }
        }
        Ok(history)
    }
}

/// The addresses that the user commits with, in lower case.
fn users(repository: &Repository) -> Result<BTreeSet<String>, git2::Error> {
    let config = repository.config()?.snapshot()?;
    let configured = ["user.email", "author.email", "committer.email"].map(|key| config.get_string(key).ok());
    let given = ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| std::env::var(name).ok());
    Ok(configured
        .into_iter()
        .chain(given)
        .flatten()
        .filter(|email| !email.is_empty())
        .map(|email| email.to_lowercase())
        .collect())
}

fn id_of_folder(root: &Path) -> String {
    id(&root.canonicalize().unwrap_or_else(|_| root.to_owned()).to_string_lossy())
}

fn id(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A URL may hold a user's token.
pub fn without_password(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, _)| (host, &rest[host.len()..]));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(repository: &Repository, email: &str) {
        let by = git2::Signature::now("Somebody", email).expect("signature");
        let tree = repository.find_tree(repository.index().expect("index").write_tree().expect("tree")).expect("tree");
        let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        repository.commit(Some("HEAD"), &by, &by, "change", &tree, &parents).expect("commit");
    }

    #[test]
    fn a_folder_is_its_users_until_others_take_part() {
        let folder = tempfile::tempdir().expect("folder");
        let project = folder.path().join("mesh");
        std::fs::create_dir(&project).expect("folder");
        assert_eq!(Origin::of(&project).owner, Owner::User, "no repository");
        let repository = Repository::init(folder.path()).expect("repository");
        repository.config().expect("config").set_str("user.email", "Me@Example.org").expect("set");
        assert_eq!(Origin::of(&project).owner, Owner::User, "no commit");
        commit(&repository, "me@example.org");
        let own = Origin::of(&project);
        assert_eq!(own.owner, Owner::User);
        commit(&repository, "eve@example.org");
        let shared = Origin::of(&project);
        assert_eq!(shared, Origin { owner: Owner::Others("has commits by eve@example.org".to_owned()), id: own.id });
        repository.remote("origin", "https://me:token@git.example.org/mesh.git").expect("remote");
        assert_eq!(
            Origin::of(&project).owner,
            Owner::Others("is shared with https://git.example.org/mesh.git".to_owned())
        );
    }

    #[test]
    fn a_linked_worktree_has_the_origin_of_its_repository() {
        let folder = tempfile::tempdir().expect("folder");
        let repository = Repository::init(folder.path().join("main")).expect("repository");
        commit(&repository, "eve@example.org");
        let linked = folder.path().join("linked");
        repository.worktree("linked", &linked, None).expect("worktree");
        assert_eq!(Origin::of(&linked), Origin::of(&folder.path().join("main")));
        assert_ne!(Origin::of(&linked).owner, Owner::User);
    }

    #[test]
    fn a_folder_that_looks_like_a_repository_is_none() {
        let folder = tempfile::tempdir().expect("folder");
        let repository = Repository::init(folder.path()).expect("repository");
        commit(&repository, "eve@example.org");
        let project = folder.path().join("mesh");
        Repository::init_bare(&project).expect("lookalike");
        assert_eq!(Origin::of(&project).owner, Owner::Others("has commits by eve@example.org".to_owned()));
    }

    #[test]
    fn a_broken_repository_belongs_to_nobody() {
        let folder = tempfile::tempdir().expect("folder");
        Repository::init(folder.path()).expect("repository");
        std::fs::write(folder.path().join(".git/HEAD"), "ref: refs/heads/main\n").expect("write");
        std::fs::create_dir_all(folder.path().join(".git/refs/heads")).expect("folder");
        std::fs::write(folder.path().join(".git/refs/heads/main"), format!("{}\n", "1".repeat(40))).expect("write");
        assert!(matches!(Origin::of(folder.path()).owner, Owner::Others(why) if why.contains("cannot be read")));
    }

    #[test]
    fn tokens_in_addresses_are_not_shown() {
        assert_eq!(without_password("https://me:s3cret@host/a@b"), "https://host/a@b");
        assert_eq!(without_password("ssh://git@host:22/x"), "ssh://host:22/x");
        assert_eq!(without_password("git@host:team/mesh.git"), "git@host:team/mesh.git");
        assert_eq!(without_password("https://token@host"), "https://host");
    }
}
