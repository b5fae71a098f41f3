//! Reading logs: the last lines of one, and all pieces in order.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

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

/// Everything that is kept of a log, oldest first, and the position behind it in the newest file,
/// counted from where that file's content begins.
pub(crate) fn read_all(log: &Path) -> io::Result<(Vec<u8>, u64)> {
    let mut bytes = Vec::new();
    for older in (1..PIECES).rev() {
        read_from(&piece(log, older), 0, &mut bytes)?;
    }
    let position = read_from(log, 0, &mut bytes)?;
    Ok((bytes, position))
}

/// Appends what stands in a file from `position` on (counted from where its content begins), and
/// gives the position behind it. A file that is not there is empty.
pub(crate) fn read_from(path: &Path, position: u64, to: &mut Vec<u8>) -> io::Result<u64> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        file => file?,
    };
    let begin = beginning(&file)?;
    file.seek(io::SeekFrom::Start(begin + position))?;
    Ok(position + file.read_to_end(to)? as u64)
}

#[cfg(test)]
mod tests {
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
    fn pieces_are_read_oldest_first() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("a.log");
        std::fs::write(&log, "ve\nsix\n").expect("write");
        std::fs::write(piece(&log, 1), "three\nfour\nfi").expect("write");
        std::fs::write(piece(&log, 2), "one\ntwo\n").expect("write");
        let (bytes, position) = read_all(&log).expect("read");
        assert_eq!(String::from_utf8_lossy(&bytes), "one\ntwo\nthree\nfour\nfive\nsix\n");
        let mut more = Vec::new();
        assert_eq!(position, 7);
        assert_eq!(read_from(&log, 3, &mut more).expect("read"), 7);
        assert_eq!(more, b"six\n");
    }
}
