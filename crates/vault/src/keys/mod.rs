//! Keys that decrypt, and where they are.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sequoia_openpgp as openpgp;

use openpgp::KeyHandle;
use openpgp::crypto::{KeyPair, SessionKey};
use openpgp::packet::PKESK;
use openpgp::types::SymmetricAlgorithm;

use crate::error::VaultError;
use crate::message::{self, Opener};
use crate::{Certificate, Fingerprint, Result, Secret};

mod file;
mod gnupg;
mod make;

pub use file::{KeyFile, KeyFolder};
pub use gnupg::GnuPg;
pub use make::{KeyKind, NewKey, Protection};

/// How often a wrong passphrase may be corrected.
const ATTEMPTS: u32 = 3;

/// Who is asked for the passphrase of a key.
pub trait Passphrases: Send + Sync {
    /// One that is at hand without asking anybody.
    ///
    /// # Errors
    /// When there should be one, but it cannot be had; in a few words.
    fn given(&self) -> std::result::Result<Option<Secret>, String>;

    /// Asks somebody; `None` if there is nobody to ask. `attempt` counts from 0.
    ///
    /// # Errors
    /// When asking fails, in a few words.
    fn ask(&self, key: &str, attempt: u32) -> std::result::Result<Option<Secret>, String>;
}

/// Nobody: for keys without a passphrase.
#[derive(Debug, Clone, Copy)]
pub struct NoPassphrases;

impl Passphrases for NoPassphrases {
    fn given(&self) -> std::result::Result<Option<Secret>, String> {
        Ok(None)
    }

    fn ask(&self, _: &str, _: u32) -> std::result::Result<Option<Secret>, String> {
        Ok(None)
    }
}

/// Whether somebody may be asked for a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompting {
    /// If need be.
    Allowed,
    /// No: what needs it fails.
    Never,
}

/// All keys that can be used here. Each is unlocked at most once, when it is first needed.
pub struct Keyring {
    files: Vec<KeyFile>,
    gnupg: Option<GnuPg>,
    passphrases: Box<dyn Passphrases>,
    unlocked: Mutex<HashMap<Fingerprint, Unlocked>>,
    places: String,
}

/// What became of unlocking a key.
enum Unlocked {
    Ready(Box<KeyPair>),
    /// Asked in vain; nobody is asked again.
    Refused,
}

impl Keyring {
    /// A ring of these keys.
    pub fn new(files: Vec<KeyFile>, gnupg: Option<GnuPg>, passphrases: Box<dyn Passphrases>) -> Self {
        Self { files, gnupg, passphrases, unlocked: Mutex::default(), places: String::new() }
    }

    /// With a word on where its key files were looked for, for messages.
    #[must_use]
    pub fn looked_for_in(mut self, places: impl Into<String>) -> Self {
        self.places = places.into();
        self
    }

    /// A ring without keys: enough to list, and to encrypt.
    pub fn empty() -> Self {
        Self::new(Vec::new(), None, Box::new(NoPassphrases))
    }

    /// The key files.
    pub fn files(&self) -> &[KeyFile] {
        &self.files
    }

    /// Whether a key here can decrypt what is encrypted to one of them. Asks GnuPG only when no key
    /// file can.
    pub fn owns(&self, fingerprints: &[Fingerprint]) -> Option<Fingerprint> {
        let own = |fingerprint: &&Fingerprint| self.files.iter().any(|file| file.fingerprint() == **fingerprint);
        fingerprints
            .iter()
            .find(own)
            .or_else(|| self.gnupg.as_ref().and_then(|gnupg| fingerprints.iter().find(|key| gnupg.has_secret(key))))
            .cloned()
    }

    /// The certificate of a recipient, from the key files or GnuPG.
    pub(crate) fn certificate(&self, fingerprint: &Fingerprint) -> Option<Certificate> {
        self.files
            .iter()
            .find(|file| file.fingerprint() == *fingerprint)
            .map(KeyFile::certificate)
            .or_else(|| self.gnupg.as_ref().and_then(|gnupg| gnupg.certificate(fingerprint)))
    }

    /// Decrypts a message. `path` is its file, for messages only.
    ///
    /// # Errors
    /// When no key opens it, it is damaged, or larger than `largest`.
    pub fn decrypt(&self, bytes: &[u8], path: &Path, largest: u64, prompting: Prompting) -> Result<Secret> {
        let recipients = message::recipients(bytes, path)?;
        if self.has_file_for(&recipients) {
            return message::decrypt(bytes, path, largest, &mut FromFiles { ring: self, prompting });
        }
        match &self.gnupg {
            Some(gnupg) => {
                let asking = |why| VaultError::Asking { key: "in GnuPG".to_owned(), why };
                let given = self.passphrases.given().map_err(asking)?;
                let found = gnupg.decrypt(bytes, path, largest, prompting, given.as_ref())?;
                found.ok_or_else(|| self.no_key(path, &recipients))
            }
            None => Err(self.no_key(path, &recipients)),
        }
    }

    fn no_key(&self, path: &Path, recipients: &[KeyHandle]) -> VaultError {
        let recipients = recipients.iter().map(KeyHandle::to_hex).collect();
        VaultError::NoKey { path: path.to_owned(), recipients, looked: self.looked() }
    }

    /// Which keys there are, and where they were looked for.
    fn looked(&self) -> String {
        let own: Vec<String> = self.files.iter().map(KeyFile::shown).collect();
        let own = if own.is_empty() { "no key".to_owned() } else { own.join(", ") };
        let place = if self.places.is_empty() { String::new() } else { format!(" in {}", self.places) };
        match self.gnupg.as_ref().map(GnuPg::is_installed) {
            None => format!("there is {own}{place}"),
            Some(true) => format!("there is {own}{place}, and none of them in GnuPG"),
            Some(false) => format!("there is {own}{place}, and GnuPG is not installed"),
        }
    }

    fn has_file_for(&self, recipients: &[KeyHandle]) -> bool {
        self.files.iter().any(|file| recipients.iter().any(|handle| file.opens(handle)))
    }

    /// Decrypts with the key files alone, asking nobody.
    pub(crate) fn decrypt_with_files(&self, bytes: &[u8], path: &Path, largest: u64) -> Result<Secret> {
        let prompting = Prompting::Never;
        let recipients = message::recipients(bytes, path)?;
        if !self.has_file_for(&recipients) {
            return Err(self.no_key(path, &recipients));
        }
        message::decrypt(bytes, path, largest, &mut FromFiles { ring: self, prompting })
    }

    fn unlocked(&self) -> MutexGuard<'_, HashMap<Fingerprint, Unlocked>> {
        // Held while asking, so that threads that need the same key ask once.
        self.unlocked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pair of a key that opens what is for `handle`; `None` if no key file has it.
    fn pair(&self, handle: &KeyHandle, prompting: Prompting) -> Result<Option<KeyPair>> {
        let Some((file, key)) = self.files.iter().find_map(|file| Some((file, file.secret_key(handle)?))) else {
            return Ok(None);
        };
        let shown = file.shown();
        let mut unlocked = self.unlocked();
        match unlocked.get(&key.fingerprint()) {
            Some(Unlocked::Ready(pair)) => return Ok(Some(KeyPair::clone(pair))),
            Some(Unlocked::Refused) if prompting == Prompting::Allowed => {
                return Err(VaultError::NoPassphrase { key: shown });
            }
            Some(Unlocked::Refused) | None => {}
        }
        let fingerprint = key.fingerprint();
        match self.unlock(&shown, file, key, prompting) {
            Ok(pair) => {
                unlocked.insert(fingerprint, Unlocked::Ready(Box::new(pair.clone())));
                Ok(Some(pair))
            }
            Err(error) => {
                if prompting == Prompting::Allowed {
                    unlocked.insert(fingerprint, Unlocked::Refused);
                }
                Err(error)
            }
        }
    }

    fn unlock(&self, shown: &str, file: &KeyFile, key: file::SecretKey, prompting: Prompting) -> Result<KeyPair> {
        if key.has_unencrypted_secret() {
            return key.into_keypair().map_err(|error| file.refused(error.root_cause().to_string()));
        }
        let try_with = |passphrase: &Secret| {
            let unlocked = key.clone().decrypt_secret(&passphrase.expose().into());
            unlocked.and_then(file::SecretKey::into_keypair).ok()
        };
        let wrong = || VaultError::WrongPassphrase { key: shown.to_owned() };
        let missing = || VaultError::NoPassphrase { key: shown.to_owned() };
        let asking = |why| VaultError::Asking { key: shown.to_owned(), why };
        if let Some(given) = self.passphrases.given().map_err(asking)? {
            return try_with(&given).ok_or_else(wrong);
        }
        if prompting == Prompting::Never {
            return Err(missing());
        }
        for attempt in 0..ATTEMPTS {
            let asked = self.passphrases.ask(shown, attempt);
            let Some(passphrase) = asked.map_err(asking)? else {
                return Err(if attempt == 0 { missing() } else { wrong() });
            };
            if let Some(pair) = try_with(&passphrase) {
                return Ok(pair);
            }
        }
        Err(wrong())
    }
}

/// Opens messages with the key files of a ring.
struct FromFiles<'a> {
    ring: &'a Keyring,
    prompting: Prompting,
}

impl Opener for FromFiles<'_> {
    fn open(
        &mut self,
        packets: &[PKESK],
        algorithm: Option<SymmetricAlgorithm>,
        decrypt: &mut dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool,
    ) -> Result<bool> {
        let mut failure = None;
        for packet in packets {
            let Some(handle) = packet.recipient() else { continue };
            match self.ring.pair(&handle, self.prompting) {
                Ok(Some(mut pair)) => {
                    let opened = packet.decrypt(&mut pair, algorithm);
                    if opened.is_some_and(|(algorithm, key)| decrypt(algorithm, &key)) {
                        return Ok(true);
                    }
                }
                Ok(None) => {}
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(false), Err)
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("files", &self.files).field("gnupg", &self.gnupg).finish_non_exhaustive()
    }
}
