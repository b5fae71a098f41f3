//! Telling a file from others, whatever its name.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use serde::Deserialize;

/// How a file is told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Strategy {
    /// By its first lines.
    Checksum {
        /// How many; a file with fewer is not read yet.
        #[serde(default = "one")]
        lines: usize,
        /// So many bytes at the start do not count.
        #[serde(default)]
        ignored_header_bytes: u64,
    },
    /// By its place on the disk.
    #[serde(alias = "dev_and_inode")]
    DeviceAndInode,
}

fn one() -> usize {
    1
}

impl Default for Strategy {
    fn default() -> Self {
        Self::Checksum { lines: 1, ignored_header_bytes: 0 }
    }
}

/// First lines are looked at up to so many bytes.
const MOST: u64 = 1024 * 1024;
/// The beginning that is compared when fingerprints are equal, in bytes.
pub(super) const BEGINNING: u64 = 4096;

/// A file's place on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Place {
    pub(super) fn of(meta: &std::fs::Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino() }
    }
}

impl Strategy {
    /// What tells this file from others; none if it does not hold enough yet.
    pub(super) fn fingerprint(self, file: &File, place: Place) -> io::Result<Option<u64>> {
        match self {
            Self::DeviceAndInode => Ok(Some(place.device.rotate_left(32) ^ place.inode)),
            Self::Checksum { lines, ignored_header_bytes } => first_lines(file, lines, ignored_header_bytes),
        }
    }
}

fn first_lines(file: &File, lines: usize, skip: u64) -> io::Result<Option<u64>> {
    let mut hasher = crc32fast::Hasher::new();
    let (mut at, mut left) = (skip, lines.max(1));
    let mut buffer = [0; 8192];
    while at < skip + MOST {
        let read = file.read_at(&mut buffer, at)?;
        if read == 0 {
            return Ok(None);
        }
        for end in memchr::memchr_iter(b'\n', &buffer[..read]) {
            left -= 1;
            if left == 0 {
                hasher.update(&buffer[..=end]);
                return Ok(Some(hasher.finalize().into()));
            }
        }
        hasher.update(&buffer[..read]);
        at += read as u64;
    }
    // A first line of that length tells files apart as well as a whole one.
    Ok(Some(hasher.finalize().into()))
}

/// The checksum of the first `length` bytes; none if the file is shorter.
pub(super) fn beginning(file: &File, length: u64) -> io::Result<Option<u32>> {
    let mut buffer = vec![0; length.min(BEGINNING) as usize];
    match file.read_exact_at(&mut buffer, 0) {
        Ok(()) => Ok(Some(crc32fast::hash(&buffer))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(strategy: Strategy, text: &str) -> Option<u64> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        strategy.fingerprint(file.as_file(), Place { device: 1, inode: 2 }).unwrap()
    }

    #[test]
    fn the_first_line_tells_files_apart_once_it_is_whole() {
        let strategy = Strategy::default();
        assert_eq!(fingerprint(strategy, "first"), None);
        assert_eq!(fingerprint(strategy, "first\n"), fingerprint(strategy, "first\nsecond\n"));
        assert_ne!(fingerprint(strategy, "first\n"), fingerprint(strategy, "other\n"));
        let long = "x".repeat(20_000);
        assert_eq!(fingerprint(strategy, &format!("{long}\n")), fingerprint(strategy, &format!("{long}\nmore")));
    }

    #[test]
    fn more_lines_and_a_header_to_skip() {
        let strategy = Strategy::Checksum { lines: 2, ignored_header_bytes: 2 };
        assert_eq!(fingerprint(strategy, "# a\n"), None);
        assert_eq!(fingerprint(strategy, "#1a\nb\nc"), fingerprint(strategy, "#2a\nb\n"));
    }
}
