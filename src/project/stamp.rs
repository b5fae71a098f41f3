//! Whether a file is as it was when it was read, without reading it again.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long ago a file was changed at least: another change at once could leave its stamp as it is.
const SETTLED: Duration = Duration::from_millis(100);

/// What changes of a file or folder whenever what is in it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    length: u64,
    changed: SystemTime,
}

impl Stamp {
    /// That of a file or folder; none if its clock shows what no clock does.
    pub fn of(about: &Metadata) -> Option<Self> {
        let (seconds, nanos) = (u64::try_from(about.ctime()).ok()?, u32::try_from(about.ctime_nsec()).ok()?);
        let changed = UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))?;
        Some(Self { inode: about.ino(), length: about.len(), changed })
    }

    /// Whether every later change than at this time leaves another stamp.
    pub fn is_settled(&self, at: SystemTime) -> bool {
        at.duration_since(self.changed).is_ok_and(|ago| ago > SETTLED)
    }
}
