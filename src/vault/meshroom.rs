//! Meshroom's vault, which may still lie in the project: `secrets.gpg`, all secrets in one message. What
//! it holds, names too, is known only once it is opened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use resilmesh_vault::{Keyring, Prompting, Secret, VaultError, import};
use sha2::{Digest, Sha256};

/// The name of its file.
pub const FILE: &str = "secrets.gpg";

/// The file as it is now.
#[derive(Debug)]
pub struct Meshroom {
    path: PathBuf,
    version: String,
}

impl Meshroom {
    /// The one in a project; none if there is none.
    ///
    /// # Errors
    /// When it is a link, or cannot be read.
    pub fn of(project: &Path) -> Result<Option<Self>, VaultError> {
        let path = project.join(FILE);
        match path.symlink_metadata() {
            Ok(found) if found.is_symlink() => return Err(VaultError::Link(path)),
            Ok(found) if found.is_file() => {}
            _ => return Ok(None),
        }
        let bytes =
            std::fs::read(&path).map_err(|source| VaultError::Io { doing: "read", path: path.clone(), source })?;
        let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Some(Self { path, version: format!("meshroom:{digest}") }))
    }

    /// Another one when something in it changes.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// All of its secrets.
    ///
    /// # Errors
    /// When no key here opens it, or it holds something else.
    pub fn open(&self, keys: &Keyring, prompting: Prompting) -> Result<BTreeMap<String, Secret>, VaultError> {
        Ok(import::meshroom(&self.path, keys, prompting)?.into_iter().collect())
    }
}
