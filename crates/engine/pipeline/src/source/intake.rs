//! From frames to events: what all sources that decode have in common.

use bytes::{Bytes, BytesMut};
use chrono::Utc;
use parking_lot::Mutex;
use resilmesh_service::stats::Counters;
use vrl::value::Value;

use super::SourceContext;
use super::fields::FieldKey;
use crate::codec::decode::{DecodeError, DecodingOptions};
use crate::codec::framing::{Frame, Framer};
use crate::event::{Ack, Batch, Event};
use crate::seldom::Seldom;

/// Who sent something.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Its address.
    pub host: Option<Value>,
    /// Its port.
    pub port: Option<u16>,
}

impl Peer {
    /// A program on this machine, for a rehearsal.
    pub fn rehearsed() -> Self {
        Self { host: Some("127.0.0.1".into()), port: Some(50_000) }
    }
}

/// What a source adds to a record, given who sent it.
pub type Decorate = Box<dyn Fn(&mut Value, &Peer) + Send + Sync>;

/// Decodes frames into events and counts.
pub struct Intake {
    id: String,
    counters: Counters,
    decoding: DecodingOptions,
    source_type: &'static str,
    source_type_key: FieldKey,
    timestamp_key: FieldKey,
    decorate: Decorate,
    seldom: Mutex<Seldom>,
}

impl Intake {
    /// An intake for the source in `context`, of type `source_type`.
    pub fn new(
        context: &SourceContext,
        source_type: &'static str,
        decoding: DecodingOptions,
        decorate: Decorate,
    ) -> Self {
        Self {
            id: context.id.clone(),
            counters: context.counters.clone(),
            decoding,
            source_type,
            source_type_key: FieldKey::at("source_type"),
            timestamp_key: FieldKey::at("timestamp"),
            decorate,
            seldom: Mutex::default(),
        }
    }

    /// Adds the events of a frame to `batch`. What gives no event is counted; false then.
    pub fn frame(&self, frame: Frame, peer: &Peer, ack: &Ack, batch: &mut Batch) -> bool {
        match frame {
            Frame::Whole(frame) => self.whole(frame, peer, ack, batch),
            Frame::TooLong => self.give_up("longer than max_length", "a message longer than `max_length` was dropped"),
            Frame::Incomplete => {
                self.give_up("cut short", "the connection ended inside a message whose length was announced")
            }
        }
    }

    /// Adds the events of a whole frame to `batch`. What does not decode is counted; false then.
    pub fn whole(&self, frame: Bytes, peer: &Peer, ack: &Ack, batch: &mut Batch) -> bool {
        match self.decode(frame, peer, ack, batch) {
            Ok(()) => true,
            Err(error) => self.give_up("does not decode", &error.to_string()),
        }
    }

    /// Adds the events of a whole frame to `batch`.
    ///
    /// # Errors
    /// When it does not decode; nothing is counted then.
    pub fn decode(&self, frame: Bytes, peer: &Peer, ack: &Ack, batch: &mut Batch) -> Result<(), DecodeError> {
        let before = batch.len();
        let records = self
            .decoding
            .decode(frame)
            .map_err(|error| DecodeError(format!("does not decode as {}: {error}", self.decoding.name())))?;
        records.for_each(|record| batch.push(self.event(record, peer, ack)));
        self.counters.received((batch.len() - before) as u64);
        Ok(())
    }

    /// The events of whole messages of which `framer` takes the frames, for a rehearsal.
    pub fn all(&self, framer: &Framer, peer: &Peer, payloads: Vec<Bytes>) -> Batch {
        let mut batch = Batch::new();
        for payload in payloads {
            let (mut framer, mut rest) = (framer.clone(), BytesMut::from(payload));
            while let Some(frame) = framer.last(&mut rest) {
                self.frame(frame, peer, &Ack::none(), &mut batch);
            }
        }
        batch
    }

    /// Counts an input that gave no event, and says so now and then. Always false.
    pub fn give_up(&self, reason: &'static str, message: &str) -> bool {
        self.counters.dropped(reason, 1);
        self.complain(message);
        false
    }

    /// Says now and then what is wrong.
    pub fn complain(&self, message: &str) {
        if let Some(held) = self.seldom.lock().turn() {
            tracing::warn!(component = %self.id, unreported = held, "{message}");
        }
    }

    fn event(&self, mut record: Value, peer: &Peer, ack: &Ack) -> Event {
        (self.decorate)(&mut record, peer);
        self.source_type_key.fill(&mut record, self.source_type);
        self.timestamp_key.fill(&mut record, Utc::now());
        Event::new(record, ack.clone())
    }
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("id", &self.id).field("decoding", &self.decoding).finish_non_exhaustive()
    }
}
