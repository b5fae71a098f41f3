//! Encrypting secrets anew: on all cores, and none is replaced before all are ready.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::audience::{Audience, Lapse};
use super::{Vault, folder_of};
use crate::error::{Lapsed, VaultError};
use crate::folder::{Lock, Staged};
use crate::{Certificate, RecipientList, Result, SecretName};

/// Which secrets were encrypted anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reencrypted {
    /// Their names, sorted.
    pub names: Vec<SecretName>,
    /// How many were as they should be already.
    pub untouched: usize,
    /// Recipients that nothing could be encrypted to: they cannot read what was encrypted anew.
    pub left_out: Vec<Lapsed>,
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
    /// What becomes of others that nothing can be encrypted to.
    pub(super) lapse: Lapse,
}

/// Secrets of one list of recipients.
struct Group {
    audience: Audience,
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

    /// As [`Vault::repair`] for one list of recipients, without those that nothing can be encrypted
    /// to: for taking away what somebody can read who is on no list any more.
    ///
    /// # Errors
    /// When one cannot be decrypted or encrypted: then nothing is changed.
    pub fn repair_without_lapsed(&self, file: &Path, list: &RecipientList) -> Result<Reencrypted> {
        let lock = self.folder.lock()?;
        let same = NewList { file, list, joining: None, lapse: Lapse::LeaveOut };
        self.reencrypt(Which::Differing, Some(&same), None, &lock)
    }

    pub(super) fn reencrypt(
        &self,
        which: Which,
        new: Option<&NewList<'_>>,
        threads: Option<NonZeroUsize>,
        _lock: &Lock,
    ) -> Result<Reencrypted> {
        let lapse = new.map_or(Lapse::Refuse, |new| new.lapse);
        let groups = self.groups(new)?;
        let left_out = lapsed_of(&groups);
        if lapse == Lapse::Refuse && !left_out.is_empty() {
            return Err(VaultError::Unusable(left_out));
        }
        let all: usize = groups.iter().map(|group| group.names.len()).sum();
        let mut jobs = Vec::new();
        for group in &groups {
            for name in &group.names {
                if which == Which::All || !group.audience.is_served_by(self.handles(name)?)? {
                    jobs.push((name, group.audience.usable.as_slice()));
                }
            }
        }
        let staged = self.stage_all(&jobs, threads)?;
        self.commit(staged)?;
        let mut names: Vec<SecretName> = jobs.into_iter().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        Ok(Reencrypted { untouched: all - names.len(), names, left_out })
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
            let audience = match new {
                Some(new) if new.file == file => self.audience(new.list, &file, new.joining, new.lapse)?,
                Some(_) => continue,
                None => self.audience(&self.recipients(&folder_of(&name))?.1, &file, None, Lapse::Refuse)?,
            };
            groups.push((file, Group { audience, names: vec![name] }));
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

/// Those of all groups that nothing can be encrypted to, each once.
fn lapsed_of(groups: &[Group]) -> Vec<Lapsed> {
    let mut found: Vec<Lapsed> = Vec::new();
    for lapsed in groups.iter().flat_map(|group| &group.audience.lapsed) {
        if !found.iter().any(|known| known.who == lapsed.who) {
            found.push(lapsed.clone());
        }
    }
    found
}

fn put<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(item);
}
