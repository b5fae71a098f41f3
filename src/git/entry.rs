//! Entries of an index that come from memory rather than from a file on disk.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{IndexEntry, IndexTime, Oid};

/// The mode of a file that is only read.
pub(super) const FILE: u32 = 0o100_644;
/// That of one that may be run.
pub(super) const PROGRAM: u32 = 0o100_755;
/// That of a symbolic link.
pub(super) const LINK: u32 = 0o120_000;

/// What is at a path.
pub(super) fn entry(path: &Path, mode: u32, id: Oid) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_os_str().as_bytes().to_owned(),
    }
}
