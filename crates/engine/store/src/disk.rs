//! What the store asks of the file system, in one place, so that tests can make it fail.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// The file system under the data folder.
pub(crate) trait Disk: Send + Sync + std::fmt::Debug {
    /// Bytes an ordinary user may still write.
    fn free(&self, folder: &Path) -> io::Result<u64>;

    /// Writes at the end of a file, all or an error.
    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()>;

    /// Makes what is in a file survive a power loss.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Called before an index writes a segment; an error makes that fail.
    fn before_commit(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The real one.
#[derive(Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn free(&self, folder: &Path) -> io::Result<u64> {
        let stat = nix::sys::statvfs::statvfs(folder)?;
        Ok(stat.blocks_available() as u64 * stat.fragment_size() as u64)
    }

    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }
}

/// Replaces a file in one step: after a power loss there is the old or the new content.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Bytes of all files below a folder.
pub(crate) fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// A disk that tests can fill.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct TestDisk {
    pub(crate) full: std::sync::atomic::AtomicBool,
    pub(crate) fail_commits: std::sync::atomic::AtomicBool,
    pub(crate) low: std::sync::atomic::AtomicBool,
    pub(crate) fail_syncs: std::sync::atomic::AtomicBool,
    /// How often a sync succeeded.
    pub(crate) synced: std::sync::atomic::AtomicUsize,
}

#[cfg(test)]
impl Disk for TestDisk {
    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(if self.low.load(std::sync::atomic::Ordering::SeqCst) { 1000 } else { u64::MAX })
    }

    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if self.full.load(std::sync::atomic::Ordering::SeqCst) {
            // As a real disk does: a part is written before it is full.
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.fail_syncs.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(io::Error::other("a test"));
        }
        self.synced.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        file.sync_data()
    }

    fn before_commit(&self) -> io::Result<()> {
        if self.fail_commits.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}
