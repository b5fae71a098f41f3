//! What messages are known by: the stream of results takes each id once.

use async_nats::header::HeaderValue;
use sha2::{Digest, Sha256};

use crate::event::Event;

/// The longest event id that goes into a header as it is.
const LONGEST: usize = 256;

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The event's own id: a text, or a number as it is written.
pub fn of_event(event: &Event<'_>) -> Option<String> {
    let is_number = |json: &&str| json.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let id = event.text("event.id").map(|id| id.into_owned());
    id.filter(|id| !id.is_empty()).or_else(|| event.json("event.id").filter(is_number).map(str::to_owned))
}

/// An id as a header; one that cannot stand there, or is too long, as its hash.
pub fn header(id: &str) -> HeaderValue {
    let fits = id.len() <= LONGEST && !id.chars().any(char::is_control);
    if fits { HeaderValue::from(id) } else { HeaderValue::from(hex(&Sha256::digest(id.as_bytes())).as_str()) }
}
