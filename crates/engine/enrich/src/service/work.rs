//! Makes enriched events of the messages of a chunk.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use resilmesh_relay::delivery::Delivery;
use resilmesh_relay::event::{Event, NotAnEvent};
use resilmesh_relay::publish::{Form, Outgoing, Publication, Publisher, Target};
use resilmesh_relay::{Work, id, rejected};
use resilmesh_service::stats::Counters;

use crate::enrich::Enricher;
use crate::indicator::{self, Found, Indicator};
use crate::provider::chain::{Chain, Knowledge};

/// Everything that working on a chunk needs.
pub(super) struct Worker {
    pub(super) chain: Arc<Chain>,
    pub(super) enricher: Enricher,
    pub(super) name: String,
    pub(super) enriched: Arc<Target>,
    pub(super) rejected: Arc<Target>,
    pub(super) counters: Counters,
}

impl Work for Worker {
    async fn work(self: Arc<Self>, chunk: Vec<Delivery>, publisher: Publisher) {
        self.counters.received(chunk.len() as u64);
        if !self.chain.may_have_to_wait() {
            return self.work_on(chunk, publisher).await;
        }
        // Events that need not wait for a provider do not wait for those that must.
        let (prompt, waiting): (Vec<_>, Vec<_>) = chunk.into_iter().partition(|delivery| self.is_prompt(delivery));
        tokio::join!(self.work_on(prompt, publisher.clone()), self.work_on(waiting, publisher));
    }
}

impl Worker {
    fn is_prompt(&self, delivery: &Delivery) -> bool {
        let Ok(event) = Event::parse(&delivery.payload) else { return true };
        let found = indicator::find(&event);
        found.iter().flat_map(|found| &found.indicators).all(|indicator| self.chain.knows_at_once(indicator))
    }

    async fn work_on(&self, chunk: Vec<Delivery>, publisher: Publisher) {
        let results = tokio::select! {
            results = self.results(&chunk, &publisher) => results,
            () = publisher.giving_up() => return publisher.hand_back(chunk).await,
        };
        let outgoing = chunk.into_iter().zip(results);
        let outgoing = outgoing.map(|(delivery, forms)| {
            forms[0].to.counters.received(1);
            Outgoing { delivery, results: vec![forms] }
        });
        publisher.publish(outgoing.collect()).await;
    }

    /// What to publish for each message.
    async fn results(&self, chunk: &[Delivery], publisher: &Publisher) -> Vec<Publication> {
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
                Ok((event, found)) => self.event_forms(delivery, &event, &found, &knowledge),
                Err(reason) => self.rejected_forms(delivery, &reason),
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
                () = tokio::time::sleep(publisher.keep_alive()) => publisher.in_progress(chunk).await,
            }
        }
    }

    fn event_forms(
        &self,
        delivery: &Delivery,
        event: &Event<'_>,
        found: &[Found],
        knowledge: &Knowledge,
    ) -> Publication {
        let mut additions = self.enricher.additions(event, found, knowledge);
        if !additions.is_empty() {
            self.counters.sent(1);
        }
        let given = delivery.given_id();
        let id = id::of_event(event).unwrap_or_else(|| {
            // Whoever stores it needs one.
            additions.add_text(event, "event.id", &given);
            given
        });
        let mut forms = delivery.as_it_came(&id, &self.enriched);
        if !additions.is_empty() {
            forms.insert(0, Form { body: event.with(&additions).into(), ..forms[0].clone() });
        }
        forms
    }

    fn rejected_forms(&self, delivery: &Delivery, reason: &NotAnEvent) -> Publication {
        self.counters.dropped("not a JSON object", 1);
        let rejected = rejected::document(&delivery.payload, &reason.into(), &delivery.origin, &self.name);
        // Wrapped up it may be too large for the bus; the original came over it.
        let mut forms = delivery.as_it_came(&rejected.id, &self.rejected);
        forms.insert(0, Form { body: Bytes::from(rejected.body), ..forms[0].clone() });
        forms
    }
}
