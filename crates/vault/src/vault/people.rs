//! Letting people in and out.

use std::path::{Path, PathBuf};

use super::audience::Lapse;
use super::reencrypt::{NewList, Reencrypted, Which};
use super::{PUBLIC_KEYS, Vault, public_key_file};
use crate::error::VaultError;
use crate::folder::Lock;
use crate::recipients::FILE_NAME;
use crate::{Certificate, Fingerprint, RecipientId, RecipientList, Result};

impl Vault {
    /// Lets somebody in: encrypts the secrets of a folder (the whole vault: an empty path) to one
    /// more. A folder without a list of its own gets one, which starts from the one above. Doing it
    /// again finishes what was stopped. One who is in already brings a renewed key.
    ///
    /// # Errors
    /// When a secret cannot be re-encrypted: then nothing is changed.
    pub fn add_recipient(&self, folder: &Path, certificate: &Certificate) -> Result<Reencrypted> {
        let certificate = &self.published(certificate)?;
        certificate.encryption_key()?;
        let lock = self.folder.lock()?;
        let (file, mut list) = self.list_of(folder)?;
        // A renewed key helps, whoever else has lapsed.
        let lapse = if list.contains(&certificate.fingerprint()) { Lapse::LeaveOut } else { Lapse::Refuse };
        list.add(&certificate.fingerprint());
        let audience = self.audience(&list, &file, Some(certificate), lapse)?;
        if lapse == Lapse::Refuse {
            audience.whole()?;
        }
        self.write_certificate(certificate, &lock)?;
        self.publish(&list, &lock)?;
        let new = NewList { file: &file, list: &list, joining: Some(certificate), lapse };
        let done = self.reencrypt(Which::Differing, Some(&new), None, &lock)?;
        self.write_list(&file, &list, &lock)?;
        Ok(done)
    }

    /// Takes somebody out. What they could read before stays known to them. Doing it again finishes
    /// what was stopped. Others that nothing can be encrypted to do not hinder it: they lose what has
    /// to be encrypted anew, which [`Reencrypted::left_out`] tells, until they renew their keys.
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
        let new = NewList { file: &file, list: &list, joining: None, lapse: Lapse::LeaveOut };
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
                match self.certificate(&fingerprint) {
                    Ok(certificate) => self.write_certificate(&certificate, lock)?,
                    // Whoever cannot do without it says so.
                    Err(VaultError::NoCertificate(_)) => {}
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(())
    }

    /// A certificate with what the vault has of it besides: its older subkeys tell who can read what.
    fn published(&self, certificate: &Certificate) -> Result<Certificate> {
        match self.certificate(&certificate.fingerprint()) {
            Ok(known) => Ok(known.merged(certificate.clone())),
            Err(VaultError::NoCertificate(_) | VaultError::NoCertificateIn { .. }) => Ok(certificate.clone()),
            Err(other) => Err(other),
        }
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
        let mut lists = Vec::new();
        // Those without a secret too: the list is there before the first one is.
        for folder in self.folder.folders()? {
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
