//! The vault: one folder of secrets.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::VaultError;
use crate::folder::{Folder, Found, PUBLIC_KEYS};
use crate::recipients::FILE_NAME;
use crate::{Certificate, Fingerprint, Keyring, Prompting, RecipientList, Result, Secret, SecretName};

mod audience;
pub(crate) mod check;
mod people;
pub(crate) mod reencrypt;
mod write;

/// How many bytes a secret may have, unless said otherwise: 1 MiB.
pub const DEFAULT_LARGEST: u64 = 1024 * 1024;

/// What text is stored with besides.
const LINE_END: u64 = 1;

/// More than the armour and the keys of many recipients add to a secret.
const OVERHEAD: u64 = 1024 * 1024;

/// A moment while files are written. Whatever happens at one, every secret has its old value or its
/// new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The new file is beside the old one, and on disk.
    Staged,
    /// It was read back and is what was meant.
    Verified,
    /// It is in its place; the folder may not be on disk yet.
    Replaced,
    /// The folder is on disk.
    Synced,
    /// The certificates of recipients are written.
    Certified,
    /// The list of recipients is written.
    Listed,
}

/// What is told of every [`Step`]; tests stop the process there.
type Watch = Arc<dyn Fn(Step) + Send + Sync>;

/// A folder of secrets, with the keys to read it.
pub struct Vault {
    folder: Folder,
    keys: Keyring,
    largest: u64,
    watch: Option<Watch>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("folder", &self.folder.root()).field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens the folder. One that is not there, or has no `.gpg-id`, is a vault without secrets; see
    /// [`Vault::exists`].
    ///
    /// # Errors
    /// When there is something that is no folder.
    pub fn open(folder: &Path, keys: Keyring) -> Result<Self> {
        Ok(Self { folder: Folder::new(folder)?, keys, largest: DEFAULT_LARGEST, watch: None })
    }

    /// With another limit for the size of a secret, in bytes.
    #[must_use]
    pub fn with_largest(mut self, largest: u64) -> Self {
        self.largest = largest;
        self
    }

    /// With somebody who is told of each step of writing.
    #[must_use]
    pub fn with_watch(mut self, watch: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.watch = Some(Arc::new(watch));
        self
    }

    fn step(&self, step: Step) {
        if let Some(watch) = &self.watch {
            watch(step);
        }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.root()
    }

    /// Its keys.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Whether it has been made: its `.gpg-id` is there.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn exists(&self) -> Result<bool> {
        Ok(self.folder.text(Path::new(FILE_NAME))?.is_some())
    }

    /// The names of all secrets, sorted. Opens none, and needs no key. Files whose names are none are
    /// left out; [`Vault::check`] tells of them.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn names(&self) -> Result<Vec<SecretName>> {
        let found = self.folder.walk()?;
        let mut names: Vec<SecretName> = found.iter().filter_map(name_of).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Whether there is a secret of that name.
    ///
    /// # Errors
    /// When its place is a link.
    pub fn contains(&self, name: &SecretName) -> Result<bool> {
        Ok(self.folder.at(&name.file())?.is_file())
    }

    /// The file of a secret, whether it is there or not.
    pub fn file(&self, name: &SecretName) -> PathBuf {
        self.folder.root().join(name.file())
    }

    /// Decrypts a secret.
    ///
    /// # Errors
    /// When there is none, no key opens it, or it is damaged or too large.
    pub fn get(&self, name: &SecretName) -> Result<Secret> {
        self.get_with(name, Prompting::Allowed)
    }

    /// Decrypts a secret, asking for passphrases or not.
    ///
    /// # Errors
    /// When there is none, no key opens it, or it is damaged or too large.
    pub fn get_with(&self, name: &SecretName, prompting: Prompting) -> Result<Secret> {
        self.stored(name, prompting).map(Secret::from_stored)
    }

    /// Decrypts all of them. A name and what went wrong for those that cannot be read.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn values(&self, prompting: Prompting) -> Result<Vec<(SecretName, Result<Secret>)>> {
        let names = self.names()?;
        Ok(names
            .into_iter()
            .map(|name| {
                let value = self.get_with(&name, prompting);
                (name, value)
            })
            .collect())
    }

    /// Decrypts another version of a secret's file, from git say.
    ///
    /// # Errors
    /// When no key opens it, or it is damaged or too large.
    pub fn get_version(&self, name: &SecretName, bytes: &[u8]) -> Result<Secret> {
        self.decrypt(name, bytes, Prompting::Allowed).map(Secret::from_stored)
    }

    /// What the file of a secret holds, decrypted.
    fn stored(&self, name: &SecretName, prompting: Prompting) -> Result<Secret> {
        self.decrypt(name, &self.encrypted(name)?, prompting)
    }

    fn decrypt(&self, name: &SecretName, bytes: &[u8], prompting: Prompting) -> Result<Secret> {
        let found = self.keys.decrypt(bytes, &self.file(name), self.largest + LINE_END, prompting);
        let stored = found.map_err(|error| match error {
            VaultError::TooLarge { what, .. } => VaultError::TooLarge { what, largest: self.largest },
            VaultError::Damaged { path, why, .. } => VaultError::Damaged { path, why, name: Some(name.clone()) },
            VaultError::NoKey { path, recipients, looked } => {
                let recipients = self.known_readers(bytes, &path).unwrap_or(recipients);
                VaultError::NoKey { path, recipients, looked }
            }
            other => other,
        })?;
        self.fits(name, &stored)?;
        Ok(stored)
    }

    /// Refuses what is larger than a secret may be; the line end that text is stored with counts not.
    fn fits(&self, name: &SecretName, stored: &Secret) -> Result<()> {
        let line_end = if stored.expose_text().is_some_and(|text| text.ends_with('\n')) { LINE_END } else { 0 };
        if stored.len() as u64 > self.largest + line_end {
            return Err(VaultError::TooLarge { what: format!("secret `{name}`"), largest: self.largest });
        }
        Ok(())
    }

    /// What the file of a secret holds.
    fn encrypted(&self, name: &SecretName) -> Result<Vec<u8>> {
        let limit = self.largest + OVERHEAD;
        let found = self.folder.read(&name.file(), limit).map_err(|error| match error {
            VaultError::TooLarge { .. } => {
                VaultError::TooLarge { what: format!("secret `{name}`"), largest: self.largest }
            }
            other => other,
        })?;
        found.ok_or_else(|| VaultError::NoSecret(name.clone()))
    }

    /// Whom the secrets of a folder are encrypted to: the nearest `.gpg-id`, in the folder itself or
    /// above, as with `pass`. With its path below the vault.
    ///
    /// # Errors
    /// When there is none up to the vault's own, or it cannot be read.
    pub fn recipients(&self, folder: &Path) -> Result<(PathBuf, RecipientList)> {
        for above in folder.ancestors() {
            let file = above.join(FILE_NAME);
            if let Some(text) = self.folder.text(&file)? {
                return Ok((file, RecipientList::parse(&text)));
            }
        }
        Err(VaultError::NoVault(self.folder.root().to_owned()))
    }

    /// The certificate of a recipient: from `.public-keys`, else from the keys here. Only one with
    /// that very fingerprint is taken.
    ///
    /// # Errors
    /// When there is none, or the file holds something else.
    pub fn certificate(&self, fingerprint: &Fingerprint) -> Result<Certificate> {
        const LARGEST: u64 = 4 * 1024 * 1024;
        let file = public_key_file(fingerprint);
        let Some(bytes) = self.folder.read(&file, LARGEST)? else {
            return self.keys.certificate(fingerprint).ok_or_else(|| VaultError::NoCertificate(fingerprint.clone()));
        };
        let place = self.folder.root().join(&file).display().to_string();
        let found = Certificate::parse(&bytes, &place)?;
        if found.fingerprint() != *fingerprint {
            return Err(VaultError::NoCertificateIn {
                place,
                why: format!("it is the one of {}", found.fingerprint()),
            });
        }
        match found.encryption_key() {
            Ok(_) => Ok(found),
            // Its owner may have renewed it since.
            Err(_) => Ok(self.keys.certificate(fingerprint).map_or(found.clone(), |newer| found.merged(newer))),
        }
    }
}

fn public_key_file(fingerprint: &Fingerprint) -> PathBuf {
    Path::new(PUBLIC_KEYS).join(fingerprint.to_hex())
}

/// The folder that a secret is in.
fn folder_of(name: &SecretName) -> PathBuf {
    name.file().parent().map(Path::to_owned).unwrap_or_default()
}

/// The secret that a file is.
fn name_of(found: &Found) -> Option<SecretName> {
    if !found.kind.is_file() {
        return None;
    }
    SecretName::of_file(&found.path)?.ok()
}
