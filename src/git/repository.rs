//! The repository that a project lies in.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub use git2::Oid;
use git2::{Commit, Delta, DiffOptions, ErrorCode, Index, Signature, Tree};

use super::trouble::Trouble;
use crate::project::project_file;

/// What to do when git does not know who its user is.
pub const WHO_HINT: &str =
    "say who you are: `git config --global user.name \"NAME\"` and `git config --global user.email ADDRESS`";

/// A repository with files, and the project in it.
pub struct Repository {
    pub(super) inner: git2::Repository,
    top: PathBuf,
    prefix: PathBuf,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("top", &self.top).field("prefix", &self.prefix).finish()
    }
}

impl Repository {
    /// The repository of the project in this folder: there, or in a folder above it.
    ///
    /// Only an entry called `.git` counts, as git writes it and never takes it from another. git would
    /// also take a folder that merely looks like a bare repository, and such a folder can come with a
    /// clone, its configuration included.
    ///
    /// # Errors
    /// When there is one that cannot be opened.
    pub fn of(project: &Path) -> Result<Option<Self>, Trouble> {
        let project = project.canonicalize().map_err(|error| Trouble::io(project, &error))?;
        let Some(top) = project.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok()) else {
            return Ok(None);
        };
        let inner = git2::Repository::open(top)?;
        if inner.is_bare() {
            return Err(Trouble::new(format!("`{}` is a bare repository, which has no files", top.display())));
        }
        let prefix = project.strip_prefix(top).unwrap_or(Path::new("")).to_owned();
        Ok(Some(Self { inner, top: top.to_owned(), prefix }))
    }

    /// As [`Repository::of`], where there must be one.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn must(project: &Path) -> Result<Self, Trouble> {
        Self::of(project)?
            .ok_or_else(|| Trouble::new("the project is in no git repository").hint("`resilmesh init` makes one"))
    }

    /// The top of its files.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// The project's folder.
    pub fn project(&self) -> PathBuf {
        self.top.join(&self.prefix)
    }

    /// The project is the whole repository.
    pub fn is_project(&self) -> bool {
        self.prefix == Path::new("")
    }

    /// git's index as it is now: another program may have changed it since it was read.
    pub(super) fn index(&self) -> Result<Index, Trouble> {
        let mut index = self.inner.index()?;
        index.read(false)?;
        Ok(index)
    }

    /// The folders below the top that are projects: this one, and any other in the index.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn projects(&self) -> Result<BTreeSet<PathBuf>, Trouble> {
        let mut projects = BTreeSet::from([self.prefix.clone()]);
        for entry in self.index()?.iter() {
            let path = Path::new(OsStr::from_bytes(&entry.path));
            if path.ends_with(project_file::FILE_NAME) {
                projects.extend(path.parent().map(Path::to_owned));
            }
        }
        Ok(projects)
    }

    /// The path below the project of a path below the top; none if it lies outside of the project.
    pub fn in_project(&self, path: &[u8]) -> Option<PathBuf> {
        Path::new(OsStr::from_bytes(path)).strip_prefix(&self.prefix).ok().map(Path::to_owned)
    }

    /// The path below the top of a path below the project.
    pub fn from_project(&self, path: &Path) -> PathBuf {
        self.prefix.join(path)
    }

    /// Whether a path below the project is one that git is told to ignore.
    ///
    /// # Errors
    /// When what is ignored cannot be read.
    pub fn ignores(&self, path: &Path) -> Result<bool, Trouble> {
        Ok(self.inner.is_path_ignored(self.from_project(path))?)
    }

    /// What lies below the project in these folders and files that git is told to ignore; of a folder of
    /// which that holds for everything, only itself.
    ///
    /// # Errors
    /// When what is ignored cannot be read.
    pub fn ignored<'a>(&self, places: impl Iterator<Item = &'a str>) -> Result<HashSet<PathBuf>, Trouble> {
        let places = places.map(|place| self.from_project(Path::new(place)));
        let below = |path: PathBuf| path.strip_prefix(&self.prefix).map(Path::to_owned).ok();
        Ok(ignored(&self.inner, places)?.into_iter().filter_map(below).collect())
    }

    /// Whether a file is in the index, given by its path on disk.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn tracks(&self, file: &Path) -> Result<bool, Trouble> {
        let Ok(below) = file.strip_prefix(&self.top) else { return Ok(false) };
        Ok(self.index()?.get_path(below, 0).is_some())
    }

    /// The branch that is checked out, even if nothing is committed yet.
    ///
    /// # Errors
    /// When none is.
    pub fn branch(&self) -> Result<String, Trouble> {
        let head = self.inner.find_reference("HEAD")?;
        let name = head.symbolic_target()?.and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned));
        name.ok_or_else(|| Trouble::new("no branch is checked out").hint("`git switch BRANCH` checks one out"))
    }

    /// The last commit of the branch that is checked out; none if there is none yet.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn head(&self) -> Result<Option<Commit<'_>>, Trouble> {
        match self.inner.head() {
            Ok(head) => Ok(Some(head.peel_to_commit()?)),
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The commit that a revision names.
    ///
    /// # Errors
    /// When there is none.
    pub fn commit(&self, revision: &str) -> Result<Commit<'_>, Trouble> {
        let found = self.inner.revparse_single(revision).and_then(|object| object.peel_to_commit());
        found.map_err(|_| {
            Trouble::new(format!("there is no revision `{revision}`"))
                .hint("`resilmesh log` shows them; `HEAD~1`, branches and tags do as well")
        })
    }

    /// The files of a commit.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tree<'r>(&'r self, commit: &Commit<'r>) -> Result<Tree<'r>, Trouble> {
        Ok(commit.tree()?)
    }

    /// Who commits, and who wrote what is committed.
    ///
    /// # Errors
    /// When git does not know.
    pub fn who(&self) -> Result<(Signature<'static>, Signature<'static>), Trouble> {
        let unknown = |_| Trouble::new("git does not know who you are").hint(WHO_HINT);
        let author = self.inner.author_from_env().map_err(unknown)?;
        let committer = self.inner.committer_from_env().map_err(unknown)?;
        Ok((author, committer))
    }

    /// Commits a tree on the branch that is checked out.
    ///
    /// # Errors
    /// When that cannot be done, or git does not know who its user is.
    pub fn commit_tree(&self, tree: &Tree<'_>, message: &str, parents: &[&Commit<'_>]) -> Result<Oid, Trouble> {
        let (author, committer) = self.who()?;
        Ok(self.inner.commit(Some("HEAD"), &author, &committer, message, tree, parents)?)
    }
}

/// What the user's own configuration of git says under a key, such as `user.name`.
pub fn configured(key: &str) -> Option<String> {
    let config = git2::Config::open_default().ok()?.snapshot().ok()?;
    config.get_string(key).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The first letters of a commit's id, as people write it.
pub fn short(id: Oid) -> String {
    id.to_string().chars().take(10).collect()
}

/// What lies in these places below the top of a repository that git is told to ignore, by one look at all of
/// it: to ask for each path reads the files that say so again each time.
pub(super) fn ignored(
    repository: &git2::Repository,
    places: impl Iterator<Item = PathBuf>,
) -> Result<HashSet<PathBuf>, git2::Error> {
    let mut options = DiffOptions::new();
    options.include_ignored(true).include_untracked(true).recurse_untracked_dirs(true).disable_pathspec_match(true);
    for place in places {
        options.pathspec(place);
    }
    // Compared with nothing: what is in the index does not matter.
    let all = repository.diff_tree_to_workdir(None, Some(&mut options))?;
    let ignored = all.deltas().filter(|delta| delta.status() == Delta::Ignored);
    Ok(ignored.filter_map(|delta| delta.new_file().path().map(|path| path.components().collect())).collect())
}
