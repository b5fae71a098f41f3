//! From event to subject, headers and payload.

use async_nats::Subject;
use async_nats::header::HeaderValue;
use bytes::Bytes;
use vrl::value::Value;

use crate::codec::encode::Encoding;
use crate::codec::template::Template;
use crate::event::Event;
use crate::sink::confine::{Route, RouteError};
use crate::sink::owed::Owed;
use crate::sink::refuse::Refusals;

/// A message on its way.
pub(super) struct Message {
    pub(super) subject: Subject,
    pub(super) id: Option<HeaderValue>,
    pub(super) payload: Bytes,
    pub(super) owed: Owed,
    /// What it was made of, for the sink that takes refused events.
    pub(super) event: Value,
}

/// Makes messages of events.
pub(super) struct Messages {
    route: Route,
    message_id: Option<Template>,
    encoding: Encoding,
    refusals: Refusals,
    /// Payloads tend to be about as long as the one before.
    usual_length: usize,
}

impl Messages {
    pub(super) fn new(route: Route, message_id: Option<Template>, encoding: Encoding, refusals: Refusals) -> Self {
        Self { route, message_id, encoding, refusals, usual_length: 256 }
    }

    /// The message of an event; none = it can have none and was given up.
    pub(super) async fn of(&mut self, event: Event) -> Option<Message> {
        let subject = match self.subject(&event) {
            Ok(subject) => subject,
            Err((reason, message)) => {
                self.refusals.give_up(event.value, event.ack.into(), reason, &message).await;
                return None;
            }
        };
        let id = self.id(&event);
        let mut payload = Vec::with_capacity(self.usual_length);
        self.encoding.encode(&event.value, &mut payload);
        self.usual_length = (payload.len() + 64).clamp(256, 8192);
        Some(Message {
            subject,
            id,
            payload: payload.into(),
            owed: event.ack.into(),
            event: self.refusals.keep(event.value),
        })
    }

    fn subject(&self, event: &Event) -> Result<Subject, (&'static str, String)> {
        let subject = self.route.render(event).map_err(|error| {
            let reason = match error {
                RouteError::Missing(_) => "subject lacks fields",
                RouteError::Outside(..) => "subject outside of its prefix",
            };
            (reason, error.to_string())
        })?;
        match subject_mistake(&subject) {
            None => Ok(Subject::from(subject.as_ref())),
            Some(mistake) => Err(("invalid subject", format!("`{subject}` can be no subject: {mistake}"))),
        }
    }

    /// An event that lacks the fields of the id goes without one, as with Vector.
    fn id(&self, event: &Event) -> Option<HeaderValue> {
        let id = self.message_id.as_ref()?.render(event).ok()?;
        if id.is_empty() { None } else { id.parse().ok() }
    }
}

/// What keeps a text from being a subject to publish to.
pub(super) fn subject_mistake(text: &str) -> Option<&'static str> {
    if text.split('.').any(str::is_empty) {
        Some("a part between dots is empty")
    } else if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("it has whitespace or control characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects() {
        for good in ["ecs", "ecs.a.*", "ecs.>", "ecs.ü", "ecs.[\"a\",\"b\"]", "ecs.a/b"] {
            assert_eq!(subject_mistake(good), None, "{good}");
        }
        for bad in ["", "ecs.", ".ecs", "a..b", "ecs events", "a\nb", "a\tb", "a\0"] {
            assert!(subject_mistake(bad).is_some(), "{bad:?}");
        }
    }
}
