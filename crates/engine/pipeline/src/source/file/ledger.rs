//! How far each file was delivered, kept on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use chrono::Utc;
use serde::{Deserialize, Serialize};

use super::fingerprint::{BEGINNING, Place, beginning};

/// A file that was not seen for so long is forgotten, in seconds.
const FORGET_AFTER: i64 = 7 * 24 * 3600;

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Names the file for ever: no other file has had the id, and a line read again after a
    /// restart comes under the same one.
    pub(super) id: String,
    /// The path at which it was first seen, which stays when it is renamed.
    pub(super) path: PathBuf,
    /// What tells it from others.
    pub(super) fingerprint: u64,
    device: u64,
    inode: u64,
    /// Everything before this offset is delivered.
    pub(super) offset: u64,
    /// The checksum of so many bytes at its beginning.
    beginning: (u64, u32),
    /// When it was last seen, in seconds since 1970.
    seen: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    files: Vec<Entry>,
}

/// The entries of one source.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    entries: BTreeMap<u64, Entry>,
    next: u64,
    changed: bool,
    existed: bool,
}

/// What a file on disk turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The entry with this key, which nobody reads now.
    As(u64),
    /// A copy of a file that is being read.
    Copy,
    /// A new file.
    New,
}

/// A file on disk, opened.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) file: &'a File,
    pub(super) meta: &'a std::fs::Metadata,
    pub(super) path: &'a Path,
    pub(super) fingerprint: u64,
}

impl Ledger {
    /// Opens the ledger in `folder`, which is made if it is not there. One that is damaged is put
    /// aside: its files are then read from the beginning, and known again by the ids of their lines.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        let refused = |error: io::Error| {
            format!("cannot keep how far it has read in `{}`: {error}; make the folder writable", folder.display())
        };
        std::fs::create_dir_all(folder).map_err(refused)?;
        let path = folder.join("checkpoints.json");
        let kept = match std::fs::read(&path) {
            Ok(text) => match serde_json::from_slice::<Kept>(&text) {
                Ok(kept) if kept.version == 1 => Some(kept),
                _ => {
                    let aside = path.with_extension("damaged");
                    tracing::warn!("`{}` is damaged; it is now `{}`", path.display(), aside.display());
                    std::fs::rename(&path, aside).map_err(refused)?;
                    None
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(refused(error)),
        };
        let existed = kept.is_some();
        let entries: BTreeMap<_, _> = (0..).zip(kept.unwrap_or_default().files).collect();
        let ledger = Self { path, next: entries.len() as u64, entries, changed: true, existed };
        ledger.write().map_err(refused)?;
        Ok(ledger)
    }

    /// Whether the source has run before.
    pub(super) fn has_run_before(&self) -> bool {
        self.existed
    }

    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        self.entries.clear();
        self.changed = true;
    }

    /// The entry with this key.
    pub(super) fn get(&self, key: u64) -> Option<&Entry> {
        self.entries.get(&key)
    }

    /// Tells which file this is; `active` are the keys of those that are being read.
    pub(super) fn identify(&self, candidate: &Candidate<'_>, active: &BTreeSet<u64>) -> io::Result<Known> {
        let place = Place::of(candidate.meta);
        let mut best: Option<(u8, u64)> = None;
        let mut copy = false;
        for (key, entry) in &self.entries {
            if entry.fingerprint != candidate.fingerprint || !entry.is(candidate)? {
                continue;
            }
            if active.contains(key) {
                copy = true;
                continue;
            }
            let same_place = (entry.device, entry.inode) == (place.device, place.inode);
            let likeness = u8::from(same_place) * 2 + u8::from(entry.path == candidate.path);
            // Of equally likely ones the newest.
            best = best.max(Some((likeness, *key)));
        }
        Ok(match best {
            Some((_, key)) => Known::As(key),
            None if copy => Known::Copy,
            None => Known::New,
        })
    }

    /// Makes an entry for a new file, to be read from `offset` on.
    pub(super) fn add(&mut self, candidate: &Candidate<'_>, offset: u64) -> io::Result<u64> {
        let place = Place::of(candidate.meta);
        let length = candidate.meta.len().min(BEGINNING);
        let checksum = beginning(candidate.file, length)?;
        let key = self.next;
        self.next += 1;
        self.changed = true;
        self.entries.insert(
            key,
            Entry {
                id: self.new_id(candidate),
                path: candidate.path.to_owned(),
                fingerprint: candidate.fingerprint,
                device: place.device,
                inode: place.inode,
                offset,
                beginning: checksum.map_or((0, 0), |checksum| (length, checksum)),
                seen: Utc::now().timestamp(),
            },
        );
        Ok(key)
    }

    /// An id that no file has had: inode, time of birth (an inode is used again soon) and
    /// fingerprint, and how often the file was emptied and begun anew.
    fn new_id(&self, candidate: &Candidate<'_>) -> String {
        let born = candidate.meta.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let stem = format!(
            "{:x}-{:x}-{:x}",
            candidate.meta.ino(),
            born.map_or(0, |born| born.as_nanos()),
            candidate.fingerprint
        );
        let earlier = self.entries.values().filter_map(|entry| {
            let rest = entry.id.strip_prefix(&stem)?;
            if rest.is_empty() { Some(0) } else { rest.strip_prefix('-')?.parse::<u64>().ok() }
        });
        match earlier.max() {
            None => stem,
            Some(last) => format!("{stem}-{}", last + 1),
        }
    }

    /// Notes that the file was seen and is delivered up to `offset`.
    pub(super) fn advance(&mut self, key: u64, offset: u64, file: &File) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let now = Utc::now().timestamp();
        if entry.offset == offset && now - entry.seen < 60 {
            return;
        }
        (entry.offset, entry.seen) = (offset, now);
        let length = offset.min(BEGINNING);
        // A longer beginning tells files apart better. One that cannot be read now stays as it is.
        if length > entry.beginning.0
            && let Ok(Some(checksum)) = beginning(file, length)
        {
            entry.beginning = (length, checksum);
        }
        self.changed = true;
    }

    /// Writes what has changed to disk; what was there stays until the new is whole.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let oldest = Utc::now().timestamp() - FORGET_AFTER;
        self.entries.retain(|_, entry| entry.seen > oldest);
        self.write()?;
        self.changed = false;
        Ok(())
    }

    fn write(&self) -> io::Result<()> {
        let kept = Kept { version: 1, files: self.entries.values().cloned().collect() };
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        file.sync_data()?;
        std::fs::rename(new, &self.path)
    }
}

impl Entry {
    /// Whether the candidate, whose fingerprint is equal, holds what was read of this file.
    fn is(&self, candidate: &Candidate<'_>) -> io::Result<bool> {
        let (length, checksum) = self.beginning;
        Ok(candidate.meta.len() >= self.offset && beginning(candidate.file, length)? == Some(checksum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct OnDisk {
        file: File,
        meta: std::fs::Metadata,
        path: PathBuf,
    }

    fn on_disk(folder: &Path, name: &str, text: &str) -> OnDisk {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let file = File::open(&path).unwrap();
        OnDisk { meta: file.metadata().unwrap(), file, path }
    }

    impl OnDisk {
        fn candidate(&self) -> Candidate<'_> {
            Candidate { file: &self.file, meta: &self.meta, path: &self.path, fingerprint: 7 }
        }
    }

    #[test]
    fn a_file_is_known_again_after_a_restart_even_when_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let log = on_disk(folder.path(), "a.log", "one\ntwo\n");
        let mut ledger = Ledger::open(&folder.path().join("data")).unwrap();
        assert!(!ledger.has_run_before());
        let key = ledger.add(&log.candidate(), 0).unwrap();
        ledger.advance(key, 4, &log.file);
        ledger.keep().unwrap();
        let id = ledger.get(key).unwrap().id.clone();
        drop(ledger);

        let ledger = Ledger::open(&folder.path().join("data")).unwrap();
        assert!(ledger.has_run_before());
        let renamed = OnDisk { path: folder.path().join("a.log.1"), ..log };
        let Known::As(key) = ledger.identify(&renamed.candidate(), &BTreeSet::new()).unwrap() else { panic!() };
        let entry = ledger.get(key).unwrap();
        assert_eq!((entry.offset, entry.id.as_str(), entry.path.ends_with("a.log")), (4, id.as_str(), true));
    }

    #[test]
    fn a_copy_is_told_from_another_file_with_the_same_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let log = on_disk(folder.path(), "a.csv", "header\n1\n2\n");
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let key = ledger.add(&log.candidate(), 0).unwrap();
        let active = BTreeSet::from([key]);
        let copy = on_disk(folder.path(), "copy.csv", "header\n1\n2\n3\n");
        assert_eq!(ledger.identify(&copy.candidate(), &active).unwrap(), Known::Copy);
        let other = on_disk(folder.path(), "other.csv", "header\n8\n9\n3\n");
        assert_eq!(ledger.identify(&other.candidate(), &active).unwrap(), Known::New);
    }

    #[test]
    fn a_file_begun_anew_has_another_id() {
        let folder = tempfile::tempdir().unwrap();
        let log = on_disk(folder.path(), "a.log", "start\none\ntwo\n");
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let key = ledger.add(&log.candidate(), 0).unwrap();
        ledger.advance(key, 14, &log.file);
        // Emptied and written again by the same writer: same inode, same first line.
        std::fs::write(&log.path, "start\n").unwrap();
        let again = OnDisk { meta: log.file.metadata().unwrap(), ..log };
        assert_eq!(ledger.identify(&again.candidate(), &BTreeSet::new()).unwrap(), Known::New);
        let second = ledger.add(&again.candidate(), 0).unwrap();
        let third = ledger.add(&again.candidate(), 0).unwrap();
        let id = |key| ledger.get(key).unwrap().id.clone();
        assert_eq!((id(second), id(third)), (format!("{}-1", id(key)), format!("{}-2", id(key))));
    }

    #[test]
    fn a_damaged_ledger_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("checkpoints.json"), "{").unwrap();
        assert!(!Ledger::open(folder.path()).unwrap().has_run_before());
        assert!(folder.path().join("checkpoints.damaged").exists());
    }
}
