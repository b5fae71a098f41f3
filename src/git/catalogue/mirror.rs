//! What this machine keeps of a catalogue's repository.

use std::path::{Path, PathBuf};

use git2::{Commit, ErrorCode, Oid, Repository, RepositoryInitOptions};

use crate::git::program::{self, Git};
use crate::git::trouble::Trouble;
use crate::project::{git_catalogue, user_folders};

/// The branch that the repository itself shows first.
const HEAD: &str = "refs/resilmesh/head";

/// A bare repository of ours with all branches and tags of the catalogue's.
pub struct Mirror {
    pub(super) repository: Repository,
    /// Where it lies, and the files of its commits beside it.
    folder: PathBuf,
    url: String,
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Mirror {
    /// That of the repository at this address. Touches no network; it holds nothing before the first
    /// [`Mirror::fetch`].
    ///
    /// # Errors
    /// When the address is none that can be used, or there is no place for it.
    pub fn of(url: &str) -> Result<Self, Trouble> {
        program::check_address(url)?;
        let folder = git_catalogue::folder(url).ok_or_else(|| {
            Trouble::new("there is no folder to keep catalogues in").hint("set HOME or XDG_CACHE_HOME")
        })?;
        user_folders::make_private(&folder).map_err(|error| Trouble::io(&folder, &error))?;
        let mut options = RepositoryInitOptions::new();
        // Without templates: they hold hooks.
        options.bare(true).external_template(false);
        let repository = Repository::init_opts(folder.join("repository.git"), &options)?;
        Ok(Self { repository, folder, url: url.to_owned() })
    }

    /// Brings it up to date.
    ///
    /// # Errors
    /// When the repository cannot be reached, or is empty.
    pub fn fetch(&self) -> Result<(), Trouble> {
        let said = self
            .git()
            .args([
                "fetch",
                "--quiet",
                "--force",
                "--prune",
                "--no-tags",
                "--no-recurse-submodules",
                "--no-write-fetch-head",
            ])
            .args(["--", &self.url])
            .args([&format!("+HEAD:{HEAD}"), "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"])
            .run()?;
        if said.done {
            return Ok(());
        }
        let trouble = Trouble::new(format!("catalogue `{}` cannot be fetched{}", self.url, said.told()));
        Err(said.advice().into_iter().fold(trouble, Trouble::hint))
    }

    pub(super) fn git(&self) -> Git {
        Git::new().arg_pair("--git-dir", self.repository.path())
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder with the files of its commits.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The commit that a branch, a tag or the id of a commit names; without, what the repository shows
    /// first.
    ///
    /// # Errors
    /// When there is none.
    pub fn resolve(&self, rev: Option<&str>) -> Result<Commit<'_>, Trouble> {
        let Some(rev) = rev else {
            return self
                .reference(HEAD)?
                .ok_or_else(|| Trouble::new(format!("catalogue `{}` was not fetched", self.url)));
        };
        for name in [format!("refs/heads/{rev}"), format!("refs/tags/{rev}")] {
            if let Some(commit) = self.reference(&name)? {
                return Ok(commit);
            }
        }
        let commit =
            Oid::from_str(rev).ok().filter(|_| rev.len() >= 40).and_then(|id| self.repository.find_commit(id).ok());
        commit.ok_or_else(|| {
            Trouble::new(format!("catalogue `{}` has no branch, tag or commit `{}`", self.url, rev.escape_debug()))
                .hint("commits are named by all 40 digits")
        })
    }

    fn reference(&self, name: &str) -> Result<Option<Commit<'_>>, Trouble> {
        if !git2::Reference::is_valid_name(name) {
            return Ok(None);
        }
        match self.repository.find_reference(name) {
            Ok(reference) => Ok(Some(reference.peel_to_commit()?)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
