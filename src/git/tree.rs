//! A revision of the project as a place to read it from.

use std::path::Path;

use git2::{ObjectType, Tree};

use super::repository::Repository;
use super::trouble::Trouble;
use crate::project::files::{Entries, Source, utf8};
use crate::project::position::{Diagnostic, Mark, Position};

/// The mode of a symbolic link in a tree.
const LINK: i32 = 0o120_000;
/// The bits of a mode that say what it is.
const KIND: i32 = 0o170_000;

/// The project as it stands in a tree.
pub struct Revision<'r> {
    repository: &'r git2::Repository,
    /// None if the project is not in the tree.
    tree: Option<Tree<'r>>,
    name: String,
}

impl std::fmt::Debug for Revision<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revision").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'r> Revision<'r> {
    /// The project of `repository` in `tree`, which is a tree of the whole repository.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn of(repository: &'r Repository, tree: &Tree<'r>) -> Result<Self, Trouble> {
        let below = repository.from_project(Path::new(""));
        let tree = if below == Path::new("") { Some(tree.clone()) } else { subtree(&repository.inner, tree, &below)? };
        let name = repository.project().file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self::at(&repository.inner, tree, name))
    }

    /// A project whose folder is called `name`, that is the whole of a tree.
    pub(super) fn at(repository: &'r git2::Repository, tree: Option<Tree<'r>>, name: Option<String>) -> Self {
        Self { repository, tree, name: name.unwrap_or_else(|| "mesh".to_owned()) }
    }
}

fn subtree<'r>(repository: &'r git2::Repository, tree: &Tree<'r>, below: &Path) -> Result<Option<Tree<'r>>, Trouble> {
    match tree.get_path(below) {
        Ok(entry) => Ok(entry.to_object(repository)?.into_tree().ok()),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Source for Revision<'_> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn text(&self, file: &Path) -> Result<Option<String>, Diagnostic> {
        let refused = |message: String| Diagnostic::error(Position::new(file, Mark::START), message);
        let Some(entry) = self.tree.as_ref().and_then(|tree| tree.get_path(file).ok()) else { return Ok(None) };
        if entry.filemode() & KIND == LINK {
            return Err(refused("a symbolic link, which is not followed in a revision".to_owned())
                .with_hint("put a copy of the file in its place"));
        }
        let object = entry.to_object(self.repository).map_err(|error| refused(error.message().to_owned()))?;
        object.as_blob().map(|blob| utf8(file, blob.content().to_owned())).transpose()
    }

    fn entries(&self, folder: &Path) -> Result<Entries, Diagnostic> {
        let mut entries = Entries::default();
        let Some(tree) = &self.tree else { return Ok(entries) };
        let Some(tree) = subtree(self.repository, tree, folder).ok().flatten() else { return Ok(entries) };
        for entry in &tree {
            let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
            if name.starts_with('.') {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => entries.folders.push(name),
                Some(ObjectType::Blob) => entries.files.push(name),
                // A commit is a submodule: nothing of this project.
                _ => {}
            }
        }
        entries.folders.sort_unstable();
        entries.files.sort_unstable();
        Ok(entries)
    }
}
