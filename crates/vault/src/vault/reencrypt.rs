//! Encrypting secrets anew: on all cores, and none is replaced before all are ready.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::write::is_for_exactly;
use super::{Vault, folder_of};
use crate::error::VaultError;
use crate::folder::{Lock, Staged};
use crate::{Certificate, RecipientList, Result, SecretName, message};

/// Which secrets were encrypted anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reencrypted {
    /// Their names, sorted.
    pub names: Vec<SecretName>,
    /// How many were as they should be already.
    pub untouched: usize,
}

/// Which secrets to encrypt anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All.
    All,
    /// Those that are not for exactly the recipients, by their present subkeys.
    Differing,
}

/// A list of recipients that is not written yet.
#[derive(Debug)]
pub(super) struct NewList<'a> {
    /// Its file, below the vault.
    pub(super) file: &'a Path,
    /// What it will be.
    pub(super) list: &'a RecipientList,
    /// The certificate of one that is new.
    pub(super) joining: Option<&'a Certificate>,
}

/// Secrets of one list of recipients.
struct Group {
    recipients: Vec<Certificate>,
    names: Vec<SecretName>,
}

impl Vault {
    /// Encrypts all secrets anew, to the present subkeys of their recipients, with fresh session
    /// keys. Nothing is replaced before all of them are ready; when it is stopped half-way, each is
    /// readable in its old or its new form, and the next time does the rest.
    ///
    /// # Errors
    /// When one cannot be decrypted or encrypted: then nothing is changed.
    pub fn rotate(&self, threads: Option<NonZeroUsize>) -> Result<Reencrypted> {
        let lock = self.folder.lock()?;
        self.reencrypt(Which::All, None, threads, &lock)
    }

    /// Encrypts those secrets anew that are not for exactly their present recipients.
    ///
    /// # Errors
    /// When one cannot be decrypted or encrypted: then nothing is changed.
    pub fn repair(&self) -> Result<Reencrypted> {
        let lock = self.folder.lock()?;
        self.reencrypt(Which::Differing, None, None, &lock)
    }

    pub(super) fn reencrypt(
        &self,
        which: Which,
        new: Option<&NewList<'_>>,
        threads: Option<NonZeroUsize>,
        _lock: &Lock,
    ) -> Result<Reencrypted> {
        let groups = self.groups(new)?;
        let all: usize = groups.iter().map(|group| group.names.len()).sum();
        let mut jobs = Vec::new();
        for group in &groups {
            for name in &group.names {
                if which == Which::All || !self.is_current(name, &group.recipients)? {
                    jobs.push((name, group.recipients.as_slice()));
                }
            }
        }
        let staged = self.stage_all(&jobs, threads)?;
        self.commit(staged)?;
        let mut names: Vec<SecretName> = jobs.into_iter().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        Ok(Reencrypted { untouched: all - names.len(), names })
    }

    /// The secrets by their lists of recipients. With a new list, only those it is for.
    fn groups(&self, new: Option<&NewList<'_>>) -> Result<Vec<Group>> {
        let mut groups: Vec<(PathBuf, Group)> = Vec::new();
        for name in self.names()? {
            let file = self.list_for(&name, new)?;
            if let Some((_, group)) = groups.iter_mut().find(|(known, _)| *known == file) {
                group.names.push(name);
                continue;
            }
            let recipients = match new {
                Some(new) if new.file == file => self.certificates_of_new(new)?,
                Some(_) => continue,
                None => self.certificates_of(&folder_of(&name))?,
            };
            groups.push((file, Group { recipients, names: vec![name] }));
        }
        Ok(groups.into_iter().map(|(_, group)| group).collect())
    }

    /// The `.gpg-id` that a secret goes by, or will.
    fn list_for(&self, name: &SecretName, new: Option<&NewList<'_>>) -> Result<PathBuf> {
        let (present, _) = self.recipients(&folder_of(name))?;
        let Some(new) = new else { return Ok(present) };
        let scope = new.file.parent().unwrap_or(Path::new(""));
        let nearer = present.parent().is_some_and(|folder| folder.starts_with(scope) && folder != scope);
        Ok(if name.file().starts_with(scope) && !nearer { new.file.to_owned() } else { present })
    }

    fn certificates_of_new(&self, new: &NewList<'_>) -> Result<Vec<Certificate>> {
        let found = new.list.fingerprints(&self.folder.root().join(new.file))?;
        found
            .iter()
            .map(|fingerprint| match new.joining {
                Some(joining) if joining.fingerprint() == *fingerprint => Ok(joining.clone()),
                _ => self.certificate(fingerprint),
            })
            .collect()
    }

    fn is_current(&self, name: &SecretName, recipients: &[Certificate]) -> Result<bool> {
        let handles = message::recipients(&self.encrypted(name)?, &self.file(name))?;
        is_for_exactly(&handles, recipients)
    }

    /// Writes the new files of all of them beside the old ones.
    fn stage_all(&self, jobs: &[(&SecretName, &[Certificate])], threads: Option<NonZeroUsize>) -> Result<Vec<Staged>> {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = threads.unwrap_or(cores).get().min(jobs.len());
        let next = AtomicUsize::new(0);
        let (staged, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let work = || {
            while let Some((name, recipients)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let done = self.plain(name).and_then(|plain| self.stage(name, &plain, recipients));
                match done {
                    Ok(file) => put(&staged, file),
                    Err(error) => put(&failed, error),
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        let failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if failed.is_empty() {
            Ok(staged.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
        } else {
            Err(VaultError::Several(failed))
        }
    }
}

fn put<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(item);
}
