//! Events as a stream of bytes: what sinks share that write one after the other.

use crate::codec::encode::{Codec, Encoding, Framing, NEWLINE};
use crate::event::Batch;
use crate::sink::owed::Owed;

/// How events follow one another in a stream.
#[derive(Debug, Clone)]
pub struct Stream {
    encoding: Encoding,
    framing: Framing,
}

impl Stream {
    /// One event a line unless `framing` says otherwise.
    pub fn new(encoding: Encoding, framing: Option<Framing>) -> Self {
        Self { encoding, framing: framing.unwrap_or(NEWLINE) }
    }

    /// The form of the encoded events.
    pub fn codec(&self) -> Codec {
        self.encoding.codec()
    }

    /// What separates the events.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Appends an event to `out`.
    pub fn write(&self, event: &vrl::value::Value, out: &mut Vec<u8>) {
        self.framing.frame(out, |out| self.encoding.encode(event, out));
    }

    /// A batch as bytes, and what is owed for it.
    pub fn encode(&self, batch: Batch) -> (Vec<u8>, Vec<Owed>) {
        let mut bytes = Vec::new();
        let owed = batch
            .into_iter()
            .map(|event| {
                self.write(&event.value, &mut bytes);
                event.ack.into()
            })
            .collect();
        (bytes, owed)
    }
}
