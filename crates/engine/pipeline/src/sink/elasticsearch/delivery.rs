//! Tries until the fate of each operation is known.

use std::sync::Arc;
use std::time::Duration;

use resilmesh_service::stats::Counters;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Fate, Outcome};
use super::bulk::{Bulk, Draft, Operation, Text};
use super::operation::Operations;
use super::server::{Server, Trouble};
use crate::event::Event;
use crate::sink::SinkContext;
use crate::sink::batch::{Added, Requests};
use crate::sink::complain::Complaints;
use crate::sink::refuse::Refusals;
use crate::sink::request::Rate;
use crate::sink::retry::{Next, Retry, wait};

/// When the service stops, an answer that is on its way gets this long.
const LAST_WORD: Duration = Duration::from_secs(3);

/// Makes bulk requests of events and delivers them.
pub(super) struct Delivery {
    operations: Operations,
    server: Arc<Server>,
    retry: Retry,
    rate: Option<Rate>,
    refusals: Refusals,
    sink: String,
    counters: Counters,
    stop: CancellationToken,
    complaints: Complaints,
}

/// How a request ended.
enum End {
    /// The fate of each operation is told.
    Told,
    /// Parts of it may be taken.
    Halves([Bulk; 2]),
}

impl Delivery {
    pub(super) fn new(
        operations: Operations,
        server: Arc<Server>,
        retry: Retry,
        rate: Option<Rate>,
        refusals: Refusals,
        context: &SinkContext,
    ) -> Self {
        Self {
            operations,
            server,
            retry,
            rate,
            refusals,
            sink: context.id.clone(),
            counters: context.counters.clone(),
            stop: context.stop.clone(),
            complaints: Complaints::default(),
        }
    }

    async fn deliver(&self, mut bulk: Bulk) -> End {
        let mut backoff = self.retry.start();
        loop {
            let answer = match self.attempt(&bulk).await {
                // What is dropped here counts as not delivered.
                None => return End::Told,
                Some(answer) => answer,
            };
            let why = match answer {
                Ok(Answer::AllDone) => {
                    let (_, operations) = bulk.open();
                    self.stored(operations);
                    return End::Told;
                }
                Ok(Answer::Each(outcomes)) => {
                    let before = bulk.len();
                    let Some((rest, why)) = self.settle(bulk, &outcomes).await else { return End::Told };
                    if rest.len() < before {
                        backoff = self.retry.start();
                    }
                    bulk = rest;
                    why
                }
                Err(Trouble::InPart(_)) if bulk.len() > 1 => return End::Halves(bulk.halves()),
                Err(Trouble::InPart(why)) => {
                    self.give_up(bulk, "refused by the server", &why).await;
                    return End::Told;
                }
                Err(Trouble::Later(why)) => why,
            };
            self.counters.error();
            self.complaints.retrying(&self.sink, &format!("storing in {}", self.server.shown()), &why);
            match wait(&mut backoff, &self.stop).await {
                Next::Again => {}
                Next::Stopping => return End::Told,
                Next::Enough => {
                    self.give_up(bulk, "retries exhausted", &why).await;
                    return End::Told;
                }
            }
        }
    }

    /// Sends a request; none = the service stops.
    async fn attempt(&self, bulk: &Bulk) -> Option<Result<Answer, Trouble>> {
        if let Some(rate) = &self.rate {
            rate.permit().await;
        }
        tokio::select! {
            answer = self.server.send(bulk) => Some(answer),
            () = self.stopped() => None,
        }
    }

    async fn stopped(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(LAST_WORD).await;
    }

    /// Tells the fate of each operation that is known; gives back the others, and why.
    async fn settle(&self, bulk: Bulk, outcomes: &[Outcome]) -> Option<(Bulk, String)> {
        let (text, operations) = bulk.open();
        let (mut stored, mut rest, mut why) = (Vec::new(), Vec::new(), None);
        for (operation, outcome) in operations.into_iter().zip(outcomes) {
            match outcome.fate(operation.action) {
                Fate::Stored => stored.push(operation),
                Fate::Refused(reason) => self.refuse(&text, operation, "refused by the server", reason).await,
                Fate::Later(reason) => {
                    why.get_or_insert_with(|| reason.to_owned());
                    rest.push(operation);
                }
            }
        }
        self.stored(stored);
        why.map(|why| (text.request_of(rest), why))
    }

    fn stored(&self, operations: Vec<Operation>) {
        self.counters.sent(operations.len() as u64);
        operations.into_iter().for_each(|operation| operation.owed.delivered());
    }

    async fn give_up(&self, bulk: Bulk, reason: &'static str, why: &str) {
        let (text, operations) = bulk.open();
        for operation in operations {
            self.refuse(&text, operation, reason, why).await;
        }
    }

    async fn refuse(&self, text: &Text, operation: Operation, reason: &'static str, why: &str) {
        let event = text.event_of(&operation, self.operations.id_key());
        self.refusals.give_up(event, operation.owed, reason, why).await;
    }
}

impl Requests for Delivery {
    type Request = Draft;

    async fn add(&self, mut event: Event, draft: &mut Draft) -> Added {
        let owed = std::mem::take(&mut event.ack).into();
        if let Err((owed, impossible)) = draft.add(owed, |body| self.operations.write(&mut event, body)) {
            self.refusals.give_up(event.value, owed, impossible.reason, &impossible.message).await;
        }
        Added::Yes
    }

    fn size(draft: &Draft) -> (usize, usize) {
        draft.size()
    }

    async fn send(&self, draft: Draft) {
        let mut waiting = vec![draft.close()];
        while let Some(bulk) = waiting.pop() {
            if let End::Halves([first, second]) = self.deliver(bulk).await {
                waiting.extend([second, first]);
            }
        }
    }
}
