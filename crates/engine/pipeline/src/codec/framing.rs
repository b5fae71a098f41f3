//! Cutting a stream of bytes into frames.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;
use serde::Deserialize;

/// `framing` as configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum FramingOptions {
    /// What one read gave is one frame.
    Bytes {},
    /// A line feed ends a frame.
    NewlineDelimited {
        /// Options of its own.
        #[serde(default)]
        newline_delimited: Limit,
    },
    /// A character ends a frame.
    CharacterDelimited {
        /// Options of its own.
        character_delimited: Delimiter,
    },
    /// The length in decimal digits and a space precede each frame (RFC 6587); a frame that does
    /// not begin so ends with a line feed.
    OctetCounting {
        /// Options of its own.
        #[serde(default)]
        octet_counting: Limit,
    },
    /// The length in four bytes, big-endian, precedes each frame.
    LengthDelimited {},
}

/// The longest frame that is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// In bytes, without delimiter; none = as the source says.
    pub max_length: Option<usize>,
}

/// What ends a frame.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delimiter {
    /// One ASCII character.
    pub delimiter: char,
    /// In bytes, without delimiter; none = as the source says.
    pub max_length: Option<usize>,
}

impl FramingOptions {
    /// Lines, as long as the source allows.
    pub fn lines() -> Self {
        Self::NewlineDelimited { newline_delimited: Limit::default() }
    }

    /// A framer with these options; frames longer than `max_length` bytes are dropped unless the
    /// options say otherwise.
    ///
    /// # Errors
    /// When the delimiter is no ASCII character.
    pub fn framer(&self, max_length: usize) -> Result<Framer, String> {
        let (method, own) = match self {
            Self::Bytes {} => (Method::Bytes, None),
            Self::NewlineDelimited { newline_delimited } => (Method::Until(b'\n'), newline_delimited.max_length),
            Self::CharacterDelimited { character_delimited } => {
                let delimiter = character_delimited.delimiter;
                let byte = u8::try_from(delimiter).ok().filter(u8::is_ascii);
                let byte = byte.ok_or_else(|| format!("the delimiter `{delimiter}` is no ASCII character"))?;
                (Method::Until(byte), character_delimited.max_length)
            }
            Self::OctetCounting { octet_counting } => (Method::OctetCounting, octet_counting.max_length),
            Self::LengthDelimited {} => (Method::LengthDelimited, None),
        };
        Ok(Framer::new(method, own.unwrap_or(max_length)))
    }
}

/// How frames are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// What one read gave is one frame.
    Bytes,
    /// This byte ends a frame.
    Until(u8),
    /// RFC 6587, 3.4.1, with lines in between.
    OctetCounting,
    /// Four bytes of length, big-endian.
    LengthDelimited,
}

/// What was found in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A frame, without its delimiter or length.
    Whole(Bytes),
    /// A frame longer than allowed went by.
    TooLong,
    /// The stream ended inside a frame whose length was announced.
    Incomplete,
}

/// Cuts one stream into frames. Never holds more than the longest frame allowed and one read.
#[derive(Debug, Clone)]
pub struct Framer {
    method: Method,
    max_length: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes of the buffer hold no delimiter.
    Looking(usize),
    /// An over-long frame goes by until its delimiter.
    SkippingTo(u8),
    /// So many bytes of an over-long frame are still to come.
    Skipping(usize),
}

impl Framer {
    /// Frames told apart by `method`, of `max_length` bytes at most.
    pub fn new(method: Method, max_length: usize) -> Self {
        Self { method, max_length, state: State::Looking(0) }
    }

    /// The next frame in `buffer`; none when more bytes are needed.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Option<Frame> {
        match self.state {
            State::SkippingTo(delimiter) => self.skip_to(delimiter, buffer),
            State::Skipping(left) => self.skip(left, buffer),
            State::Looking(seen) => match self.method {
                Method::Bytes => self.everything(buffer),
                Method::Until(delimiter) => self.until(delimiter, seen, buffer),
                Method::OctetCounting => self.octet_counted(seen, buffer),
                Method::LengthDelimited => self.length_delimited(buffer),
            },
        }
    }

    /// The next frame when nothing follows `buffer` any more: also one that lacks its delimiter.
    pub fn last(&mut self, buffer: &mut BytesMut) -> Option<Frame> {
        if let Some(frame) = self.next(buffer) {
            return Some(frame);
        }
        if let State::SkippingTo(_) | State::Skipping(_) = self.state {
            self.state = State::Looking(0);
            return Some(Frame::TooLong);
        }
        if buffer.is_empty() {
            return None;
        }
        self.state = State::Looking(0);
        let rest = buffer.split().freeze();
        let counted = match self.method {
            Method::LengthDelimited => true,
            Method::OctetCounting => matches!(count(&rest), Count::Of(..)),
            Method::Bytes | Method::Until(_) => false,
        };
        Some(match counted {
            true => Frame::Incomplete,
            // Digits that could have become a length are not looked at before.
            false if rest.len() > self.max_length => Frame::TooLong,
            false => Frame::Whole(rest),
        })
    }

    fn everything(&self, buffer: &mut BytesMut) -> Option<Frame> {
        if buffer.is_empty() {
            return None;
        }
        let frame = buffer.split().freeze();
        Some(if frame.len() > self.max_length { Frame::TooLong } else { Frame::Whole(frame) })
    }

    fn until(&mut self, delimiter: u8, seen: usize, buffer: &mut BytesMut) -> Option<Frame> {
        match memchr(delimiter, &buffer[seen..]) {
            Some(found) => {
                let frame = buffer.split_to(seen + found).freeze();
                buffer.advance(1);
                self.state = State::Looking(0);
                Some(if frame.len() > self.max_length { Frame::TooLong } else { Frame::Whole(frame) })
            }
            None if buffer.len() > self.max_length => {
                buffer.clear();
                self.state = State::SkippingTo(delimiter);
                None
            }
            None => {
                self.state = State::Looking(buffer.len());
                None
            }
        }
    }

    fn octet_counted(&mut self, seen: usize, buffer: &mut BytesMut) -> Option<Frame> {
        match count(buffer) {
            Count::None => {
                let frame = self.until(b'\n', seen, buffer)?;
                Some(match frame {
                    Frame::Whole(line) if line.ends_with(b"\r") => Frame::Whole(line.slice(..line.len() - 1)),
                    frame => frame,
                })
            }
            Count::Cut => None,
            Count::Of(length, digits) if length > self.max_length => {
                buffer.advance(digits + 1);
                self.state = State::Skipping(length);
                self.skip(length, buffer)
            }
            Count::Of(length, digits) => counted(digits + 1, length, buffer),
        }
    }

    fn length_delimited(&mut self, buffer: &mut BytesMut) -> Option<Frame> {
        let length = u32::from_be_bytes(buffer.get(..4)?.try_into().ok()?) as usize;
        if length > self.max_length {
            buffer.advance(4);
            self.state = State::Skipping(length);
            return self.skip(length, buffer);
        }
        counted(4, length, buffer)
    }

    fn skip_to(&mut self, delimiter: u8, buffer: &mut BytesMut) -> Option<Frame> {
        let Some(found) = memchr(delimiter, buffer) else {
            buffer.clear();
            return None;
        };
        buffer.advance(found + 1);
        self.state = State::Looking(0);
        Some(Frame::TooLong)
    }

    fn skip(&mut self, left: usize, buffer: &mut BytesMut) -> Option<Frame> {
        let here = left.min(buffer.len());
        buffer.advance(here);
        if here < left {
            self.state = State::Skipping(left - here);
            return None;
        }
        self.state = State::Looking(0);
        Some(Frame::TooLong)
    }
}

/// Takes a frame of `length` bytes that follow `header` bytes, once all are there.
fn counted(header: usize, length: usize, buffer: &mut BytesMut) -> Option<Frame> {
    if buffer.len() < header + length {
        buffer.reserve(header + length - buffer.len());
        return None;
    }
    buffer.advance(header);
    Some(Frame::Whole(buffer.split_to(length).freeze()))
}

/// Whether a frame begins with its length.
enum Count {
    /// It does not.
    None,
    /// The end of the buffer cuts what may be a length.
    Cut,
    /// The length, and how many digits say it.
    Of(usize, usize),
}

fn count(buffer: &[u8]) -> Count {
    /// Longer numbers are no length of anything that could be taken.
    const MOST_DIGITS: usize = 10;
    let digits = buffer.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    match (buffer.first(), buffer.get(digits)) {
        (Some(b'1'..=b'9'), Some(b' ')) if digits <= MOST_DIGITS => {
            let number = std::str::from_utf8(&buffer[..digits]).ok().and_then(|text| text.parse().ok());
            number.map_or(Count::None, |length| Count::Of(length, digits))
        }
        (Some(b'1'..=b'9'), None) if digits <= MOST_DIGITS => Count::Cut,
        _ => Count::None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(method: Method, max_length: usize, reads: &[&[u8]]) -> Vec<Frame> {
        let (mut framer, mut buffer, mut found) = (Framer::new(method, max_length), BytesMut::new(), Vec::new());
        for read in reads {
            buffer.extend_from_slice(read);
            while let Some(frame) = framer.next(&mut buffer) {
                found.push(frame);
            }
        }
        while let Some(frame) = framer.last(&mut buffer) {
            found.push(frame);
        }
        found
    }

    fn whole(text: &'static str) -> Frame {
        Frame::Whole(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn lines_and_a_last_one_without_end() {
        assert_eq!(
            frames(Method::Until(b'\n'), 10, &[b"a\nb", b"c\n\nd"]),
            [whole("a"), whole("bc"), whole(""), whole("d")]
        );
    }

    #[test]
    fn an_over_long_line_is_told_once_and_the_next_one_passes() {
        assert_eq!(
            frames(Method::Until(b'\n'), 4, &[b"12345", b"678901234", b"5\nok\n12345\nlast-one"]),
            [Frame::TooLong, whole("ok"), Frame::TooLong, Frame::TooLong]
        );
        assert_eq!(frames(Method::Until(b'\n'), 4, &[b"1234\n"]), [whole("1234")]);
    }

    #[test]
    fn nul_ends_a_frame_when_it_is_the_delimiter() {
        assert_eq!(frames(Method::Until(0), 10, &[b"a\nb\0c\0"]), [whole("a\nb"), whole("c")]);
    }

    #[test]
    fn counted_octets_mix_with_lines() {
        assert_eq!(
            frames(Method::OctetCounting, 20, &[b"5 a\nb c3 xyz<34>line\r\n", b"1", b"0 0123456789"]),
            [whole("a\nb c"), whole("xyz"), whole("<34>line"), whole("0123456789")]
        );
    }

    #[test]
    fn a_number_that_is_no_count_begins_a_line() {
        assert_eq!(
            frames(Method::OctetCounting, 20, &[b"12:00:00 x\n0 y\n12345678901 z\n"]),
            [whole("12:00:00 x"), whole("0 y"), whole("12345678901 z")]
        );
    }

    #[test]
    fn a_count_that_is_too_large_skips_its_frame_only() {
        assert_eq!(frames(Method::OctetCounting, 4, &[b"6 abc", b"def2 ok"]), [Frame::TooLong, whole("ok")]);
        assert_eq!(frames(Method::OctetCounting, 40, &[b"20 abc"]), [Frame::Incomplete]);
    }

    #[test]
    fn a_binary_length_precedes_a_frame() {
        assert_eq!(frames(Method::LengthDelimited, 9, &[b"\0\0\0\x02ok\0\0\0\x01"]), [whole("ok"), Frame::Incomplete]);
    }

    proptest! {
        #[test]
        fn how_the_stream_is_cut_into_reads_changes_nothing(
            stream in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), b'0'..=b'9', b'a'..=b'c'], 0..60),
            cut in 0usize..60,
            max_length in 1usize..20,
        ) {
            let cut = cut.min(stream.len());
            for method in [Method::Until(b'\n'), Method::OctetCounting, Method::LengthDelimited] {
                prop_assert_eq!(
                    frames(method, max_length, &[&stream]),
                    frames(method, max_length, &[&stream[..cut], &stream[cut..]])
                );
            }
        }
    }
}
