//! Writing secrets: beside the old file, read back, then in its place.

use std::path::Path;

use sequoia_openpgp::KeyHandle;

use super::audience::Lapse;
use super::{LINE_END, OVERHEAD, Step, Vault, folder_of, public_key_file};
use crate::error::VaultError;
use crate::folder::{Lock, Staged, sync};
use crate::recipients::FILE_NAME;
use crate::{Certificate, Prompting, RecipientList, Result, Secret, SecretName, message};

impl Vault {
    /// Makes the vault, with one recipient.
    ///
    /// # Errors
    /// When the disk refuses, or nothing can be encrypted to the recipient.
    pub fn create(&self, recipient: &Certificate) -> Result<()> {
        recipient.encryption_key()?;
        let lock = self.folder.lock()?;
        self.write_certificate(recipient, &lock)?;
        self.write_list(Path::new(FILE_NAME), &RecipientList::of(&recipient.fingerprint()), &lock)
    }

    /// Encrypts a secret to the recipients of its folder, in place of the old value if there is one.
    ///
    /// # Errors
    /// When the old value stays as it was: it is too large, a recipient cannot be used, or the disk
    /// refuses.
    pub fn set(&self, name: &SecretName, value: &Secret) -> Result<()> {
        let stored = value.to_stored();
        self.fits(name, &stored)?;
        let recipients = self.everybody(&folder_of(name))?;
        let _lock = self.folder.lock()?;
        let staged = self.stage(name, &stored, &recipients)?;
        self.commit(vec![staged])
    }

    /// Whether a secret of that name could be written: its recipients are known and usable.
    ///
    /// # Errors
    /// When it could not.
    pub fn writable(&self, name: &SecretName) -> Result<()> {
        self.folder.at(&name.file())?;
        self.everybody(&folder_of(name)).map(drop)
    }

    /// Takes a secret away.
    ///
    /// # Errors
    /// When there is none, or the disk refuses.
    pub fn remove(&self, name: &SecretName) -> Result<()> {
        let _lock = self.folder.lock()?;
        if !self.contains(name)? {
            return Err(VaultError::NoSecret(name.clone()));
        }
        self.folder.remove(&name.file())
    }

    /// Those that the secrets of a folder are encrypted to, who all can be.
    fn everybody(&self, folder: &Path) -> Result<Vec<Certificate>> {
        let (file, list) = self.recipients(folder)?;
        self.audience(&list, &file, None, Lapse::Refuse)?.whole()
    }

    /// Encrypts what a file is to hold, writes it beside the old one, and reads it back.
    pub(super) fn stage(&self, name: &SecretName, stored: &Secret, recipients: &[Certificate]) -> Result<Staged> {
        let bytes = message::encrypt(stored, recipients)?;
        let staged = self.folder.stage(&name.file(), &bytes)?;
        self.step(Step::Staged);
        self.verify(&staged, stored, recipients)?;
        self.step(Step::Verified);
        Ok(staged)
    }

    /// Puts files in their places.
    pub(super) fn commit(&self, staged: Vec<Staged>) -> Result<()> {
        let mut folders = Vec::new();
        for file in staged {
            folders.extend(file.target().parent().map(Path::to_owned));
            file.commit()?;
            self.step(Step::Replaced);
        }
        folders.sort_unstable();
        folders.dedup();
        folders.iter().try_for_each(|folder| sync(folder))?;
        self.step(Step::Synced);
        Ok(())
    }

    /// Reads back what was written: it must be for exactly the recipients and, where a key is at hand
    /// that nobody must be asked for, hold the value.
    fn verify(&self, staged: &Staged, stored: &Secret, recipients: &[Certificate]) -> Result<()> {
        let failed = |why: String| VaultError::NotVerified { path: staged.target().to_owned(), why };
        let bytes = std::fs::read(staged.path()).map_err(|error| failed(error.to_string()))?;
        if bytes.len() as u64 > self.largest + OVERHEAD {
            return Err(failed("it is too large".to_owned()));
        }
        let handles = message::recipients(&bytes, staged.target()).map_err(|error| failed(error.to_string()))?;
        if !is_for_exactly(&handles, recipients)? {
            return Err(failed("it is not encrypted to exactly the recipients".to_owned()));
        }
        match self.keys.decrypt_with_files(&bytes, staged.target(), self.largest + LINE_END) {
            Ok(back) if back == *stored => Ok(()),
            Ok(_) => Err(failed("it holds another value".to_owned())),
            Err(error) if error.is_locked() => Ok(()),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    pub(super) fn write_certificate(&self, certificate: &Certificate, _lock: &Lock) -> Result<()> {
        let file = public_key_file(&certificate.fingerprint());
        let staged = self.folder.stage(&file, &certificate.armoured()?)?;
        self.commit(vec![staged])?;
        self.step(Step::Certified);
        Ok(())
    }

    pub(super) fn write_list(&self, file: &Path, list: &RecipientList, _lock: &Lock) -> Result<()> {
        let staged = self.folder.stage(file, list.to_string().as_bytes())?;
        self.commit(vec![staged])?;
        self.step(Step::Listed);
        Ok(())
    }

    /// Decrypts what a file holds, for re-encrypting it.
    pub(super) fn plain(&self, name: &SecretName) -> Result<Secret> {
        self.stored(name, Prompting::Allowed)
    }
}

/// Whether a message names the present subkey of each recipient, and nobody else.
pub(super) fn is_for_exactly(handles: &[KeyHandle], recipients: &[Certificate]) -> Result<bool> {
    if handles.len() != recipients.len() {
        return Ok(false);
    }
    for recipient in recipients {
        let key = recipient.encryption_key()?.key().key_handle();
        if !handles.iter().any(|handle| handle.aliases(&key)) {
            return Ok(false);
        }
    }
    Ok(true)
}
