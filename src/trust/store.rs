//! What this machine remembers of the trust of its user: outside of all projects, so that no clone
//! brings its own.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::mesh::model::Permissions;
use crate::project::content::Content;
use crate::project::user_folders;

/// Version of the file.
const VERSION: u32 = 1;

/// What was trusted, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Hash of the content.
    pub hash: String,
    /// When, RFC 3339.
    pub at: String,
    /// What it declared to need.
    pub permissions: Permissions,
    /// The content, to show what changes later.
    pub content: Content,
}

/// The file of one project.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    /// For people.
    project: PathBuf,
    trusted: BTreeMap<String, Known>,
}

/// What is trusted of one project.
#[derive(Debug)]
pub struct Store {
    /// None = a user without a home.
    path: Option<PathBuf>,
    document: Document,
}

impl Store {
    /// That of the project with this id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(project: &Path, id: &str) -> io::Result<Self> {
        Self::open_in(user_folders::state().map(|state| state.join("trust")), project, id)
    }

    fn open_in(folder: Option<PathBuf>, project: &Path, id: &str) -> io::Result<Self> {
        let path = folder.map(|folder| folder.join(format!("{id}.json")));
        let nothing = || Document { version: VERSION, project: project.to_owned(), trusted: BTreeMap::new() };
        let document = match path.as_ref().map(std::fs::read) {
            None => nothing(),
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => nothing(),
            Some(read) => serde_json::from_slice::<Document>(&read?)?,
        };
        if document.version != VERSION {
            return Err(io::Error::other(format!(
                "it is of version {}, and this program knows {VERSION}",
                document.version
            )));
        }
        Ok(Self { path, document: Document { project: project.to_owned(), ..document } })
    }

    /// Where it lies, for people.
    pub fn shown(&self) -> String {
        self.path.as_ref().map_or_else(|| "a home folder".to_owned(), |path| path.display().to_string())
    }

    /// What was trusted under this key.
    pub fn get(&self, key: &str) -> Option<&Known> {
        self.document.trusted.get(key)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.document.trusted.keys().map(String::as_str)
    }

    /// Remembers trust.
    pub fn put(&mut self, key: &str, known: Known) {
        self.document.trusted.insert(key.to_owned(), known);
    }

    /// Forgets it; whether there was any.
    pub fn remove(&mut self, key: &str) -> bool {
        self.document.trusted.remove(key).is_some()
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written, or there is no place for it.
    pub fn save(&self) -> io::Result<()> {
        let path = self.path.as_ref().ok_or_else(|| io::Error::other("neither XDG_STATE_HOME nor HOME is set"))?;
        user_folders::write_private(path, &serde_json::to_vec_pretty(&self.document)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::project::content::Entry;

    #[test]
    fn trust_is_kept_for_its_user_only() {
        let place = tempfile::tempdir().expect("folder");
        let folder = Some(place.path().join("state/trust"));
        let project = Path::new("/p");
        let mut store = Store::open_in(folder.clone(), project, "id").expect("nothing yet");
        let content = Content([("hooks.py".to_owned(), Entry::text("pass\n"))].into());
        let known =
            Known { hash: content.hash("p"), at: "now".to_owned(), permissions: Permissions::default(), content };
        store.put("product/p", known.clone());
        store.save().expect("save");
        let path = place.path().join("state/trust/id.json");
        assert_eq!(path.metadata().expect("file").permissions().mode() & 0o777, 0o600);
        assert_eq!(path.parent().expect("folder").metadata().expect("folder").permissions().mode() & 0o777, 0o700);
        let mut again = Store::open_in(folder.clone(), project, "id").expect("open");
        assert_eq!(again.get("product/p"), Some(&known));
        assert!(Store::open_in(folder.clone(), project, "other").expect("open").get("product/p").is_none());
        assert!(again.remove("product/p") && !again.remove("product/p"));
        std::fs::write(&path, "{").expect("write");
        assert!(Store::open_in(folder, project, "id").is_err(), "a damaged file is no trust");
        assert!(Store::open_in(None, project, "id").expect("nothing").save().is_err());
    }
}
