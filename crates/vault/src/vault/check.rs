//! Whether a vault is as it should be, and who can read what.

use std::path::{Path, PathBuf};

use sequoia_openpgp::KeyHandle;

use super::{Vault, folder_of};
use crate::error::VaultError;
use crate::message::Handles;
use crate::recipients::FILE_NAME;
use crate::{Certificate, Fingerprint, Prompting, RecipientId, Result, SecretName, Validity, message};

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// From outside: no key is used. Sees what is cut off, not what is changed.
    Outside,
    /// Opens what the keys at hand open, and asks for passphrases or not.
    Open(Prompting),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every secret, by name.
    pub entries: Vec<EntryReport>,
    /// Every recipient.
    pub keys: Vec<KeyReport>,
    /// Files that are no secrets although they look like some.
    pub strays: Vec<Stray>,
    /// What is wrong with lists of recipients.
    pub lists: Vec<String>,
}

/// One secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryReport {
    /// Its name.
    pub name: SecretName,
    /// Whom its file is encrypted to: a fingerprint, or the key id if nobody known has it.
    pub readers: Vec<String>,
    /// Whether it was decrypted in this check.
    pub opened: bool,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// What is wrong with a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is damaged, or cannot be read.
    Unreadable(String),
    /// A recipient cannot read it.
    Lacks(Fingerprint),
    /// Somebody can read it who is no recipient.
    Extra(String),
    /// It is encrypted to an old subkey of a recipient.
    OldSubkey(Fingerprint),
}

/// One recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReport {
    /// How `.gpg-id` names it.
    pub id: RecipientId,
    /// Whom it says it belongs to.
    pub user_ids: Vec<String>,
    /// Whether something can be encrypted to it.
    pub validity: Validity,
    /// The lists it is in, below the vault.
    pub lists: Vec<PathBuf>,
}

/// A file that is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Its path below the vault.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

impl EntryReport {
    /// Whether its file is damaged, or cannot be read.
    pub fn is_unreadable(&self) -> bool {
        self.findings.iter().any(|found| matches!(found, Finding::Unreadable(_)))
    }
}

impl Report {
    /// Whether nothing is wrong now; keys that expire soon are not.
    pub fn is_good(&self) -> bool {
        let key_is_good = |key: &KeyReport| matches!(key.validity, Validity::Good(_) | Validity::EndsSoon(_));
        self.entries.iter().all(|entry| entry.findings.is_empty())
            && self.keys.iter().all(key_is_good)
            && self.strays.is_empty()
            && self.lists.is_empty()
    }
}

impl Vault {
    /// Looks at everything.
    ///
    /// # Errors
    /// When the folder cannot be listed, it is no vault, a passphrase that is given is wrong, or
    /// passphrases may be asked for and one that is needed is not given.
    pub fn check(&self, depth: Depth) -> Result<Report> {
        if !self.exists()? {
            return Err(VaultError::NoVault(self.path().to_owned()));
        }
        let keys = self.key_reports()?;
        let known: Vec<Certificate> = keys
            .iter()
            .filter_map(|key| match &key.id {
                RecipientId::Fingerprint(fingerprint) => self.certificate(fingerprint).ok(),
                RecipientId::Vague(_) => None,
            })
            .collect();
        let names = self.names()?.into_iter();
        let entries = names.map(|name| self.check_entry(name, &known, depth)).collect::<Result<_>>()?;
        let lists = self.lists()?;
        let empty = lists.iter().filter(|(_, list)| list.ids().next().is_none());
        let lists = empty.map(|(file, _)| format!("`{}` names no recipient", file.display())).collect();
        Ok(Report { entries, keys, strays: self.strays()?, lists })
    }

    /// Every recipient of every list.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn key_reports(&self) -> Result<Vec<KeyReport>> {
        let mut reports: Vec<KeyReport> = Vec::new();
        for (file, list) in self.lists()? {
            for id in list.ids() {
                if let Some(known) = reports.iter_mut().find(|known| known.id == id) {
                    known.lists.push(file.clone());
                    continue;
                }
                let (user_ids, validity) = match &id {
                    RecipientId::Vague(_) => {
                        let why = format!("`{FILE_NAME}` does not name it by its fingerprint");
                        (Vec::new(), Validity::Unusable(why))
                    }
                    RecipientId::Fingerprint(fingerprint) => match self.certificate(fingerprint) {
                        Ok(found) => (found.user_ids(), found.validity()),
                        Err(error) => (Vec::new(), Validity::Unusable(error.to_string())),
                    },
                };
                reports.push(KeyReport { id, user_ids, validity, lists: vec![file.clone()] });
            }
        }
        Ok(reports)
    }

    /// Whom the file of a secret names.
    ///
    /// # Errors
    /// When there is no such secret, or it is damaged.
    pub fn handles(&self, name: &SecretName) -> Result<Handles> {
        Handles::of(&self.encrypted(name)?, &self.file(name))
    }

    /// Whom the file of a secret is encrypted to, as [`EntryReport::readers`].
    ///
    /// # Errors
    /// When there is no such secret, or it is damaged.
    pub fn readers(&self, name: &SecretName) -> Result<Vec<String>> {
        let handles = message::recipients(&self.encrypted(name)?, &self.file(name))?;
        Ok(readers(&handles, &self.known()?))
    }

    /// Whom a message is encrypted to, with their names as far as they are known.
    pub(super) fn known_readers(&self, bytes: &[u8], path: &Path) -> Result<Vec<String>> {
        let known = self.known()?;
        let named = |reader: String| {
            let owner = known.iter().find(|one| one.fingerprint().to_hex() == reader);
            let id = owner.and_then(|one| one.user_ids().into_iter().next());
            id.map_or_else(|| reader.clone(), |id| format!("{reader} ({id})"))
        };
        Ok(readers(&message::recipients(bytes, path)?, &known).into_iter().map(named).collect())
    }

    /// The certificates of all recipients that are known.
    fn known(&self) -> Result<Vec<Certificate>> {
        let lists = self.lists()?;
        let ids = lists.iter().flat_map(|(_, list)| list.ids());
        Ok(ids
            .filter_map(|id| match id {
                RecipientId::Fingerprint(fingerprint) => self.certificate(&fingerprint).ok(),
                RecipientId::Vague(_) => None,
            })
            .collect())
    }

    fn check_entry(&self, name: SecretName, known: &[Certificate], depth: Depth) -> Result<EntryReport> {
        let mut report = EntryReport { name, readers: Vec::new(), opened: false, findings: Vec::new() };
        let name = &report.name;
        let handles = self.encrypted(name).and_then(|bytes| message::recipients(&bytes, &self.file(name)));
        let handles = match handles {
            Ok(handles) => handles,
            Err(error) => {
                report.findings.push(Finding::Unreadable(error.to_string()));
                return Ok(report);
            }
        };
        report.readers = readers(&handles, known);
        report.findings = self.compare(name, &handles, &report.readers, known);
        if let Depth::Open(prompting) = depth {
            match self.stored(name, prompting) {
                Ok(_) => report.opened = true,
                // Who gives a passphrase has to hear that it does not fit; who asks for all to be opened,
                // that they were not, though a key is here.
                Err(error @ VaultError::WrongPassphrase { .. }) => return Err(error),
                Err(error @ VaultError::NoPassphrase { .. }) if prompting == Prompting::Allowed => return Err(error),
                Err(error) if error.is_locked() => {}
                Err(error) => report.findings.push(Finding::Unreadable(error.to_string())),
            }
        }
        Ok(report)
    }

    /// Whether a secret is for exactly its recipients.
    fn compare(
        &self,
        name: &SecretName,
        handles: &[KeyHandle],
        readers: &[String],
        known: &[Certificate],
    ) -> Vec<Finding> {
        let list = match self.recipients(&folder_of(name)) {
            Ok((_, list)) => list,
            Err(error) => return vec![Finding::Unreadable(error.to_string())],
        };
        let wanted: Vec<Fingerprint> = list
            .ids()
            .filter_map(|id| match id {
                RecipientId::Fingerprint(fingerprint) => Some(fingerprint),
                RecipientId::Vague(_) => None,
            })
            .collect();
        let mut findings = Vec::new();
        for fingerprint in &wanted {
            let Some(certificate) = known.iter().find(|known| known.fingerprint() == *fingerprint) else { continue };
            let current = certificate.encryption_key().map(|key| key.key().key_handle());
            if !handles.iter().any(|handle| certificate.owns(handle)) {
                findings.push(Finding::Lacks(fingerprint.clone()));
            } else if current.is_ok_and(|key| !handles.iter().any(|handle| handle.aliases(&key))) {
                findings.push(Finding::OldSubkey(fingerprint.clone()));
            }
        }
        let extra = readers.iter().filter(|reader| !wanted.iter().any(|wanted| wanted.to_hex() == **reader));
        findings.extend(extra.cloned().map(Finding::Extra));
        findings
    }

    fn strays(&self) -> Result<Vec<Stray>> {
        let mut strays = Vec::new();
        for found in self.folder.walk()? {
            if found.kind.is_symlink() {
                strays.push(Stray { path: found.path, why: "a symbolic link, which is not followed".to_owned() });
                continue;
            }
            match SecretName::of_file(&found.path) {
                Some(Err(error)) => strays.push(Stray { path: found.path, why: error.to_string() }),
                Some(Ok(_)) if found.kind.is_file() => {}
                Some(Ok(_)) => strays.push(Stray { path: found.path, why: "no ordinary file".to_owned() }),
                None => {}
            }
        }
        Ok(strays)
    }
}

/// The fingerprints of those that are meant, or the key ids of strangers.
fn readers(handles: &[KeyHandle], known: &[Certificate]) -> Vec<String> {
    let of = |handle: &KeyHandle| {
        let owner = known.iter().find(|known| known.owns(handle));
        owner.map_or_else(|| handle.to_hex(), |owner| owner.fingerprint().to_hex())
    };
    handles.iter().map(of).collect()
}
