//! Messages that are no events: kept, with the reason, where they can be listed and replayed.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::event::NotAnEvent;
use crate::id::hex;

/// What is published in place of a message that is no event.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its `event.id`: the same whenever the same message is rejected again.
    pub id: String,
    /// The document.
    pub body: Vec<u8>,
}

/// Where a message stands in its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The stream.
    pub stream: String,
    /// Its number in the stream.
    pub sequence: u64,
    /// When the stream took it, in nanoseconds since 1970.
    pub nanoseconds: i64,
}

impl Origin {
    /// Reads it from the subject that acknowledges the message:
    /// `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<sequence>.<n>.<nanoseconds>.<pending>…`
    pub fn of_ack_subject(subject: &str) -> Option<Self> {
        let tokens: Vec<&str> = subject.strip_prefix("$JS.ACK.")?.split('.').collect();
        // Seven tokens; servers that name domain and account put two in front, and may add one.
        let tokens = if tokens.len() >= 9 { &tokens[2..] } else { &tokens[..] };
        Some(Self {
            stream: (*tokens.first()?).to_owned(),
            sequence: tokens.get(3)?.parse().ok()?,
            nanoseconds: tokens.get(5)?.parse().ok()?,
        })
    }

    /// An id for what is made of the message: the same at every delivery of it.
    pub fn id(&self, purpose: &str) -> String {
        let key = format!("{purpose}\n{}\n{}\n{}", self.stream, self.sequence, self.nanoseconds);
        hex(&Sha256::digest(key.as_bytes()))[..32].to_owned()
    }

    fn taken_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.nanoseconds)
    }
}

/// Why nothing can be made of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reason {
    /// In a sentence.
    pub message: String,
    /// The class of the error, if it has one.
    pub class: Option<String>,
    /// The lines of code on the way to it, if they are known.
    pub trace: Vec<String>,
}

impl From<&NotAnEvent> for Reason {
    fn from(error: &NotAnEvent) -> Self {
        Self { message: error.to_string(), ..Self::default() }
    }
}

/// The document for a message that nothing can be made of.
pub fn document(payload: &[u8], reason: &Reason, origin: &Origin, module: &str) -> Rejected {
    let id = origin.id("rejected");
    let mut error = json!({"message": reason.message});
    if let Some(class) = &reason.class {
        error["type"] = class.as_str().into();
    }
    if !reason.trace.is_empty() {
        error["stack_trace"] = reason.trace.join("\n").into();
    }
    let body = json!({
        "@timestamp": origin.taken_at().to_rfc3339_opts(SecondsFormat::Nanos, true),
        "event": {
            "id": id,
            "kind": "pipeline_error",
            "module": module,
            "original": text_of(payload),
            "reason": reason.message,
        },
        "error": error,
    });
    Rejected { id, body: body.to_string().into_bytes() }
}

/// The payload as text; bytes that are no UTF-8 as `\xNN`.
fn text_of(payload: &[u8]) -> String {
    let mut text = String::with_capacity(payload.len());
    for chunk in payload.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn the_place_in_the_stream_is_read_from_the_acknowledgement_subject() {
        let origin = Origin { stream: "ecs_events".into(), sequence: 12, nanoseconds: 1_700_000_000_000_000_001 };
        for subject in [
            "$JS.ACK.ecs_events.enrichment.1.12.5.1700000000000000001.3",
            "$JS.ACK.hub.ACC.ecs_events.enrichment.1.12.5.1700000000000000001.3",
            "$JS.ACK._.ACC.ecs_events.enrichment.1.12.5.1700000000000000001.3.rAnDoM",
        ] {
            assert_eq!(Origin::of_ack_subject(subject).as_ref(), Some(&origin), "{subject}");
        }
        assert_eq!(Origin::of_ack_subject("$JS.ACK.short"), None);
        assert_eq!(Origin::of_ack_subject("_INBOX.x"), None);
    }

    #[test]
    fn a_message_is_rejected_with_reason_and_original_and_the_same_id_each_time() {
        let origin = Origin { stream: "s".into(), sequence: 1, nanoseconds: 1_700_000_000_000_000_001 };
        let payload = b"caf\xe9 \"x\"";
        let reason = Reason::from(&Event::parse(payload).expect_err("no event"));
        let rejected = document(payload, &reason, &origin, "enrichment");
        assert_eq!(rejected, document(payload, &reason, &origin, "enrichment"));
        let body: serde_json::Value = serde_json::from_slice(&rejected.body).expect("JSON");
        assert_eq!(body["event"]["original"], "caf\\xe9 \"x\"");
        assert_eq!(body["event"]["id"], rejected.id.as_str());
        assert_eq!(body["event"]["reason"], body["error"]["message"]);
        assert_eq!(body["@timestamp"], "2023-11-14T22:13:20.000000001Z");
        assert_eq!(body["error"].as_object().map(|error| error.len()), Some(1));
        let reason = Reason { class: Some("KeyError".into()), trace: vec!["a.py:1: x".into(), "b".into()], ..reason };
        let detailed = document(payload, &reason, &origin, "module");
        let detailed: serde_json::Value = serde_json::from_slice(&detailed.body).expect("JSON");
        assert_eq!(
            (&detailed["error"]["type"], &detailed["error"]["stack_trace"]),
            (&"KeyError".into(), &"a.py:1: x\nb".into())
        );
        let reason = Reason { class: None, trace: Vec::new(), ..reason };
        let other = Origin { sequence: 2, ..origin };
        assert_ne!(document(payload, &reason, &other, "enrichment").id, rejected.id);
    }
}
