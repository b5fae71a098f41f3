//! Publishing with acknowledgements, many messages under way at once.
//!
//! Messages are published in order; each is then on its own until the server has acknowledged it.
//! What is under way is bounded by number and size, so when the stream is full or the server is
//! away, the window fills up with messages that try again, and nothing more is taken from upstream.

use std::error::Error as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::{self, ErrorCode, context::ContextBuilder};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use resilmesh_service::stats::Counters;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::link::{Link, Up};
use super::message::{Message, Messages};
use super::options::Pace;
use crate::event::Input;
use crate::sink::SinkContext;
use crate::sink::complain::Complaints;
use crate::sink::refuse::Refusals;
use crate::sink::retry::{Backoff, Next, wait};

/// Payloads under way at once, in bytes; one message may go beyond.
const WINDOW_BYTES: usize = 8 * 1024 * 1024;

/// After the connection was lost and made again, an acknowledgement that does not come within this
/// time will not come. (A message that still waited to be written is sent on the new connection.)
const GRACE: Duration = Duration::from_millis(500);

/// Publishes what comes in.
pub(super) async fn run(
    mut input: Input,
    mut messages: Messages,
    link: Link,
    pace: Pace,
    refusals: Refusals,
    context: &SinkContext,
) {
    let window = pace.window;
    let publisher = Arc::new(Publisher {
        link,
        pace,
        refusals,
        sink: context.id.clone(),
        counters: context.counters.clone(),
        stop: context.stop.clone(),
        complaints: Complaints::default(),
        room: Notify::new(),
        stream: Mutex::new(None),
    });
    let mut under_way = FuturesUnordered::new();
    let mut bytes = 0;
    loop {
        let batch = tokio::select! {
            Some(size) = under_way.next() => {
                bytes -= size;
                continue;
            }
            batch = input.recv() => batch,
        };
        let Some(batch) = batch else { break };
        for event in batch {
            let Some(message) = messages.of(event).await else { continue };
            let size = message.payload.len();
            while under_way.len() >= window || (bytes + size > WINDOW_BYTES && bytes > 0) {
                let Some(done) = under_way.next().await else { break };
                bytes -= done;
            }
            bytes += size;
            // What is published for the first time goes out in order; waiting for acknowledgements
            // and trying again do not hold the next one up.
            let first = {
                let mut sending = pin!(publisher.send(&message));
                loop {
                    tokio::select! {
                        biased;
                        first = &mut sending => break first,
                        Some(done) = under_way.next() => bytes -= done,
                    }
                }
            };
            let publisher = Arc::clone(&publisher);
            under_way.push(async move {
                publisher.deliver(message, first).await;
                size
            });
        }
    }
    while under_way.next().await.is_some() {}
}

struct Publisher {
    link: Link,
    pace: Pace,
    refusals: Refusals,
    sink: String,
    counters: Counters,
    stop: CancellationToken,
    complaints: Complaints,
    /// Tells those who wait for their next attempt that one has just succeeded.
    room: Notify,
    /// JetStream on the present client.
    stream: Mutex<Option<(Up, jetstream::Context)>>,
}

/// A message that was published and is not acknowledged yet.
struct Sent {
    up: Up,
    acknowledgement: PublishAckFuture,
}

/// Why a message was not acknowledged.
enum Failure {
    /// It may be the next time.
    ForNow(String),
    /// It never will be.
    ForGood { reason: &'static str, message: String },
    /// The service stops.
    Stopping,
}

impl Publisher {
    /// Publishes a message until it is acknowledged, or never will be. It has been `sent` once.
    async fn deliver(&self, message: Message, mut sent: Result<Sent, Failure>) {
        let mut backoff = self.pace.retry.start();
        loop {
            let outcome = match sent {
                Ok(sent) => self.acknowledged(sent).await,
                Err(failure) => Err(failure),
            };
            match outcome {
                Ok(()) => {
                    self.counters.sent(1);
                    message.owed.delivered();
                    // Two for one: when there is room for all, soon all know; when there is room
                    // for one, at most two come in vain.
                    self.room.notify_one();
                    self.room.notify_one();
                    return;
                }
                Err(Failure::Stopping) => return,
                Err(Failure::ForGood { reason, message: why }) => {
                    return self.refusals.give_up(message.event, message.owed, reason, &why).await;
                }
                Err(Failure::ForNow(why)) => {
                    self.counters.error();
                    self.complaints.retrying(&self.sink, &format!("publishing to `{}`", message.subject), &why);
                    match self.pause(&mut backoff).await {
                        Next::Again => sent = self.send(&message).await,
                        Next::Stopping => return,
                        Next::Enough => {
                            let Message { event, owed, .. } = message;
                            return self.refusals.give_up(event, owed, "retries exhausted", &why).await;
                        }
                    }
                }
            }
        }
    }

    async fn pause(&self, backoff: &mut Backoff) -> Next {
        tokio::select! {
            next = wait(backoff, &self.stop) => next,
            () = self.room.notified() => Next::Again,
        }
    }

    /// Publishes a message once.
    async fn send(&self, message: &Message) -> Result<Sent, Failure> {
        tokio::select! {
            sent = self.publish(message) => sent,
            () = self.stop.cancelled() => Err(Failure::Stopping),
        }
    }

    async fn publish(&self, message: &Message) -> Result<Sent, Failure> {
        let up = self.link.up().await;
        if let Some(rate) = &self.pace.rate {
            rate.permit().await;
        }
        let mut headers = HeaderMap::new();
        if let Some(id) = &message.id {
            headers.insert(NATS_MESSAGE_ID, id.clone());
        }
        let stream = self.stream(&up);
        let sent = stream.publish_with_headers(message.subject.clone(), headers, message.payload.clone()).await;
        match sent {
            Ok(acknowledgement) => Ok(Sent { up, acknowledgement }),
            Err(error) => Err(self.judge(&up, &error)),
        }
    }

    /// Waits until what was sent is acknowledged.
    async fn acknowledged(&self, Sent { up, acknowledgement }: Sent) -> Result<(), Failure> {
        tokio::select! {
            acknowledged = acknowledgement.into_future() => {
                acknowledged.map(drop).map_err(|error| self.judge(&up, &error))
            }
            () = self.lost(&up) => Err(Failure::ForNow("the connection was lost".to_owned())),
            () = self.stopped() => Err(Failure::Stopping),
        }
    }

    /// When the service stops, an acknowledgement that is on its way still counts.
    async fn stopped(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    }

    fn judge(&self, up: &Up, error: &PublishError) -> Failure {
        if client_has_ended(error) {
            self.link.has_ended(up);
        }
        judge(error)
    }

    /// JetStream on the client behind `up`.
    fn stream(&self, up: &Up) -> jetstream::Context {
        let mut present = self.stream.lock();
        match &*present {
            Some((of, stream)) if of.is_same_client(up) => stream.clone(),
            _ => {
                let stream = ContextBuilder::new().timeout(self.pace.timeout).build(up.client.clone());
                *present = Some((up.clone(), stream.clone()));
                stream
            }
        }
    }

    /// Resolves when an acknowledgement of what was published on `up` can no longer come.
    async fn lost(&self, up: &Up) {
        self.link.made_again(up).await;
        tokio::time::sleep(GRACE).await;
    }
}

/// Whether the client takes nothing any more. It says so by dropping what waits for an answer, or
/// by an error that is not from the server.
fn client_has_ended(error: &PublishError) -> bool {
    match error.kind() {
        PublishErrorKind::BrokenPipe => true,
        PublishErrorKind::Other => answer(error).is_none(),
        _ => false,
    }
}

/// What the server answered instead of an acknowledgement.
fn answer(error: &PublishError) -> Option<ErrorCode> {
    error.source()?.downcast_ref::<jetstream::Error>().map(jetstream::Error::error_code)
}

/// Whether a message that was not acknowledged may be the next time.
fn judge(error: &PublishError) -> Failure {
    let message = error.to_string();
    match (error.kind(), answer(error)) {
        (PublishErrorKind::MaxPayloadExceeded, _) => Failure::ForGood { reason: "too large for the server", message },
        (_, Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM)) => {
            Failure::ForGood { reason: "too large for the stream", message }
        }
        _ => Failure::ForNow(message),
    }
}
