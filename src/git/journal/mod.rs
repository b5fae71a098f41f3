//! The journal that travels with a mesh: files in the commits of a reference of its own,
//! `refs/resilmesh/journal/<environment>`, one for each environment.
//!
//! What is here is brought together with what others have pushed file by file, and pushed only in place
//! of what was fetched: of two who push at the same moment, one is told that the other was faster.

mod files;

use std::path::Path;

use git2::{ErrorCode, Index, ObjectType, Oid};

pub use self::files::Files;
use self::files::{joined, name};
use super::program::Git;
use super::push::{self, Remote};
use super::repository::Repository;
use super::trouble::Trouble;
use super::{carry, entry};

/// Where the journals of all environments are.
const HERE: &str = "refs/resilmesh/journal";
/// What they were at the remote when that was last asked.
const THERE: &str = "refs/resilmesh/fetched";
/// Longer than any entry that we write.
const LONGEST: usize = 1 << 20;
/// More plugs than any mesh has.
const MOST: usize = 100_000;

/// The journal of one environment.
pub struct SharedJournal {
    repository: Repository,
    environment: String,
}

impl std::fmt::Debug for SharedJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedJournal").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// The journal at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tip {
    id: Option<Oid>,
    /// What it holds.
    pub files: Files,
}

impl Tip {
    /// Nothing was ever written to it.
    pub fn is_unborn(&self) -> bool {
        self.id.is_none()
    }
}

/// What came of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The other side has it.
    Done,
    /// Somebody else was faster: it is to be fetched first.
    Outrun,
}

impl SharedJournal {
    /// That of an environment of the project in this folder; none if it lies in no repository.
    ///
    /// # Errors
    /// When the repository cannot be opened.
    pub fn of(project: &Path, environment: &str) -> Result<Option<Self>, Trouble> {
        let repository = Repository::of(project)?;
        Ok(repository.map(|repository| Self { repository, environment: name(environment) }))
    }

    /// Its reference.
    pub fn reference(&self) -> String {
        format!("{HERE}/{}", self.environment)
    }

    /// The folder that the files of this project are in; a repository may hold several projects.
    pub fn folder(&self) -> String {
        match self.repository.from_project(Path::new("")).to_string_lossy() {
            top if top.is_empty() => "top".to_owned(),
            below => format!("below-{}", name(below.trim_end_matches('/'))),
        }
    }

    /// Where it travels to; none if the mesh is shared nowhere.
    ///
    /// # Errors
    /// When it cannot be told which remote is meant.
    pub fn remote(&self) -> Result<Option<Remote>, Trouble> {
        if self.repository.inner.remotes()?.is_empty() {
            Ok(None)
        } else {
            push::remote(&self.repository, None).map(Some)
        }
    }

    /// What is known of it here.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn tip(&self) -> Result<Tip, Trouble> {
        self.at(&self.reference())
    }

    /// Fetches what others have pushed, of all environments, and brings it together with what is here.
    ///
    /// # Errors
    /// When the remote cannot be reached; nothing is changed then.
    pub fn fetch(&self, remote: &Remote) -> Result<(), Trouble> {
        let said = self
            .git(remote)?
            .args(["fetch", "--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"])
            .args(["--refmap=", "--", &remote.name, &format!("+{HERE}/*:{THERE}/*")])
            .run()?;
        if !said.done {
            let trouble = Trouble::new(format!("`{}` cannot be asked{}", remote.url, said.told()));
            return Err(said.advice().into_iter().fold(trouble, Trouble::hint));
        }
        self.join()
    }

    /// Brings what was fetched together with what is here.
    fn join(&self) -> Result<(), Trouble> {
        let (ours, theirs) = (self.tip()?, self.at(&self.fetched())?);
        let (Some(our_id), Some(their_id)) = (ours.id, theirs.id) else {
            return if theirs.id.is_some() { self.set(&theirs, &ours) } else { Ok(()) };
        };
        let inner = &self.repository.inner;
        if our_id == their_id || inner.graph_descendant_of(our_id, their_id)? {
            return Ok(());
        }
        if inner.graph_descendant_of(their_id, our_id)? {
            return self.set(&theirs, &ours);
        }
        let base = match inner.merge_base(our_id, their_id) {
            Ok(base) => self.files(base)?,
            Err(error) if error.code() == ErrorCode::NotFound => Files::new(),
            Err(error) => return Err(error.into()),
        };
        let files = joined(&base, &ours.files, theirs.files);
        let id = self.write(&files, "Join what others have set up\n", &[our_id, their_id])?;
        self.set(&Tip { id: Some(id), files }, &ours)
    }

    /// Writes files in place of those at `tip`; none if somebody else on this machine was faster.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn commit(&self, tip: &Tip, files: Files, message: &str) -> Result<Option<Tip>, Trouble> {
        let parents: Vec<Oid> = tip.id.into_iter().collect();
        let new = Tip { id: Some(self.write(&files, message, &parents)?), files };
        Ok(self.move_to(&new, tip)?.then_some(new))
    }

    /// Goes back from what was committed and not pushed; what others did meanwhile stays.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn take_back(&self, new: &Tip, old: &Tip) -> Result<(), Trouble> {
        match old.id {
            Some(_) => self.set(old, new),
            None => {
                let mut reference = self.repository.inner.find_reference(&self.reference())?;
                if reference.target() == new.id { Ok(reference.delete()?) } else { Ok(()) }
            }
        }
    }

    /// Whether the remote has, as far as is known, what is here.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_pushed(&self, tip: &Tip) -> Result<bool, Trouble> {
        Ok(self.id(&self.fetched())? == tip.id)
    }

    /// Pushes what is here, in place of what was last fetched and of nothing else.
    ///
    /// # Errors
    /// When the remote cannot be reached, or does not take it.
    pub fn push(&self, remote: &Remote, tip: &Tip) -> Result<Pushed, Trouble> {
        let Some(id) = tip.id else { return Ok(Pushed::Done) };
        let (reference, fetched) = (self.reference(), self.fetched());
        let expected = self.id(&fetched)?.map(|id| id.to_string()).unwrap_or_default();
        let said = self
            .git(remote)?
            .args(["push", "--porcelain", "--no-verify", "--no-recurse-submodules", "--no-follow-tags"])
            .args([&format!("--force-with-lease={reference}:{expected}"), "--", &remote.name])
            .args([format!("{id}:{reference}")])
            .run()?;
        if said.done {
            self.repository.inner.reference(&fetched, id, true, "pushed")?;
            return Ok(Pushed::Done);
        }
        let outrun = ["[rejected]", "stale info", "fetch first", "cannot lock ref", "failed to update ref"];
        if outrun.iter().any(|words| said.out.contains(words) || said.err.contains(words)) {
            return Ok(Pushed::Outrun);
        }
        let trouble = Trouble::new(format!("`{}` does not take `{reference}`{}", remote.url, said.told()));
        Err(said.advice().into_iter().fold(trouble, Trouble::hint))
    }

    fn fetched(&self) -> String {
        format!("{THERE}/{}", self.environment)
    }

    fn git(&self, remote: &Remote) -> Result<Git, Trouble> {
        if remote.name.starts_with('-') || remote.is_new {
            return Err(Trouble::new(format!("there is no remote `{}`", remote.name)));
        }
        Ok(Git::within(&self.repository))
    }

    fn id(&self, reference: &str) -> Result<Option<Oid>, Trouble> {
        match self.repository.inner.find_reference(reference) {
            Ok(found) => Ok(found.target()),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn at(&self, reference: &str) -> Result<Tip, Trouble> {
        let damaged = |trouble: Trouble| {
            Trouble::new(format!("`{reference}` is damaged: {}", trouble.what)).hint(format!(
                "`git update-ref -d {reference}` forgets it here, and the next `up` takes it from the remote"
            ))
        };
        match self.id(reference)? {
            Some(id) => Ok(Tip { id: Some(id), files: self.files(id).map_err(damaged)? }),
            None => Ok(Tip::default()),
        }
    }

    /// The files of a commit. Others may have written it: what is none of ours is an error.
    fn files(&self, commit: Oid) -> Result<Files, Trouble> {
        let inner = &self.repository.inner;
        let mut files = Files::new();
        for folder in &inner.find_commit(commit)?.tree()? {
            let Some(ObjectType::Tree) = folder.kind() else { continue };
            for entry in &inner.find_tree(folder.id())? {
                let path = [folder.name_bytes(), entry.name_bytes()].join(&b'/');
                let path = String::from_utf8(path).map_err(|_| Trouble::new("a path in it is no text"))?;
                let Some(ObjectType::Blob) = entry.kind() else { continue };
                let blob = inner.find_blob(entry.id())?;
                if blob.size() > LONGEST || files.len() == MOST {
                    return Err(Trouble::new(format!("`{}` is too long, or one too many", path.escape_debug())));
                }
                files.insert(path, blob.content().to_owned());
            }
        }
        Ok(files)
    }

    fn write(&self, files: &Files, message: &str, parents: &[Oid]) -> Result<Oid, Trouble> {
        let inner = &self.repository.inner;
        let tree = carry::carry(inner, |memory| {
            let mut index = Index::new()?;
            for (path, content) in files {
                index.add(&entry::entry(Path::new(path), entry::FILE, memory.blob(content)?))?;
            }
            index.write_tree_to(memory)
        })?;
        let tree = inner.find_tree(tree)?;
        let parents = parents.iter().map(|id| inner.find_commit(*id)).collect::<Result<Vec<_>, _>>()?;
        let parents: Vec<_> = parents.iter().collect();
        let (author, committer) = match self.repository.who() {
            Ok(known) => known,
            // Who it is stands in the entries as well as that is known.
            Err(_) => {
                let nobody = git2::Signature::now("resilmesh", "resilmesh@localhost")?;
                (nobody.clone(), nobody)
            }
        };
        Ok(inner.commit(None, &author, &committer, message, &tree, &parents)?)
    }

    fn set(&self, new: &Tip, old: &Tip) -> Result<(), Trouble> {
        if self.move_to(new, old)? {
            return Ok(());
        }
        Err(Trouble::new(format!("`{}` was changed by somebody else at this moment", self.reference()))
            .hint("try again"))
    }

    /// Lets the reference name what is new, if it still names what is old.
    fn move_to(&self, new: &Tip, old: &Tip) -> Result<bool, Trouble> {
        let Some(id) = new.id else { return Ok(true) };
        let (inner, reference) = (&self.repository.inner, self.reference());
        let moved = match old.id {
            Some(old) => inner.reference_matching(&reference, id, true, old, "resilmesh"),
            None => inner.reference(&reference, id, false, "resilmesh"),
        };
        match moved {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::Exists | ErrorCode::Locked) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}
