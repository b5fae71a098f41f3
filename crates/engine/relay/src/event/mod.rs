//! An event: read where indicators are looked for, otherwise left as the text it came as.

mod addition;
mod json;

use std::borrow::Cow;

pub use addition::Additions;
pub use addition::quoted;
use json::{Node, Object};

/// The top-level fields whose contents matter here.
const LOOKED_INTO: [&str; 8] = ["event", "source", "destination", "url", "dns", "host", "threat", "resilmesh"];

/// An event that came over the bus.
#[derive(Debug)]
pub struct Event<'a> {
    text: &'a str,
    root: Object<'a>,
}

/// Why a message is no event.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEvent {
    /// The payload is not UTF-8.
    #[error("the message is not UTF-8 text: {0} (event.original shows such bytes as \\xNN)")]
    Encoding(#[from] std::str::Utf8Error),
    /// The text is not JSON.
    #[error("the message is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The JSON is something else than an object.
    #[error("the message is JSON, but not an object")]
    NotAnObject,
}

/// A field that may hold one text or a list of them.
#[derive(Debug, PartialEq, Eq)]
pub enum Texts<'a> {
    /// One text.
    One(Cow<'a, str>),
    /// A list.
    Many(Vec<Cow<'a, str>>),
}

impl<'a> Event<'a> {
    /// Reads an event.
    ///
    /// # Errors
    /// When the payload is no JSON object.
    pub fn parse(payload: &'a [u8]) -> Result<Self, NotAnEvent> {
        let text = std::str::from_utf8(payload)?.trim_matches([' ', '\t', '\r', '\n']);
        if !text.starts_with('{') {
            serde_json::from_str::<serde::de::IgnoredAny>(text)?;
            return Err(NotAnEvent::NotAnObject);
        }
        let look_into = |key: &str| {
            let first = key.split('.').next().unwrap_or_default();
            LOOKED_INTO.contains(&first)
        };
        Ok(Self { text, root: Object::parse(text, &look_into)? })
    }

    /// The text at a dotted path.
    pub fn text(&self, path: &str) -> Option<Cow<'a, str>> {
        match self.root.find(path)? {
            Node::Other(json) => json::string(json),
            Node::Object(_) => None,
        }
    }

    /// The text or texts (at most `limit`) at a dotted path.
    pub fn texts(&self, path: &str, limit: usize) -> Option<Texts<'a>> {
        match self.root.find(path)? {
            Node::Other(json) => {
                json::string(json).map(Texts::One).or_else(|| json::strings(json, limit).map(Texts::Many))
            }
            Node::Object(_) => None,
        }
    }

    /// The JSON text at a dotted path, unless it is an object.
    pub fn json(&self, path: &str) -> Option<&'a str> {
        match self.root.find(path)? {
            Node::Other(json) => Some(json),
            Node::Object(_) => None,
        }
    }

    /// Whether nothing may be added at the path, since something is there, below it, or in its way.
    pub fn is_taken(&self, path: &str) -> bool {
        self.root.is_taken(path)
    }

    /// The event's text with fields added; all else is as it was, to the byte.
    pub fn with(&self, additions: &Additions<'_>) -> Vec<u8> {
        addition::apply(self.text, &self.root, additions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_refused_with_the_reason() {
        let reason = |payload: &[u8]| Event::parse(payload).expect_err("no event").to_string();
        assert!(reason(b"[1]").ends_with("not an object"));
        assert!(reason(b"nonsense").starts_with("the message is not JSON"));
        assert!(reason(b"{\"a\": 1").starts_with("the message is not JSON"));
        assert!(reason(b"{\"a\": 1} x").starts_with("the message is not JSON"));
        assert!(reason(b"").starts_with("the message is not JSON"));
        assert!(reason(b"{\"a\": \"\xff\"}").starts_with("the message is not UTF-8"));
    }

    #[test]
    fn texts_are_read_one_or_many() {
        let event = Event::parse(br#"{"dns": {"resolved_ip": ["a", "b", "c"]}, "host": {"ip": "d", "name": 3}}"#);
        let event = event.expect("an event");
        assert_eq!(event.texts("dns.resolved_ip", 2), Some(Texts::Many(vec!["a".into(), "b".into()])));
        assert_eq!(event.texts("host.ip", 2), Some(Texts::One("d".into())));
        assert_eq!(event.texts("host.name", 2), None);
        assert_eq!(event.json("host.name"), Some("3"));
        assert_eq!(event.text("host"), None);
    }
}
