//! Keys in files of our own: one OpenPGP secret key each, armoured.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sequoia_openpgp as openpgp;

use openpgp::parse::Parse;
use openpgp::{Cert, KeyHandle};

use crate::error::VaultError;
use crate::folder::sync;
use crate::{Certificate, Fingerprint, Result, Secret};

/// What the name of a key file ends with.
const SUFFIX: &str = "key";

/// Far more than a key has.
const LARGEST: usize = 1024 * 1024;

/// A subkey with its secret part.
pub(super) type SecretKey =
    openpgp::packet::Key<openpgp::packet::key::SecretParts, openpgp::packet::key::UnspecifiedRole>;

/// A secret key that was read from a file.
#[derive(Clone)]
pub struct KeyFile {
    /// Where it was read.
    place: PathBuf,
    cert: Cert,
}

impl KeyFile {
    /// Reads a key, armoured or not. `place` is where it was read, for messages.
    ///
    /// # Errors
    /// When there is no secret key in it.
    pub fn parse(bytes: &Secret, place: &Path) -> Result<Self> {
        let refused = |why: String| VaultError::KeyFile { path: place.to_owned(), why };
        if bytes.len() > LARGEST {
            return Err(refused("it is too large for a key".to_owned()));
        }
        let cert = Cert::from_bytes(bytes.expose()).map_err(|error| refused(error.root_cause().to_string()))?;
        if cert.keys().secret().next().is_none() {
            return Err(refused("it holds no secret key, only a public one".to_owned()));
        }
        Ok(Self { place: place.to_owned(), cert })
    }

    pub(super) fn of(cert: Cert, place: &Path) -> Self {
        Self { place: place.to_owned(), cert }
    }

    /// Reads a key from a file.
    ///
    /// # Errors
    /// When it cannot be read, or holds no secret key.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(VaultError::io("read", path))?;
        Self::parse(&Secret::new(bytes), path)
    }

    /// Its fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.cert.fingerprint()
    }

    /// Where it was read.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Its public part.
    pub fn certificate(&self) -> Certificate {
        Certificate::of(&self.cert)
    }

    /// Whether it opens without a passphrase.
    pub fn is_unprotected(&self) -> bool {
        self.cert.keys().secret().all(|key| key.key().has_unencrypted_secret())
    }

    /// Whether it has the key that is meant.
    pub(super) fn opens(&self, handle: &KeyHandle) -> bool {
        self.cert.keys().secret().any(|key| key.key().key_handle().aliases(handle))
    }

    /// The key that is meant. Also one that has expired: what was encrypted to it must stay readable.
    pub(super) fn secret_key(&self, handle: &KeyHandle) -> Option<SecretKey> {
        let found = self.cert.keys().secret().find(|key| key.key().key_handle().aliases(handle))?;
        Some(found.key().clone())
    }

    /// How people are told about it.
    pub(super) fn shown(&self) -> String {
        let id = self.certificate().user_ids().into_iter().next();
        let fingerprint = self.fingerprint();
        id.map_or_else(|| fingerprint.to_hex(), |id| format!("{fingerprint} ({id})"))
    }

    pub(super) fn refused(&self, why: String) -> VaultError {
        VaultError::KeyFile { path: self.place.clone(), why }
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({})", self.fingerprint())
    }
}

/// The folder of the keys that were made here: `<fingerprint>.key`, 0600, outside of every repository.
#[derive(Debug, Clone)]
pub struct KeyFolder {
    path: PathBuf,
}

impl KeyFolder {
    /// The folder at `path`, which need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All keys in it.
    ///
    /// # Errors
    /// When one cannot be read, or others may read it.
    pub fn keys(&self) -> Result<Vec<KeyFile>> {
        let listed = match fs::read_dir(&self.path) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(VaultError::io("list", &self.path)(error)),
        };
        let mut paths = listed
            .map(|entry| entry.map(|entry| entry.path()))
            .filter(|path| !matches!(path, Ok(path) if path.extension().is_none_or(|end| end != SUFFIX)))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(VaultError::io("list", &self.path))?;
        paths.sort_unstable();
        paths.iter().map(|path| private(path).and_then(|()| KeyFile::read(path))).collect()
    }

    /// Puts a key into it, for its owner only.
    pub(super) fn save(&self, fingerprint: &Fingerprint, armoured: &Secret) -> Result<PathBuf> {
        let path = self.path.join(format!("{fingerprint}.{SUFFIX}"));
        let refused = |error| VaultError::io("write", &path)(error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(&refused)?;
        // Temporary files are 0600.
        let mut aside = tempfile::NamedTempFile::new_in(&self.path).map_err(&refused)?;
        aside.write_all(armoured.expose()).map_err(&refused)?;
        aside.as_file().sync_all().map_err(&refused)?;
        aside.persist(&path).map_err(|error| refused(error.error))?;
        sync(&self.path)?;
        Ok(path)
    }
}

/// As ssh does: a key that others may read is not used.
fn private(path: &Path) -> Result<()> {
    const OTHERS: u32 = 0o077;
    let mode = fs::metadata(path).map_err(VaultError::io("read", path))?.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let why = format!("others may read it (mode {:04o}); `chmod 600` closes it", mode & 0o7777);
    Err(VaultError::KeyFile { path: path.to_owned(), why })
}
