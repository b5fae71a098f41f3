//! Makes enriched events of the messages of a chunk.

use std::collections::HashSet;
use std::sync::Arc;

use async_nats::Subject;
use async_nats::header::HeaderValue;
use bytes::Bytes;
use resilmesh_service::stats::Counters;
use sha2::{Digest, Sha256};

use super::delivery::Delivery;
use super::publish::{Form, Outgoing, Publisher};
use crate::cache::hex;
use crate::enrich::Enricher;
use crate::event::{Event, NotAnEvent};
use crate::indicator::{self, Found, Indicator};
use crate::provider::chain::{Chain, Knowledge};
use crate::rejected;

/// The longest event id that goes into a header as it is.
const LONGEST_ID: usize = 256;

/// Everything that working on a chunk needs.
pub(super) struct Worker {
    pub(super) chain: Arc<Chain>,
    pub(super) enricher: Enricher,
    pub(super) name: String,
    pub(super) enriched: Subject,
    pub(super) rejected: Subject,
    pub(super) counters: WorkCounters,
}

/// Where a worker counts.
pub(super) struct WorkCounters {
    pub(super) enrich: Counters,
    pub(super) output: Counters,
    pub(super) rejected: Counters,
}

impl Worker {
    /// Works on a chunk, to the end.
    pub(super) async fn work(self: Arc<Self>, chunk: Vec<Delivery>, publisher: Publisher) {
        self.counters.enrich.received(chunk.len() as u64);
        if !self.chain.may_have_to_wait() {
            return self.work_on(chunk, publisher).await;
        }
        // Events that need not wait for a provider do not wait for those that must.
        let (prompt, waiting): (Vec<_>, Vec<_>) = chunk.into_iter().partition(|delivery| self.is_prompt(delivery));
        tokio::join!(self.work_on(prompt, publisher.clone()), self.work_on(waiting, publisher));
    }

    fn is_prompt(&self, delivery: &Delivery) -> bool {
        let Ok(event) = Event::parse(&delivery.payload) else { return true };
        let found = indicator::find(&event);
        found.iter().flat_map(|found| &found.indicators).all(|indicator| self.chain.knows_at_once(indicator))
    }

    async fn work_on(&self, chunk: Vec<Delivery>, publisher: Publisher) {
        let stopped = publisher.give_up.clone();
        let outgoing = tokio::select! {
            results = self.results(&chunk, &publisher) => results,
            () = stopped.cancelled() => {
                for delivery in chunk {
                    delivery.hand_back(&publisher.client).await;
                }
                return;
            }
        };
        let outgoing = chunk.into_iter().zip(outgoing);
        let outgoing = outgoing.map(|(delivery, (kind, forms))| {
            let (subject, counters) = match kind {
                Kind::Event => (self.enriched.clone(), self.counters.output.clone()),
                Kind::Rejected => (self.rejected.clone(), self.counters.rejected.clone()),
            };
            counters.received(1);
            Outgoing { delivery, forms, subject, counters }
        });
        publisher.publish(outgoing.collect()).await;
    }

    /// What to publish for each message.
    async fn results(&self, chunk: &[Delivery], publisher: &Publisher) -> Vec<(Kind, Vec<Form>)> {
        let events: Vec<Result<(Event<'_>, Vec<Found>), NotAnEvent>> = chunk
            .iter()
            .map(|delivery| {
                let event = Event::parse(&delivery.payload)?;
                let found = indicator::find(&event);
                Ok((event, found))
            })
            .collect();
        let knowledge = self.look_up(&events, chunk, publisher).await;
        chunk
            .iter()
            .zip(events)
            .map(|(delivery, event)| match event {
                Ok((event, found)) => (Kind::Event, self.event_forms(delivery, &event, &found, &knowledge)),
                Err(reason) => (Kind::Rejected, self.rejected_forms(delivery, &reason)),
            })
            .collect()
    }

    /// Asks the providers about all indicators of the chunk at once, and meanwhile tells the bus
    /// that the messages are being worked on.
    async fn look_up(
        &self,
        events: &[Result<(Event<'_>, Vec<Found>), NotAnEvent>],
        chunk: &[Delivery],
        publisher: &Publisher,
    ) -> Knowledge {
        let distinct: HashSet<&Indicator> =
            events.iter().flatten().flat_map(|(_, found)| found).flat_map(|found| &found.indicators).collect();
        let distinct: Vec<Indicator> = distinct.into_iter().cloned().collect();
        let mut lookup = std::pin::pin!(self.chain.lookup(&distinct));
        loop {
            tokio::select! {
                biased;
                knowledge = &mut lookup => return knowledge,
                () = tokio::time::sleep(publisher.keep_alive) => {
                    for delivery in chunk {
                        delivery.in_progress(&publisher.client).await;
                    }
                }
            }
        }
    }

    fn event_forms(&self, delivery: &Delivery, event: &Event<'_>, found: &[Found], knowledge: &Knowledge) -> Vec<Form> {
        let mut additions = self.enricher.additions(event, found, knowledge);
        if !additions.is_empty() {
            self.counters.enrich.sent(1);
        }
        let given = delivery.sender_id.clone().unwrap_or_else(|| delivery.origin.id("event"));
        let id = event_id(event).unwrap_or_else(|| {
            // Whoever stores it needs one.
            additions.add_text(event, "event.id", &given);
            given
        });
        let id = header(&id);
        let original = Form { body: delivery.payload.clone(), id: Some(id.clone()) };
        // A message that fills the largest payload to the last byte has no room for a header.
        let bare = Form { body: delivery.payload.clone(), id: None };
        if additions.is_empty() {
            return vec![original, bare];
        }
        vec![Form { body: event.with(&additions).into(), id: Some(id) }, original, bare]
    }

    fn rejected_forms(&self, delivery: &Delivery, reason: &NotAnEvent) -> Vec<Form> {
        self.counters.enrich.dropped("not a JSON object", 1);
        let rejected = rejected::document(&delivery.payload, reason, &delivery.origin, &self.name);
        let id = header(&rejected.id);
        // Wrapped up it may be too large for the bus; the original came over it.
        let original = Form { body: delivery.payload.clone(), id: Some(id.clone()) };
        let bare = Form { body: delivery.payload.clone(), id: None };
        vec![Form { body: Bytes::from(rejected.body), id: Some(id) }, original, bare]
    }
}

/// What became of a message.
#[derive(Clone, Copy)]
enum Kind {
    Event,
    Rejected,
}

/// The event's own id: a text, or a number as it is written.
fn event_id(event: &Event<'_>) -> Option<String> {
    let is_number = |json: &&str| json.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let id = event.text("event.id").map(|id| id.into_owned());
    id.filter(|id| !id.is_empty()).or_else(|| event.json("event.id").filter(is_number).map(str::to_owned))
}

/// An id as a header; one that cannot stand there, or is too long, as its hash.
fn header(id: &str) -> HeaderValue {
    let fits = id.len() <= LONGEST_ID && !id.chars().any(char::is_control);
    if fits { HeaderValue::from(id) } else { HeaderValue::from(hex(&Sha256::digest(id.as_bytes())).as_str()) }
}
