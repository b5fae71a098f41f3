//! What the documents of a project were at different times: trees in a bare repository of our own, also
//! for projects that lie in none. Equal content is kept once.

pub mod documents;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{Index, ObjectType, Oid, RepositoryInitOptions, TreeWalkMode, TreeWalkResult};

use self::documents::{Document, Documents, Ignored, Kind, Seen};
use super::repository::{self, Repository};
use super::tree::Revision;
use super::trouble::Trouble;
use super::{carry, entry};
use crate::project::project_file;

/// The snapshots of one project.
pub struct Snapshots {
    kept: git2::Repository,
    project: PathBuf,
    /// The repository of the project, if it lies in one: it says what is ignored.
    shared: Option<Repository>,
}

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshots").field("project", &self.project).finish_non_exhaustive()
    }
}

impl Snapshots {
    /// Those in `folder`, of the project in the folder `project`. The folder is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub fn open(folder: &Path, project: &Path) -> Result<Self, Trouble> {
        let mut options = RepositoryInitOptions::new();
        // Without templates: they hold hooks.
        options.bare(true).external_template(false);
        let kept = git2::Repository::init_opts(folder, &options)?;
        // In memory only: so that it knows what a project without a repository ignores.
        kept.set_workdir(project, false)?;
        Ok(Self { kept, project: project.to_owned(), shared: Repository::of(project)? })
    }

    /// The documents as they are on disk.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn present(&self) -> Result<Seen, Trouble> {
        let found = match &self.shared {
            Some(shared) => shared.ignored(documents::places())?,
            None => repository::ignored(&self.kept, documents::places().map(PathBuf::from))?,
        };
        documents::on_disk(&self.project, &Ignored { found, elsewhere: &|path| self.ignores(path) })
    }

    /// Whether git is told to ignore a path below the project.
    ///
    /// # Errors
    /// When what is ignored cannot be read.
    pub fn ignores(&self, path: &Path) -> Result<bool, Trouble> {
        match &self.shared {
            Some(shared) => shared.ignores(path),
            None => Ok(self.kept.is_path_ignored(path)?),
        }
    }

    /// Keeps documents; what they are found by again.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep(&self, documents: &Documents) -> Result<String, Trouble> {
        let tree = carry::carry(&self.kept, |memory| {
            let mut index = Index::new()?;
            for (path, document) in documents {
                index.add(&entry::entry(path, mode(document), memory.blob(&document.bytes)?))?;
            }
            index.write_tree_to(memory)
        })?;
        Ok(tree.to_string())
    }

    /// Sees to it that what was kept survives a power failure too.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn sync(&self) -> Result<(), Trouble> {
        let folder = self.kept.path();
        let synced = std::fs::File::open(folder).and_then(|open| Ok(rustix::fs::syncfs(&open)?));
        synced.map_err(|error| Trouble::io(folder, &error))
    }

    /// The documents that were kept.
    ///
    /// # Errors
    /// When they are not there, or are none of a project.
    pub fn get(&self, id: &str) -> Result<Documents, Trouble> {
        let tree = self.tree(id)?;
        let mut documents = Documents::new();
        let mut wrong = None;
        tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
            if entry.kind() != Some(ObjectType::Blob) {
                return TreeWalkResult::Ok;
            }
            let path = Path::new(folder).join(OsStr::from_bytes(entry.name_bytes()));
            let read = self.kept.find_blob(entry.id()).map_err(Trouble::from);
            match read.and_then(|blob| documents::checked(&path, entry.filemode(), blob.content())) {
                Ok(document) => drop(documents.insert(path, document)),
                Err(trouble) => {
                    wrong = Some(trouble);
                    return TreeWalkResult::Abort;
                }
            }
            TreeWalkResult::Ok
        })
        .or_else(|error| if wrong.is_some() { Ok(()) } else { Err(error) })?;
        if !documents.contains_key(Path::new(project_file::FILE_NAME)) {
            documents::forget_status(&mut documents);
        }
        wrong.map_or(Ok(documents), Err)
    }

    /// What was kept as a place to read the project from.
    ///
    /// # Errors
    /// When it is not there.
    pub fn source(&self, id: &str) -> Result<Revision<'_>, Trouble> {
        let name = self.project.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Revision::at(&self.kept, Some(self.tree(id)?), name))
    }

    fn tree(&self, id: &str) -> Result<git2::Tree<'_>, Trouble> {
        let found = Oid::from_str(id).and_then(|id| self.kept.find_tree(id));
        found.map_err(|error| {
            Trouble::new(format!("the snapshot `{id}` is not in `{}`: {}", self.kept.path().display(), error.message()))
        })
    }
}

fn mode(document: &Document) -> u32 {
    match document.kind {
        Kind::Text => entry::FILE,
        Kind::Program => entry::PROGRAM,
        Kind::Link => entry::LINK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let place = tempfile::tempdir().expect("temporary folder");
        for (path, text) in files {
            let path = place.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
            std::fs::write(path, text).expect("write");
        }
        place
    }

    fn paths(documents: &Documents) -> Vec<String> {
        documents.keys().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn documents_are_kept_and_nothing_else() {
        let place = project(&[
            ("resilmesh.yaml", "name: soc\n"),
            ("README.md", "about it"),
            (".gitignore", "*.local\nbuild/\n/products/*/dist\n"),
            ("products/edr/definition.yaml", "x: 1\n"),
            ("products/siem/definition.yaml", "x: 1\n"),
            ("products/siem/dist/out", "built"),
            ("products/siem/templates/.gitignore", "draft\n"),
            ("products/siem/templates/draft", "ignored by what stands beside it"),
            ("products/edr/build/out", "built"),
            ("products/edr/.git/config", "another repository"),
            ("products/edr/__pycache__/x.pyc", "cache"),
            ("instances/edr/e1/config.yaml", "name: e1\n"),
            ("instances/edr/e1/mine.local", "ignored"),
            ("secrets/edr/token.gpg", "secret"),
            (".resilmesh/journal.json", "{}"),
        ]);
        let snapshots = Snapshots::open(&place.path().join(".resilmesh/history.git"), place.path()).expect("open");
        let now = snapshots.present().expect("read").documents;
        let kept = [
            "instances/edr/e1/config.yaml",
            "products/edr/definition.yaml",
            "products/siem/definition.yaml",
            "products/siem/templates/.gitignore",
            "resilmesh.yaml",
        ];
        assert_eq!(paths(&now), kept);
        let id = snapshots.keep(&now).expect("keep");
        assert_eq!(snapshots.get(&id).expect("get"), now);
        assert_eq!(snapshots.keep(&now).expect("keep"), id, "the same content is the same snapshot");
        assert!(!place.path().join(".git").exists(), "the project is made no repository by it");
    }

    #[test]
    fn a_repository_above_the_project_says_what_is_ignored_too() {
        let place = project(&[
            (".gitignore", "*.local\n"),
            ("soc/resilmesh.yaml", "name: soc\n"),
            ("soc/instances/edr/e1/config.yaml", "name: e1\n"),
            ("soc/instances/edr/e1/mine.local", "ignored"),
            ("soc/instances/edr/e2/config.yaml", "ignored as well"),
        ]);
        let repository = git2::Repository::init(place.path()).expect("a repository");
        std::fs::write(repository.path().join("info/exclude"), "soc/instances/edr/e2\n").expect("write");
        let soc = place.path().join("soc");
        let snapshots = Snapshots::open(&soc.join(".resilmesh/history.git"), &soc).expect("open");
        let now = snapshots.present().expect("read").documents;
        assert_eq!(paths(&now), ["instances/edr/e1/config.yaml", "resilmesh.yaml"]);
    }

    #[test]
    fn many_documents_are_kept_as_few_are() {
        let place = project(&[("resilmesh.yaml", "name: soc\n")]);
        let folder = place.path().join(".resilmesh/history.git");
        let snapshots = Snapshots::open(&folder, place.path()).expect("open");
        let document = |number: usize, text: &str| {
            (PathBuf::from(format!("instances/edr/e{number}/config.yaml")), Document::text(text))
        };
        let mut documents: Documents = (0..300).map(|number| document(number, &format!("name: e{number}\n"))).collect();
        let first = snapshots.keep(&documents).expect("many");
        let files = |folder: &str| std::fs::read_dir(folder).map_or(0, Iterator::count);
        let packs = folder.join("objects/pack").display().to_string();
        assert_eq!(files(&packs), 2, "a pack and its index");
        assert_eq!(snapshots.get(&first).expect("get"), documents);
        documents.extend([document(7, "name: other\n")]);
        let second = snapshots.keep(&documents).expect("one more");
        assert_eq!(files(&packs), 2, "few are files of their own");
        let again = Snapshots::open(&folder, place.path()).expect("open");
        assert_eq!(again.get(&second).expect("get"), documents);
        assert_ne!(again.get(&first).expect("get"), documents);
    }

    #[test]
    fn a_snapshot_with_paths_that_lead_elsewhere_is_refused() {
        let place = project(&[("resilmesh.yaml", "name: soc\n")]);
        let snapshots = Snapshots::open(&place.path().join(".resilmesh/history.git"), place.path()).expect("open");
        let id = snapshots.keep(&Documents::from([(PathBuf::from("secrets/x"), Document::text("x"))])).expect("keep");
        let refused = snapshots.get(&id).expect_err("no document");
        assert!(refused.what.contains("`secrets/x` is no document of a project"), "{refused}");
        let missing = snapshots.get("0123456789012345678901234567890123456789").expect_err("none");
        assert!(missing.what.contains("is not in"), "{missing}");
    }
}
