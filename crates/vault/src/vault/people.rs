//! Letting people in and out.

use std::path::{Path, PathBuf};

use super::reencrypt::{NewList, Reencrypted, Which};
use super::{PUBLIC_KEYS, Vault, public_key_file};
use crate::error::VaultError;
use crate::folder::Lock;
use crate::recipients::FILE_NAME;
use crate::{Certificate, Fingerprint, RecipientId, RecipientList, Result};

impl Vault {
    /// Lets somebody in: encrypts the secrets of a folder (the whole vault: an empty path) to one
    /// more. A folder without a list of its own gets one, which starts from the one above. Doing it
    /// again finishes what was stopped.
    ///
    /// # Errors
    /// When a secret cannot be re-encrypted: then nothing is changed.
    pub fn add_recipient(&self, folder: &Path, certificate: &Certificate) -> Result<Reencrypted> {
        certificate.encryption_key()?;
        let lock = self.folder.lock()?;
        let (file, mut list) = self.list_of(folder)?;
        list.add(&certificate.fingerprint());
        self.write_certificate(certificate, &lock)?;
        self.publish(&list, &lock)?;
        let new = NewList { file: &file, list: &list, joining: Some(certificate) };
        let done = self.reencrypt(Which::Differing, Some(&new), None, &lock)?;
        self.write_list(&file, &list, &lock)?;
        Ok(done)
    }

    /// Takes somebody out. What they could read before stays known to them. Doing it again finishes
    /// what was stopped.
    ///
    /// # Errors
    /// When they are no recipient, or the last one, or a secret cannot be re-encrypted: then nothing
    /// is changed.
    pub fn remove_recipient(&self, folder: &Path, fingerprint: &Fingerprint) -> Result<Reencrypted> {
        let lock = self.folder.lock()?;
        let (file, mut list) = self.list_of(folder)?;
        if !list.contains(fingerprint) {
            return Err(VaultError::NotARecipient(fingerprint.clone()));
        }
        list.remove(fingerprint);
        if list.ids().next().is_none() {
            return Err(VaultError::LastRecipient(fingerprint.clone()));
        }
        let new = NewList { file: &file, list: &list, joining: None };
        let done = self.reencrypt(Which::Differing, Some(&new), None, &lock)?;
        self.write_list(&file, &list, &lock)?;
        if !self.is_listed(fingerprint)? && self.folder.at(&public_key_file(fingerprint))?.is_file() {
            self.folder.remove(&public_key_file(fingerprint))?;
        }
        Ok(done)
    }

    /// Puts a certificate where members find it, without letting anybody in: a request for access.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn request(&self, certificate: &Certificate) -> Result<()> {
        let lock = self.folder.lock()?;
        self.write_certificate(certificate, &lock)
    }

    /// Those whose certificates are here, but who are no recipients: they ask for access.
    ///
    /// # Errors
    /// When a list or a certificate cannot be read.
    pub fn requests(&self) -> Result<Vec<Certificate>> {
        let lists = self.lists()?;
        let known = self.folder.files_in(Path::new(PUBLIC_KEYS))?;
        let known = known.iter().filter_map(|name| name.to_str()?.parse::<Fingerprint>().ok());
        let waiting = known.filter(|known| !lists.iter().any(|(_, list)| list.contains(known)));
        waiting.map(|fingerprint| self.certificate(&fingerprint)).collect()
    }

    /// Puts the certificates of a list that are known here, from GnuPG say, where everybody has them.
    fn publish(&self, list: &RecipientList, lock: &Lock) -> Result<()> {
        for id in list.ids() {
            let RecipientId::Fingerprint(fingerprint) = id else { continue };
            if !self.folder.at(&public_key_file(&fingerprint))?.is_file() {
                self.write_certificate(&self.certificate(&fingerprint)?, lock)?;
            }
        }
        Ok(())
    }

    /// The list that is a folder's own, or will be.
    fn list_of(&self, folder: &Path) -> Result<(PathBuf, RecipientList)> {
        Ok((folder.join(FILE_NAME), self.recipients(folder)?.1))
    }

    /// All lists of recipients, with their paths below the vault; the vault's own first.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn lists(&self) -> Result<Vec<(PathBuf, RecipientList)>> {
        let mut folders = vec![PathBuf::new()];
        for found in self.folder.walk()? {
            folders.extend(found.path.ancestors().skip(1).map(Path::to_owned));
        }
        folders.sort_unstable();
        folders.dedup();
        let mut lists = Vec::new();
        for folder in folders {
            let file = folder.join(FILE_NAME);
            if let Some(text) = self.folder.text(&file)? {
                lists.push((file, RecipientList::parse(&text)));
            }
        }
        Ok(lists)
    }

    fn is_listed(&self, fingerprint: &Fingerprint) -> Result<bool> {
        Ok(self.lists()?.iter().any(|(_, list)| list.contains(fingerprint)))
    }
}
