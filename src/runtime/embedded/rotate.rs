//! Logs of bounded size whose writer is never told.
//!
//! The relay of a service has its log open for appending. To keep the log small, whole blocks at its
//! beginning are copied to `<log>.1` and then taken out of the file by the file system in one step,
//! while the relay goes on writing at the end: `FALLOC_FL_COLLAPSE_RANGE`
//! (ext4, XFS), else `FALLOC_FL_PUNCH_HOLE` (btrfs, tmpfs, ZFS), which frees the blocks and leaves
//! a hole in front. So no byte is lost, and the pieces, oldest first, put one after the other, are
//! the log. A supervisor that has gone, or a full disk, stops the rotation but never the service.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{FallocateFlags, SeekFrom, fallocate, seek};
use rustix::io::Errno;

use super::process;

/// The size at which a log is rotated.
pub(crate) const LIMIT: u64 = 10 << 20;
/// How many files a log has: the one written to, and older pieces.
pub(crate) const PIECES: usize = 3;
/// What file systems take out is a multiple of their block size; this is one of all of them.
const BLOCK: u64 = 64 << 10;
/// At most so often is the size looked at while services write.
const PAUSE: Duration = Duration::from_secs(1);

/// The last part of a path must not be a link: a cloned repository may hold one that leads to a
/// file of its reader.
pub(crate) const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// Opens a log for a service to write to.
pub(crate) fn open(log: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(NO_LINK).open(log)
}

/// The older piece number `n`, from 1 = the newest.
pub(crate) fn piece(log: &Path, n: usize) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

/// Where the content of the file begins: behind the hole that rotation may have left.
pub(crate) fn beginning(file: &File) -> io::Result<u64> {
    match seek(file, SeekFrom::Data(0)) {
        Ok(at) => Ok(at),
        // Nothing but a hole: everything was taken out.
        Err(Errno::NXIO) => Ok(file.metadata()?.len()),
        // The file system knows no holes.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Rotates the log if it has grown beyond `limit`, keeping `pieces` files. Says whether it did.
pub(crate) fn rotate(log: &Path, limit: u64, pieces: usize) -> io::Result<bool> {
    let file = OpenOptions::new().read(true).write(true).open(log)?;
    let begin = beginning(&file)?;
    let size = file.metadata()?.len();
    // The last block stays: a file cannot be collapsed to its end.
    let end = size.saturating_sub(1) / BLOCK * BLOCK;
    if size.saturating_sub(begin) <= limit || end <= begin {
        return Ok(false);
    }
    // Somebody reads: there is a next time.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Ok(false);
    }
    // First make room: the disk may be full.
    remove_if_there(&piece(log, pieces - 1))?;
    let folder = log.parent().unwrap_or(Path::new("."));
    let mut copy = tempfile::Builder::new().prefix(".rotate-").tempfile_in(folder)?;
    seek(&file, SeekFrom::Start(begin))?;
    io::copy(&mut (&file).take(end - begin), &mut copy)?;
    for n in (1..pieces - 1).rev() {
        rename_if_there(&piece(log, n), &piece(log, n + 1))?;
    }
    let newest = piece(log, 1);
    copy.persist(&newest).map_err(|error| error.error)?;
    if let Err(error) = take_out(&file, begin, end) {
        // What is still in the log must not stand in the piece as well.
        std::fs::remove_file(&newest)?;
        return Err(error);
    }
    Ok(true)
}

fn take_out(file: &File, begin: u64, end: u64) -> io::Result<()> {
    // With a hole in front, collapsing would take out the hole as well and move what follows by
    // more than was copied.
    if begin == 0 {
        match fallocate(file, FallocateFlags::COLLAPSE_RANGE, 0, end) {
            Err(Errno::OPNOTSUPP | Errno::INVAL) => {}
            other => return Ok(other?),
        }
    }
    Ok(fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, end)?)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Keeps all logs of a folder small, for ever. Sleeps while nobody writes.
pub(crate) async fn keep_small(folder: PathBuf) {
    loop {
        if let Err(error) = written_to(&folder).await {
            tracing::warn!(%error, folder = %folder.display(), "logs cannot be watched");
            tokio::time::sleep(PAUSE * 60).await;
        }
        let logs = folder.clone();
        match tokio::task::spawn_blocking(move || rotate_all(&logs)).await {
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "rotation of the logs broke"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn rotate_all(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for log in entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "log"))
    {
        if let Err(error) = rotate(&log, LIMIT, PIECES) {
            tracing::warn!(%error, log = %log.display(), "cannot be rotated and goes on growing");
        }
    }
}

/// Resolves when a file in the folder is written to.
async fn written_to(folder: &Path) -> io::Result<()> {
    let watch: OwnedFd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    inotify::add_watch(&watch, folder, WatchFlags::MODIFY | WatchFlags::ONESHOT)?;
    let watch = process::watch(watch)?;
    let _ready = watch.readable().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Command;

    use super::*;

    fn all_pieces(log: &Path, pieces: usize) -> String {
        let mut text = String::new();
        for path in (1..pieces).rev().map(|n| piece(log, n)).chain([log.to_owned()]).filter(|path| path.exists()) {
            let file = File::open(path).expect("open");
            seek(&file, SeekFrom::Start(beginning(&file).expect("beginning"))).expect("seek");
            (&file).read_to_string(&mut text).expect("read");
        }
        text
    }

    /// A program writes as fast as it can while its log is rotated again and again.
    fn nothing_is_lost_in(folder: &Path) {
        let log = folder.join("busy.log");
        let output = open(&log).expect("open");
        let mut writer = Command::new("seq").args(["1", "300000"]).stdout(output).spawn().expect("seq");
        let mut rotated = 0;
        loop {
            let ended = writer.try_wait().expect("wait").is_some();
            rotated += usize::from(rotate(&log, 128 << 10, 1000).expect("rotate"));
            if ended {
                break;
            }
        }
        assert!(rotated > 0);
        let expected: String = (1..=300_000).map(|n| format!("{n}\n")).collect();
        assert!(all_pieces(&log, 1000) == expected, "lines were lost or doubled in {rotated} rotations");
    }

    #[test]
    fn no_line_is_lost_where_files_can_be_collapsed() {
        nothing_is_lost_in(tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("temporary folder").path());
    }

    #[test]
    fn no_line_is_lost_where_files_can_have_holes() {
        nothing_is_lost_in(tempfile::tempdir_in("/dev/shm").expect("temporary folder").path());
    }

    #[test]
    fn the_oldest_piece_goes() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("a.log");
        for letter in ["a", "b", "c", "d"] {
            open(&log).and_then(|mut file| file.write_all(letter.repeat(100_000).as_bytes())).expect("write");
            rotate(&log, 80_000, 3).expect("rotate");
        }
        let text = all_pieces(&log, 10);
        assert!(!text.contains('a') && text.ends_with('d'), "{} bytes", text.len());
        assert!(!piece(&log, 3).exists());
    }

    #[test]
    fn a_small_log_is_left_alone() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("a.log");
        open(&log).and_then(|mut file| file.write_all(b"one line\n")).expect("write");
        assert!(!rotate(&log, 4, 3).expect("rotate"), "less than a block cannot be taken out");
        assert!(!rotate(&log, 100, 3).expect("rotate"));
    }
}
