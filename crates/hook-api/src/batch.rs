//! The protocol between a module's service and its workers: the processes that run `process` hooks.
//!
//! Frames on the worker's standard input and output: one byte that says what it is, the length of what follows in
//! bytes (`u32`, little-endian), and that. Events travel as they came from the bus, byte for byte; everything that
//! is said seldom is JSON.
//!
//! ```text
//! worker               service
//! H hello      ->
//!              <-      W welcome
//! R ready      ->                   or F failed: the module cannot be loaded
//!              <-      B batch      further batches may follow before the outcomes of the first
//! O outcomes   ->                   of one event or of several, in the order in which the events were given
//! L log        ->                   at any time
//!              <-      end of input: the worker finishes what it was given, and ends
//! ```
//!
//! | frame | after the head |
//! |---|---|
//! | `H`, `W`, `F`, `L` | JSON: [`Hello`], [`Welcome`], [`Failure`], [`Log`] |
//! | `R` | nothing |
//! | `B` | for each event its length (`u32`) and its bytes |
//! | `O` | outcomes, one after the other |
//!
//! An outcome is one byte and what belongs to it: `d` the event is dropped; `s` it goes on as it came; `e` a `u32`
//! count, and as many events, each its length and its bytes; `f` the length of a [`Failure`] as JSON, and that.
//!
//! A worker that dies has not answered what it was given; the service gives that to another.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Level;
use crate::call::HookRef;
use crate::request::Failure;

/// Version of the protocol. A worker of another one is refused.
pub const BATCH_VERSION: u32 = 1;

/// The longest frame that either side takes, in bytes, without its head.
pub const LONGEST_FRAME: usize = 64 << 20;

/// The first frame of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`BATCH_VERSION`] of the worker.
    pub version: u32,
    /// What its hook is written in: `python`, `rust`.
    pub language: String,
    /// The language's own version: `3.11.2`.
    pub runtime: String,
}

/// What a worker is told before it gets events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// Which hook it runs.
    pub hook: HookRef,
    /// The instance that it works for.
    pub instance: String,
    /// The settings of the instance, without secret ones.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// The values of its secret settings.
    #[serde(default)]
    pub secrets: Map<String, Value>,
    /// Folders with packages that the module may import.
    #[serde(default)]
    pub packages: Vec<String>,
}

/// A line for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// How important it is.
    pub level: Level,
    /// The text, without the final line break.
    pub text: String,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// [`Hello`]
    Hello,
    /// [`Welcome`]
    Welcome,
    /// The worker takes events now.
    Ready,
    /// The worker cannot take events: [`Failure`].
    Failed,
    /// Events.
    Batch,
    /// Outcomes of events.
    Outcomes,
    /// [`Log`]
    Log,
}

impl FrameKind {
    const ALL: [Self; 7] =
        [Self::Hello, Self::Welcome, Self::Ready, Self::Failed, Self::Batch, Self::Outcomes, Self::Log];

    const fn byte(self) -> u8 {
        match self {
            Self::Hello => b'H',
            Self::Welcome => b'W',
            Self::Ready => b'R',
            Self::Failed => b'F',
            Self::Batch => b'B',
            Self::Outcomes => b'O',
            Self::Log => b'L',
        }
    }
}

/// The head of a frame: what it is, and the length of the rest in bytes.
pub const HEAD: usize = 5;

/// Reads the head of a frame.
///
/// # Errors
/// `InvalidData` when there is no frame of that kind, or it is longer than [`LONGEST_FRAME`].
pub fn head(bytes: [u8; HEAD]) -> io::Result<(FrameKind, usize)> {
    let [kind, length @ ..] = bytes;
    let kind = FrameKind::ALL.into_iter().find(|known| known.byte() == kind);
    let kind = kind.ok_or_else(|| invalid("a frame of no known kind"))?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST_FRAME {
        return Err(invalid("a frame that is too long"));
    }
    Ok((kind, length))
}

/// Reads a frame into `body`; none at the end of input.
///
/// # Errors
/// As [`head`]; `UnexpectedEof` when the input ends within a frame; those of the reader.
pub fn read(from: &mut impl Read, body: &mut Vec<u8>) -> io::Result<Option<FrameKind>> {
    let mut bytes = [0; HEAD];
    let first = loop {
        match from.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if first == 0 {
        return Ok(None);
    }
    from.read_exact(&mut bytes[first..])?;
    let (kind, length) = head(bytes)?;
    body.clear();
    body.resize(length, 0);
    from.read_exact(body)?;
    Ok(Some(kind))
}

/// Writes a frame, and flushes.
///
/// # Errors
/// `InvalidInput` when it is longer than [`LONGEST_FRAME`]; those of the writer.
pub fn write(to: &mut impl Write, kind: FrameKind, body: &[u8]) -> io::Result<()> {
    to.write_all(&head_of(kind, body.len())?)?;
    to.write_all(body)?;
    to.flush()
}

/// The head of a frame with that many bytes after it.
///
/// # Errors
/// `InvalidInput` when that is more than [`LONGEST_FRAME`].
pub fn head_of(kind: FrameKind, length: usize) -> io::Result<[u8; HEAD]> {
    if length > LONGEST_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a frame that is too long"));
    }
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    Ok([kind.byte(), a, b, c, d])
}

/// Adds an event to the body of a `B` frame.
pub fn put_event(body: &mut Vec<u8>, event: &[u8]) {
    put_number(body, event.len());
    body.extend_from_slice(event);
}

/// The events in the body of a `B` frame.
///
/// # Errors
/// `InvalidData` when it is cut off.
pub fn events(mut body: &[u8]) -> io::Result<Vec<&[u8]>> {
    let mut events = Vec::new();
    while !body.is_empty() {
        events.push(take_bytes(&mut body)?);
    }
    Ok(events)
}

/// What became of an event, as it lies in the body of an `O` frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It is dropped.
    Dropped,
    /// It goes on as it came.
    Same,
    /// These go on in its place.
    Events(Vec<&'a [u8]>),
    /// The hook failed on it: a [`Failure`] as JSON.
    Failed(&'a [u8]),
}

/// Adds an outcome to the body of an `O` frame.
pub fn put_outcome(body: &mut Vec<u8>, outcome: &Outcome<'_>) {
    match outcome {
        Outcome::Dropped => body.push(b'd'),
        Outcome::Same => body.push(b's'),
        Outcome::Events(events) => {
            body.push(b'e');
            put_number(body, events.len());
            events.iter().for_each(|event| put_event(body, event));
        }
        Outcome::Failed(failure) => {
            body.push(b'f');
            put_event(body, failure);
        }
    }
}

/// The outcomes in the body of an `O` frame.
///
/// # Errors
/// `InvalidData` when it is cut off, or holds something else.
pub fn outcomes(mut body: &[u8]) -> io::Result<Vec<Outcome<'_>>> {
    let mut outcomes = Vec::new();
    while let Some((kind, rest)) = body.split_first() {
        body = rest;
        outcomes.push(match kind {
            b'd' => Outcome::Dropped,
            b's' => Outcome::Same,
            b'e' => {
                let count = take_number(&mut body)?;
                Outcome::Events((0..count).map(|_| take_bytes(&mut body)).collect::<io::Result<_>>()?)
            }
            b'f' => Outcome::Failed(take_bytes(&mut body)?),
            _ => return Err(invalid("an outcome of no known kind")),
        });
    }
    Ok(outcomes)
}

impl Failure {
    /// As it stands in frames.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn put_number(body: &mut Vec<u8>, number: usize) {
    body.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn take_number(body: &mut &[u8]) -> io::Result<usize> {
    let (number, rest) = body.split_first_chunk().ok_or_else(|| invalid("a frame that is cut off"))?;
    *body = rest;
    Ok(u32::from_le_bytes(*number) as usize)
}

fn take_bytes<'a>(body: &mut &'a [u8]) -> io::Result<&'a [u8]> {
    let length = take_number(body)?;
    let (bytes, rest) = body.split_at_checked(length).ok_or_else(|| invalid("a frame that is cut off"))?;
    *body = rest;
    Ok(bytes)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_were_written() {
        let mut wire = Vec::new();
        write(&mut wire, FrameKind::Ready, b"").expect("written");
        write(&mut wire, FrameKind::Batch, b"some bytes").expect("written");
        let (mut input, mut body) = (wire.as_slice(), Vec::new());
        assert_eq!(read(&mut input, &mut body).expect("read"), Some(FrameKind::Ready));
        assert!(body.is_empty());
        assert_eq!(read(&mut input, &mut body).expect("read"), Some(FrameKind::Batch));
        assert_eq!(body, b"some bytes");
        assert_eq!(read(&mut input, &mut body).expect("the end"), None);
    }

    #[test]
    fn a_frame_that_is_cut_off_or_unknown_or_too_long_is_refused() {
        let mut wire = Vec::new();
        write(&mut wire, FrameKind::Batch, b"some bytes").expect("written");
        for cut in 1..wire.len() {
            let refused = read(&mut &wire[..cut], &mut Vec::new()).expect_err("cut off");
            assert_eq!(refused.kind(), io::ErrorKind::UnexpectedEof, "{cut}");
        }
        assert_eq!(head(*b"?\0\0\0\0").expect_err("unknown").kind(), io::ErrorKind::InvalidData);
        assert_eq!(head(*b"B\xff\xff\xff\xff").expect_err("long").kind(), io::ErrorKind::InvalidData);
        assert!(head_of(FrameKind::Batch, LONGEST_FRAME + 1).is_err());
    }

    #[test]
    fn outcomes_are_read_as_they_were_written_and_none_that_is_cut_off() {
        let all = [
            Outcome::Dropped,
            Outcome::Same,
            Outcome::Events(vec![]),
            Outcome::Events(vec![b"{}", b"", b"[1]"]),
            Outcome::Failed(b"{\"message\": \"no\"}"),
        ];
        let mut body = Vec::new();
        let mut ends = vec![0];
        for outcome in &all {
            put_outcome(&mut body, outcome);
            ends.push(body.len());
        }
        assert_eq!(outcomes(&body).expect("read"), all);
        for cut in (0..body.len()).filter(|cut| !ends.contains(cut)) {
            assert!(outcomes(&body[..cut]).is_err(), "{cut}");
        }
        assert!(outcomes(b"?").is_err());
    }

    #[test]
    fn events_are_read_as_they_were_written() {
        let mut body = Vec::new();
        put_event(&mut body, b"{\"a\": 1}");
        put_event(&mut body, b"");
        assert_eq!(events(&body).expect("read"), [b"{\"a\": 1}".as_slice(), b""]);
        assert!(events(&body[..body.len() - 1]).is_err());
    }
}
