//! Reading lines of one file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use crate::event::{MAX_BATCH_BYTES, MAX_BATCH_EVENTS};

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;

/// Reads an open file from an offset on.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    /// Where the next line begins.
    line: u64,
    /// What was read of it.
    rest: BytesMut,
    /// How much of an over-long line went by.
    skipped: u64,
    max_line_bytes: usize,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) offset: u64,
    pub(super) text: Bytes,
}

/// What one read gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) lines: Vec<Line>,
    /// How many lines were too long.
    pub(super) too_long: u64,
}

impl Tail {
    /// Reads `file` from `offset` on; longer lines than `max_line_bytes` are left out.
    pub(super) fn new(file: File, offset: u64, max_line_bytes: usize) -> Self {
        Self { file, line: offset, rest: BytesMut::new(), skipped: 0, max_line_bytes }
    }

    /// Reads as many lines as a batch holds. None at the end of the file.
    pub(super) fn read(&mut self) -> io::Result<Option<Read>> {
        let (mut read, mut bytes, mut any) = (Read::default(), 0, false);
        while read.lines.len() < MAX_BATCH_EVENTS && bytes < MAX_BATCH_BYTES {
            if !self.take_line(&mut read, &mut bytes) {
                if !self.fill()? {
                    break;
                }
                any = true;
            }
        }
        Ok((any || !read.lines.is_empty() || read.too_long > 0).then_some(read))
    }

    /// The last line, if the file ends without a line end and nothing will follow.
    pub(super) fn last(&mut self) -> Option<Line> {
        if self.rest.is_empty() || self.skipped > 0 {
            return None;
        }
        let text = self.rest.split().freeze();
        let offset = self.line;
        self.line += text.len() as u64;
        Some(Line { offset, text })
    }

    /// Where the next line begins: all before it was given out.
    pub(super) fn offset(&self) -> u64 {
        self.line
    }

    /// How far the file was read, which may be inside a line.
    pub(super) fn position(&self) -> u64 {
        self.line + self.skipped + self.rest.len() as u64
    }

    /// Reads again from `offset` on.
    pub(super) fn rewind(&mut self, offset: u64) {
        self.line = offset;
        self.skipped = 0;
        self.rest.clear();
    }

    /// The open file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Reads on; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        let start = self.rest.len();
        let at = self.position();
        self.rest.resize(start + CHUNK, 0);
        let read = self.file.read_at(&mut self.rest[start..], at);
        self.rest.truncate(start + read.as_ref().copied().unwrap_or(0));
        if start == 0 && self.rest.is_empty() {
            // A file at rest needs no buffer.
            self.rest = BytesMut::new();
        }
        Ok(read? > 0)
    }

    /// Takes a whole line out of what was read; false if there is none.
    fn take_line(&mut self, read: &mut Read, bytes: &mut usize) -> bool {
        let Some(end) = memchr(b'\n', &self.rest) else {
            if self.rest.len() > self.max_line_bytes || self.skipped > 0 {
                self.skipped += self.rest.len() as u64;
                self.rest.clear();
            }
            return false;
        };
        let text = self.rest.split_to(end + 1).freeze();
        let length = self.skipped + text.len() as u64;
        if self.skipped > 0 || end > self.max_line_bytes {
            read.too_long += 1;
        } else {
            *bytes += end;
            read.lines.push(Line { offset: self.line, text: text.slice(..end) });
        }
        self.line += length;
        self.skipped = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(tail: &mut Tail) -> (Vec<(u64, String)>, u64) {
        let (mut all, mut too_long) = (Vec::new(), 0);
        while let Some(read) = tail.read().unwrap() {
            all.extend(read.lines.iter().map(|l| (l.offset, String::from_utf8_lossy(&l.text).into_owned())));
            too_long += read.too_long;
        }
        (all, too_long)
    }

    fn owned(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
        lines.iter().map(|(offset, text)| (*offset, (*text).to_owned())).collect()
    }

    #[test]
    fn gives_whole_lines_with_their_offsets_as_the_file_grows() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one\ntwo\nthr").unwrap();
        let mut tail = Tail::new(file.reopen().unwrap(), 4, 100);
        assert_eq!(lines(&mut tail), (owned(&[(4, "two")]), 0));
        assert_eq!((tail.offset(), tail.position()), (8, 11));
        file.write_all(b"ee\n\nlast").unwrap();
        assert_eq!(lines(&mut tail), (owned(&[(8, "three"), (14, "")]), 0));
        assert_eq!(tail.last(), Some(Line { offset: 15, text: Bytes::from_static(b"last") }));
        assert_eq!((tail.last(), tail.offset()), (None, 19));
    }

    #[test]
    fn an_over_long_line_is_left_out_however_it_comes() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all("x".repeat(3 * CHUNK).as_bytes()).unwrap();
        let mut tail = Tail::new(file.reopen().unwrap(), 0, 10);
        assert_eq!(lines(&mut tail), (vec![], 0));
        file.write_all(b"xx\n0123456789\n01234567890\nok\n").unwrap();
        let at = 3 * CHUNK as u64 + 3;
        assert_eq!(lines(&mut tail), (owned(&[(at, "0123456789"), (at + 23, "ok")]), 2));
    }

    #[test]
    fn a_rewind_gives_the_same_lines_again() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one\ntwo\nrest").unwrap();
        let mut tail = Tail::new(file.reopen().unwrap(), 0, 100);
        let first = lines(&mut tail);
        tail.rewind(0);
        assert_eq!(lines(&mut tail), first);
    }
}
