//! Events that can never be delivered: counted, and handed to another sink if there is one for it.

use resilmesh_service::stats::Counters;
use tokio::sync::mpsc;
use vrl::path;
use vrl::value;
use vrl::value::Value;

use super::SinkContext;
use super::owed::Owed;
use crate::event::{Batch, Event};

/// How reasons begin when the size of an event is what stands in the way.
const TOO_LARGE: &str = "too large";

/// How much of a text goes on of an event that is too large, in bytes.
const KEPT_BYTES: usize = 16 * 1024;

/// Where events go that can never be delivered.
#[derive(Debug, Clone)]
pub struct Refusals {
    id: String,
    kind: &'static str,
    counters: Counters,
    to: Option<mpsc::Sender<Batch>>,
}

impl Refusals {
    /// For a sink of type `kind`.
    pub fn new(kind: &'static str, context: &SinkContext) -> Self {
        let SinkContext { id, counters, refused, .. } = context;
        Self { id: id.clone(), kind, counters: counters.clone(), to: refused.clone() }
    }

    /// What must be kept of an event while it is on its way, so that it can be handed over.
    pub fn keep(&self, event: Value) -> Value {
        if self.to.is_some() { event } else { Value::Null }
    }

    /// Gives up an event: `reason` is what it is counted under, `message` what stood in the way.
    /// If another sink takes such events it gets this one with both below `metadata.dropped`, as
    /// `remap` leaves its own, and the event's fate is what becomes of it there.
    pub async fn give_up(&self, event: Value, owed: Owed, reason: &'static str, message: &str) {
        self.counters.dropped(reason, 1);
        let Some(to) = &self.to else {
            tracing::warn!(sink = self.id, reason, message, "event given up");
            return owed.rejected();
        };
        let mut event = Event::new(event, owed.into_ack());
        if reason.starts_with(TOO_LARGE) {
            // The sink that takes it would refuse it as well.
            cut(&mut event.value);
        }
        event.value.insert(
            path!("metadata", "dropped"),
            value!({
                "component_id": (self.id.as_str()),
                "component_kind": "sink",
                "component_type": (self.kind),
                "message": message,
                "reason": reason,
            }),
        );
        if let Err(refused) = to.send(vec![event]).await {
            tracing::warn!(sink = self.id, reason, message, "event given up: the sink for refused events has ended");
            refused.0.iter().for_each(|event| event.ack.errored());
        }
    }
}

/// Cuts all long texts, saying so in each.
fn cut(value: &mut Value) {
    if let Some(text) = value.as_bytes().filter(|text| text.len() > KEPT_BYTES) {
        let kept = String::from_utf8_lossy(&text[..KEPT_BYTES]);
        *value = format!("{kept} [cut: {} bytes in all]", text.len()).into();
        return;
    }
    match value {
        Value::Object(object) => object.values_mut().for_each(cut),
        Value::Array(items) => items.iter_mut().for_each(cut),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use resilmesh_service::Stats;

    use super::*;
    use crate::event::{Ack, Fate, channel};
    use crate::sink::testing;

    fn context(stats: &Stats, refused: Option<mpsc::Sender<Batch>>) -> SinkContext {
        SinkContext { refused, ..testing::counted(stats) }
    }

    #[tokio::test]
    async fn without_another_sink_it_is_counted_and_rejected() {
        let stats = Stats::new();
        let (ack, told) = Ack::pair();
        let refusals = Refusals::new("nats", &context(&stats, None));
        refusals.give_up(value!({"a": 1}), ack.into(), "too large", "1 of 0 bytes").await;
        assert_eq!(told.await, Fate::Rejected);
        assert_eq!(stats.snapshot().components["out"].dropped["too large"], 1);
    }

    #[tokio::test]
    async fn another_sink_gets_it_with_the_reason_and_decides_its_fate() {
        let stats = Stats::new();
        let (sender, mut input) = channel();
        let (ack, mut told) = Ack::pair();
        let refusals = Refusals::new("elasticsearch", &context(&stats, Some(sender)));
        refusals.give_up(value!({"a": 1}), ack.into(), "refused", "no IP address").await;
        assert!(futures::poll!(&mut told).is_pending());
        let event = input.recv().await.unwrap().remove(0);
        assert_eq!(event.value.get(path!("a")), Some(&value!(1)));
        assert_eq!(event.value.get(path!("metadata", "dropped", "message")), Some(&value!("no IP address")));
        assert_eq!(event.value.get(path!("metadata", "dropped", "component_id")), Some(&value!("out")));
        drop(event);
        assert_eq!(told.await, Fate::Delivered);
    }

    #[tokio::test]
    async fn of_what_is_too_large_the_beginnings_go_on() {
        let (sender, mut input) = channel();
        let (ack, _told) = Ack::pair();
        let refusals = Refusals::new("nats", &context(&Stats::new(), Some(sender)));
        let event = value!({"id": "x", "list": [("é".repeat(KEPT_BYTES))]});
        refusals.give_up(event, ack.into(), "too large for the server", "").await;
        let event = input.recv().await.unwrap().remove(0);
        assert_eq!(event.value.get(path!("id")), Some(&value!("x")));
        let text = event.value.get(path!("list", 0)).unwrap().to_string_lossy().into_owned();
        assert!(text.len() < KEPT_BYTES + 100 && text.ends_with(" [cut: 32768 bytes in all]"), "{} bytes", text.len());
    }

    #[tokio::test]
    async fn when_the_other_sink_has_ended_it_is_not_delivered() {
        let (sender, input) = channel();
        drop(input);
        let (ack, told) = Ack::pair();
        let refusals = Refusals::new("nats", &context(&Stats::new(), Some(sender)));
        refusals.give_up(value!({}), ack.into(), "too large", "").await;
        assert_eq!(told.await, Fate::Errored);
    }
}
