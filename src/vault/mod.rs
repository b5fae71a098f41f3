//! The project's secrets: the vault in its folder `secrets/`, opened with the keys and passphrases
//! that this machine and its environment offer.

use std::path::{Path, PathBuf};

use resilmesh_vault::keys::{NewKey, Protection};
use resilmesh_vault::{KeyReport, Validity, date};
pub use resilmesh_vault::{Keyring, Prompting, Secret, SecretName, Vault, VaultError};

pub use self::meshroom::FILE as MESHROOM_FILE;
use self::sources::{Ask, Sources};

pub mod accepted;
pub mod meshroom;
pub mod sources;

/// The folder of the vault in a project.
pub const FOLDER: &str = "secrets";

/// Opens the project's vault without any key: enough to list and to look at from outside.
///
/// # Errors
/// When the folder is a link, or cannot be opened.
pub fn open_without_keys(project: &Path) -> Result<Vault, VaultError> {
    Vault::open(&folder(project)?, Keyring::empty())
}

/// Opens the project's vault. Keys are read now; they are unlocked when the first secret is, with a
/// passphrase from the environment, else by asking `ask`.
///
/// # Errors
/// When the folder is a link, or a key file cannot be used.
pub fn open(project: &Path, sources: &Sources, ask: Ask) -> Result<Vault, VaultError> {
    Vault::open(&folder(project)?, sources.keyring(ask)?)
}

/// Opens a folder of `pass` or gopass somewhere else.
///
/// # Errors
/// When it cannot be opened, or a key file cannot be used.
pub fn open_store(folder: &Path, sources: &Sources, ask: Ask) -> Result<Vault, VaultError> {
    Vault::open(folder, sources.keyring(ask)?)
}

/// All secrets, decrypted, for services, a redactor, or a scan of what is about to be shared.
///
/// # Errors
/// When one cannot be read.
pub fn values(vault: &Vault, prompting: Prompting) -> Result<Vec<(SecretName, Secret)>, VaultError> {
    vault.values(prompting)?.into_iter().map(|(name, value)| value.map(|value| (name, value))).collect()
}

/// How the key of a recipient is, in words.
pub fn state(key: &KeyReport) -> String {
    match &key.validity {
        Validity::Good(None) => "good".to_owned(),
        Validity::Good(Some(end)) => format!("good until {}", date(*end)),
        Validity::EndsSoon(end) => format!("expires soon, on {}", date(*end)),
        Validity::Expired(end) => format!("expired on {}", date(*end)),
        Validity::Revoked => "revoked".to_owned(),
        Validity::Unusable(why) => why.clone(),
    }
}

/// Makes a key of this user's own: with the passphrase at hand, else with `chosen`, else unprotected.
///
/// # Errors
/// When it cannot be made.
pub fn make_key(
    sources: &Sources,
    user_id: String,
    chosen: Option<Secret>,
) -> Result<resilmesh_vault::keys::KeyFile, VaultError> {
    let protection = chosen.map_or(Protection::Unprotected, Protection::Passphrase);
    NewKey { user_id, kind: resilmesh_vault::keys::KeyKind::default(), protection }.make(&sources.key_folder()?)
}

/// The vault's folder, which may be missing but no link: it would lead out of the project.
fn folder(project: &Path) -> Result<PathBuf, VaultError> {
    let folder = project.join(FOLDER);
    match folder.symlink_metadata() {
        Ok(found) if found.is_symlink() => Err(VaultError::Link(folder)),
        _ => Ok(folder),
    }
}
