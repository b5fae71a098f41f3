//! Reading the files of one log.
//!
//! Readers hold a shared lock on the newest file while they read, and rotation an exclusive one,
//! so that nobody sees a half-rotated log. Writers know nothing of it.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::rotate::{PIECES, beginning, piece};

/// Enough for the last lines that an error shows.
const TAIL: u64 = 16 << 10;

/// The last `count` lines of a log, from its newest file.
pub(crate) fn last_lines(log: &Path, count: usize) -> Vec<String> {
    let text = tail_of(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

fn tail_of(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let begin = beginning(&file)?.max(file.metadata()?.len().saturating_sub(TAIL));
    file.seek(io::SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads a log line by line, and goes on where it stopped, also when the log was rotated since.
#[derive(Debug)]
pub(crate) struct Reader {
    log: PathBuf,
    /// The newest of the older pieces, by which a rotation is seen.
    newest_piece: Option<Piece>,
    /// Behind what was read, counted from where the content of the newest file begins.
    position: u64,
    /// The beginning of a line whose end was not written yet.
    rest: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    inode: u64,
    size: u64,
}

impl Piece {
    fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|seen| Self { inode: seen.ino(), size: seen.size() })
    }
}

impl Reader {
    /// A reader that begins with the oldest line kept.
    pub(crate) fn new(log: &Path) -> Self {
        Self { log: log.to_owned(), newest_piece: None, position: 0, rest: Vec::new() }
    }

    /// The lines that stand there and were not read yet. A log that is not there has none.
    pub(crate) fn more(&mut self) -> io::Result<Vec<String>> {
        let newest = match File::open(&self.log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            newest => newest?,
        };
        newest.lock_shared()?;
        let mut bytes = std::mem::take(&mut self.rest);
        self.read_pieces(&mut bytes)?;
        self.position = read_from(&newest, self.position, &mut bytes)?;
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.rest = bytes.split_off(end);
        Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    }

    /// A last line that has no end.
    pub(crate) fn unfinished(&self) -> Option<String> {
        (!self.rest.is_empty()).then(|| String::from_utf8_lossy(&self.rest).into_owned())
    }

    /// What went from the newest file into an older piece before we read it.
    fn read_pieces(&mut self, to: &mut Vec<u8>) -> io::Result<()> {
        let newest_piece = Piece::of(&piece(&self.log, 1));
        match newest_piece {
            Some(now) if self.newest_piece != newest_piece => {
                let first_time = self.newest_piece.is_none() && self.position == 0;
                for older in (2..PIECES).rev().filter(|_| first_time) {
                    if let Ok(file) = File::open(piece(&self.log, older)) {
                        read_from(&file, 0, to)?;
                    }
                }
                read_from(&File::open(piece(&self.log, 1))?, self.position.min(now.size), to)?;
                self.position = self.position.saturating_sub(now.size);
            }
            _ => {}
        }
        self.newest_piece = newest_piece;
        Ok(())
    }
}

/// Appends what stands in a file from `position` on, counted from where its content begins, and
/// gives the position behind it. A file that somebody emptied is read from its beginning.
fn read_from(mut file: &File, position: u64, to: &mut Vec<u8>) -> io::Result<u64> {
    let begin = beginning(file)?;
    let position = if begin + position > file.metadata()?.len() { 0 } else { position };
    file.seek(io::SeekFrom::Start(begin + position))?;
    Ok(position + file.read_to_end(to)? as u64)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::rotate::{open, rotate};
    use super::*;

    #[test]
    fn the_last_lines_that_say_something() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("a.log");
        assert!(last_lines(&log, 3).is_empty());
        std::fs::write(&log, "one\ntwo\n\nthree\n\n").expect("write");
        assert_eq!(last_lines(&log, 2), ["two", "three"]);
        assert_eq!(last_lines(&log, 9), ["one", "two", "three"]);
    }

    #[test]
    fn pieces_are_read_oldest_first_and_unfinished_lines_wait() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("a.log");
        assert!(Reader::new(&log).more().expect("read").is_empty());
        std::fs::write(&log, "ve\nsix\nsev").expect("write");
        std::fs::write(piece(&log, 1), "three\nfour\nfi").expect("write");
        std::fs::write(piece(&log, 2), "one\ntwo\n").expect("write");
        let mut reader = Reader::new(&log);
        assert_eq!(reader.more().expect("read"), ["one", "two", "three", "four", "five", "six"]);
        assert_eq!(reader.unfinished().as_deref(), Some("sev"));
        open(&log).and_then(|mut file| file.write_all(b"en\n")).expect("write");
        assert_eq!(reader.more().expect("read"), ["seven"]);
        assert_eq!(reader.unfinished(), None);
        std::fs::write(&log, "new\n").expect("write");
        assert_eq!(reader.more().expect("read"), ["new"]);
    }

    fn follows_in(folder: &Path) {
        let log = folder.join("a.log");
        let mut writer = open(&log).expect("open");
        let (mut reader, mut read) = (Reader::new(&log), Vec::new());
        for n in 0..60_000 {
            writer.write_all(format!("line {n}\n").as_bytes()).expect("write");
            // Read rarely enough that what was not read yet is rotated away in between.
            if n % 9_000 == 8_999 {
                read.extend(reader.more().expect("read"));
            }
            if n % 12_000 == 11_999 {
                assert!(rotate(&log, 64 << 10, PIECES).expect("rotate"));
            }
        }
        read.extend(reader.more().expect("read"));
        let expected: Vec<String> = (0..60_000).map(|n| format!("line {n}")).collect();
        assert!(read == expected, "{} lines of {}", read.len(), expected.len());
    }

    #[test]
    fn a_follower_misses_nothing_when_files_are_collapsed() {
        follows_in(tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("temporary folder").path());
    }

    #[test]
    fn a_follower_misses_nothing_when_files_have_holes() {
        follows_in(tempfile::tempdir_in("/dev/shm").expect("temporary folder").path());
    }
}
