//! What providers answered, kept in memory and on disk.
//!
//! On disk an entry is a file, named by a hash of type and indicator (so a name and an address
//! can never share one), written whole or not at all. It says itself what it is about and since
//! when; one that does not is as good as absent. The folder is bounded: when it outgrows its
//! size, the oldest entries go.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lru::LruCache;
use parking_lot::Mutex;
use resilmesh_relay::id::hex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::files::replace;
use crate::indicator::Indicator;

/// Answers kept in memory (Silent Push objects are some kB each).
const IN_MEMORY: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// How long answers hold, and how much room they may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long an answer holds.
    pub age: Duration,
    /// How long "not known there" holds.
    pub nothing_age: Duration,
    /// Bytes on disk.
    pub bytes: u64,
}

/// An answer as it came: an object, or none if the indicator is not known there.
pub type Item = Option<Map<String, Value>>;

/// The entries on disk. All calls block on the disk.
pub struct DiskCache {
    folder: PathBuf,
    limits: Limits,
    bytes: AtomicU64,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    version: u32,
    r#type: String,
    indicator: String,
    /// Seconds since 1970.
    stored: u64,
    item: Item,
}

const VERSION: u32 = 1;

impl DiskCache {
    /// Opens the folder, which is made if it is missing, and clears out what has expired.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path, limits: Limits) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let cache = Self { folder: folder.to_owned(), limits, bytes: AtomicU64::new(0) };
        cache.sweep(SystemTime::now())?;
        Ok(cache)
    }

    /// The answer stored for an indicator, and until when it holds, unless it has expired at `now`.
    pub fn get(&self, indicator: &Indicator, now: SystemTime) -> Option<(Item, SystemTime)> {
        let bytes = std::fs::read(self.file_of(indicator)).ok()?;
        let entry: Entry = serde_json::from_slice(&bytes).ok()?;
        let is_it = entry.version == VERSION
            && entry.r#type == indicator.kind().name()
            && entry.indicator == indicator.to_string();
        let stored = UNIX_EPOCH + Duration::from_secs(entry.stored);
        // An entry from the future (the clock was set back) would hold for ever.
        let holds_until = stored + self.age_of(&entry.item);
        (is_it && stored <= now + Duration::from_secs(60) && now < holds_until).then_some((entry.item, holds_until))
    }

    /// Stores an answer; answers until when it holds.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, indicator: &Indicator, item: &Item, now: SystemTime) -> io::Result<SystemTime> {
        let entry = Entry {
            version: VERSION,
            r#type: indicator.kind().name().to_owned(),
            indicator: indicator.to_string(),
            stored: now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            item: item.clone(),
        };
        let bytes = serde_json::to_vec(&entry)?;
        let file = self.file_of(indicator);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        replace(&file, &bytes)?;
        // A replaced entry is counted twice until the next sweep counts anew.
        let total = self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed) + bytes.len() as u64;
        if total > self.limits.bytes {
            self.sweep(now)?;
        }
        Ok(now + self.age_of(item))
    }

    fn age_of(&self, item: &Item) -> Duration {
        if item.is_some() { self.limits.age } else { self.limits.nothing_age }
    }

    /// Removes what is older than any answer holds, and then, if it is still too much, the oldest
    /// until nine tenths of the allowed size are left.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn sweep(&self, now: SystemTime) -> io::Result<()> {
        let longest = self.limits.age.max(self.limits.nothing_age);
        let mut kept = Vec::new();
        for shard in std::fs::read_dir(&self.folder)? {
            let Ok(files) = std::fs::read_dir(shard?.path()) else { continue };
            for file in files.flatten() {
                let Ok(meta) = file.metadata() else { continue };
                let written = meta.modified().unwrap_or(UNIX_EPOCH);
                if now.duration_since(written).is_ok_and(|age| age >= longest) {
                    remove(&file.path());
                } else {
                    kept.push((written, meta.len(), file.path()));
                }
            }
        }
        let mut total: u64 = kept.iter().map(|(_, length, _)| length).sum();
        if total > self.limits.bytes {
            kept.sort_unstable();
            for (_, length, path) in kept {
                if total <= self.limits.bytes / 10 * 9 {
                    break;
                }
                remove(&path);
                total -= length;
            }
        }
        self.bytes.store(total, Ordering::Relaxed);
        Ok(())
    }

    fn file_of(&self, indicator: &Indicator) -> PathBuf {
        let key = format!("{}\n{indicator}", indicator.kind().name());
        let hash = hex(&Sha256::digest(key.as_bytes()));
        self.folder.join(&hash[..2]).join(format!("{hash}.json"))
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "a cache entry cannot be removed");
    }
}

/// Values that hold until a time, the least recently used given up first.
pub struct MemoryCache<V>(Mutex<LruCache<Indicator, (V, SystemTime)>>);

impl<V: Clone> MemoryCache<V> {
    /// An empty one.
    pub fn new() -> Self {
        Self(Mutex::new(LruCache::new(IN_MEMORY)))
    }

    /// The value for an indicator, if it holds at `now`.
    pub fn get(&self, indicator: &Indicator, now: SystemTime) -> Option<V> {
        let mut kept = self.0.lock();
        let (value, until) = kept.get(indicator)?;
        (now < *until).then(|| value.clone())
    }

    /// Keeps a value.
    pub fn put(&self, indicator: Indicator, value: V, until: SystemTime) {
        self.0.lock().put(indicator, (value, until));
    }
}

impl<V: Clone> Default for MemoryCache<V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { age: Duration::from_secs(86_400), nothing_age: Duration::from_secs(3_600), bytes: 1 << 20 };

    fn item(n: usize) -> Item {
        Some(Map::from_iter([("n".to_owned(), n.into()), ("pad".to_owned(), "x".repeat(1_000).into())]))
    }

    fn name(n: usize) -> Indicator {
        Indicator::domain(&format!("n{n}.de")).expect("a domain")
    }

    #[test]
    fn an_answer_holds_for_its_time_and_across_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        let now = SystemTime::now();
        let cache = DiskCache::open(dir.path(), LIMITS).expect("open");
        cache.put(&name(1), &item(1), now).expect("put");
        cache.put(&name(2), &None, now).expect("put");

        let cache = DiskCache::open(dir.path(), LIMITS).expect("open again");
        let get =
            |indicator: &Indicator, later| cache.get(indicator, now + Duration::from_secs(later)).map(|(item, _)| item);
        assert_eq!(get(&name(1), 86_000), Some(item(1)));
        assert_eq!(get(&name(1), 86_400), None);
        assert_eq!(get(&name(2), 3_000), Some(None));
        assert_eq!(get(&name(2), 3_600), None);
        assert_eq!(get(&name(3), 0), None);
    }

    #[test]
    fn names_do_not_share_an_entry() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = DiskCache::open(dir.path(), LIMITS).expect("open");
        let now = SystemTime::now();
        for n in 0..50 {
            cache.put(&name(n), &item(n), now).expect("put");
        }
        for n in 0..50 {
            assert_eq!(cache.get(&name(n), now).map(|(item, _)| item), Some(item(n)));
        }
    }

    #[test]
    fn a_broken_or_foreign_entry_is_as_good_as_none() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = DiskCache::open(dir.path(), LIMITS).expect("open");
        let now = SystemTime::now();
        cache.put(&name(1), &item(1), now).expect("put");
        cache.put(&name(2), &item(2), now).expect("put");
        std::fs::copy(cache.file_of(&name(1)), cache.file_of(&name(2))).expect("copy");
        assert!(cache.get(&name(2), now).is_none());
        std::fs::write(cache.file_of(&name(1)), "{\"version\": 1").expect("write");
        assert!(cache.get(&name(1), now).is_none());
        cache.put(&name(1), &item(3), now).expect("put");
        assert!(cache.get(&name(1), now).is_some());
    }

    #[test]
    fn it_stays_within_its_size() {
        let dir = tempfile::tempdir().expect("a folder");
        let limits = Limits { bytes: 20_000, ..LIMITS };
        let cache = DiskCache::open(dir.path(), limits).expect("open");
        let now = SystemTime::now();
        for n in 0..100 {
            cache.put(&name(n), &item(n), now).expect("put");
        }
        let reopened = DiskCache::open(dir.path(), limits).expect("open");
        let bytes = reopened.bytes.load(Ordering::Relaxed);
        assert!(bytes > 0 && bytes <= 20_000, "{bytes}");
    }

    #[test]
    fn memory_forgets_what_no_longer_holds() {
        let memory = MemoryCache::new();
        let now = SystemTime::now();
        memory.put(name(1), 7, now + Duration::from_secs(10));
        assert_eq!(memory.get(&name(1), now), Some(7));
        assert_eq!(memory.get(&name(1), now + Duration::from_secs(10)), None);
    }
}
