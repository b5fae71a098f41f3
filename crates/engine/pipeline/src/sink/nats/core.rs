//! Publishing without acknowledgement: a message counts as delivered when it was written to the
//! connection and the connection still stood afterwards.

use async_nats::client::PublishErrorKind;
use resilmesh_service::stats::Counters;
use tokio_util::sync::CancellationToken;

use super::link::{Link, Up};
use super::message::{Message, Messages};
use super::options::Pace;
use crate::event::Input;
use crate::sink::SinkContext;
use crate::sink::complain::Complaints;
use crate::sink::refuse::Refusals;
use crate::sink::retry::{Next, wait};

/// Publishes what comes in.
pub(super) async fn run(
    mut input: Input,
    mut messages: Messages,
    link: Link,
    pace: Pace,
    refusals: Refusals,
    context: &SinkContext,
) {
    let publisher = Publisher {
        link,
        pace,
        refusals,
        sink: context.id.clone(),
        counters: context.counters.clone(),
        stop: context.stop.clone(),
        complaints: Complaints::default(),
    };
    while let Some(batch) = input.recv().await {
        let mut made = Vec::with_capacity(batch.len());
        for event in batch {
            made.extend(messages.of(event).await);
        }
        publisher.deliver(made).await;
    }
}

struct Publisher {
    link: Link,
    pace: Pace,
    refusals: Refusals,
    sink: String,
    counters: Counters,
    stop: CancellationToken,
    complaints: Complaints,
}

impl Publisher {
    async fn deliver(&self, mut messages: Vec<Message>) {
        let mut backoff = self.pace.retry.start();
        loop {
            let up = tokio::select! {
                up = self.link.up() => up,
                () = self.stop.cancelled() => return,
            };
            let attempt = tokio::select! {
                attempt = self.publish(&up, &mut messages) => attempt,
                () = self.stop.cancelled() => return,
            };
            let error = match attempt {
                Ok(()) if !self.link.was_lost(&up) => break,
                Ok(()) => "the connection was lost".to_owned(),
                Err(error) => error,
            };
            self.counters.error();
            self.complaints.retrying(&self.sink, "publishing", &error);
            match wait(&mut backoff, &self.stop).await {
                Next::Again => {}
                Next::Stopping => return,
                Next::Enough => {
                    for Message { event, owed, .. } in messages {
                        self.refusals.give_up(event, owed, "retries exhausted", &error).await;
                    }
                    return;
                }
            }
        }
        self.counters.sent(messages.len() as u64);
        messages.into_iter().for_each(|message| message.owed.delivered());
    }

    /// Publishes all and waits until they are written. Those that cannot ever be are taken out.
    async fn publish(&self, up: &Up, messages: &mut Vec<Message>) -> Result<(), String> {
        let mut next = 0;
        while let Some(message) = messages.get(next) {
            if let Some(rate) = &self.pace.rate {
                rate.permit().await;
            }
            match up.client.publish(message.subject.clone(), message.payload.clone()).await {
                Ok(()) => next += 1,
                Err(error) if error.kind() == PublishErrorKind::Send => {
                    self.link.has_ended(up);
                    return Err(error.to_string());
                }
                Err(error) => {
                    let reason = match error.kind() {
                        PublishErrorKind::MaxPayloadExceeded => "too large for the server",
                        _ => "invalid subject",
                    };
                    let Message { event, owed, .. } = messages.remove(next);
                    self.refusals.give_up(event, owed, reason, &error.to_string()).await;
                }
            }
        }
        match tokio::time::timeout(self.pace.timeout, up.client.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.link.has_ended(up);
                Err(error.to_string())
            }
            Err(_) => Err(format!("not written within {} s", self.pace.timeout.as_secs())),
        }
    }
}
