//! Publishes results and finishes the messages they were made of.

use std::sync::Arc;
use std::time::Duration;

use async_nats::header::{HeaderValue, NATS_MESSAGE_ID};
use async_nats::{Client, HeaderMap, Request, RequestErrorKind, Subject};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use resilmesh_service::stats::Counters;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::ApiError;
use super::delivery::Delivery;

/// How long the stream may take to say that it stored a message.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A trouble that lasts is told this often.
const TELL_EVERY: Duration = Duration::from_secs(30);
/// JetStream's code for a message longer than the stream takes.
const MESSAGE_TOO_LARGE: u32 = 10054;

/// A result, and the message it was made of.
pub(super) struct Outgoing {
    pub(super) delivery: Delivery,
    /// What to publish, the most wanted first: if the server finds it too large, the next.
    pub(super) forms: Vec<Form>,
    pub(super) subject: Subject,
    pub(super) counters: Counters,
}

/// One way to publish a result.
#[derive(Clone)]
pub(super) struct Form {
    pub(super) body: Bytes,
    pub(super) id: Option<HeaderValue>,
}

/// Publishes results until the stream has them, however long that takes.
#[derive(Clone)]
pub(super) struct Publisher {
    pub(super) client: Client,
    pub(super) connections: watch::Receiver<u64>,
    /// When to stop trying and hand the messages back.
    pub(super) give_up: CancellationToken,
    pub(super) keep_alive: Duration,
    pub(super) told: Arc<Mutex<Option<Instant>>>,
}

/// What came of one attempt.
enum Attempt {
    Stored,
    TooLarge,
    Failed(String),
}

#[derive(Deserialize)]
struct PubAck {
    error: Option<ApiError>,
}

impl Publisher {
    /// Publishes all and finishes each message when its result is stored.
    pub(super) async fn publish(mut self, outgoing: Vec<Outgoing>) {
        let mut open: Vec<Option<Outgoing>> = outgoing.into_iter().map(Some).collect();
        let mut waits = vec![Duration::ZERO; open.len()];
        let mut attempts = self.attempt_all(&open);
        let mut keep_alive = tokio::time::interval_at(Instant::now() + self.keep_alive, self.keep_alive);
        loop {
            tokio::select! {
                biased;
                () = self.give_up.cancelled() => break,
                // What was sent over the old connection may be lost or stored: the id tells the
                // stream which.
                _ = self.connections.changed() => attempts = self.attempt_all(&open),
                _ = keep_alive.tick() => {
                    for outgoing in open.iter().flatten() {
                        outgoing.delivery.in_progress(&self.client).await;
                    }
                }
                attempt = attempts.next() => {
                    let Some((at, attempt)) = attempt else { return };
                    let Some(mut outgoing) = open[at].take() else { continue };
                    match attempt {
                        Attempt::Stored => {
                            outgoing.counters.sent(1);
                            outgoing.delivery.done(&self.client).await;
                            continue;
                        }
                        Attempt::TooLarge if outgoing.forms.len() > 1 => {
                            outgoing.forms.remove(0);
                        }
                        Attempt::TooLarge => self.tell(&mut waits[at], &outgoing, "the message is too large for the stream"),
                        Attempt::Failed(why) => self.tell(&mut waits[at], &outgoing, &why),
                    }
                    attempts.push(attempt_one(self.client.clone(), at, &outgoing, waits[at]));
                    open[at] = Some(outgoing);
                }
            }
        }
        for outgoing in open.into_iter().flatten() {
            outgoing.delivery.hand_back(&self.client).await;
        }
    }

    fn attempt_all(&self, open: &[Option<Outgoing>]) -> FuturesUnordered<BoxFuture<'static, (usize, Attempt)>> {
        open.iter()
            .enumerate()
            .filter_map(|(at, outgoing)| outgoing.as_ref().map(|outgoing| (at, outgoing)))
            .map(|(at, outgoing)| attempt_one(self.client.clone(), at, outgoing, Duration::ZERO))
            .collect()
    }

    /// Counts a failed attempt, lengthens the wait for the next, and tells of it now and then.
    fn tell(&self, wait: &mut Duration, outgoing: &Outgoing, why: &str) {
        outgoing.counters.error();
        *wait = (*wait * 2).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        let mut told = self.told.lock();
        if told.is_none_or(|then| then.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!("`{}` does not take a message: {why}; trying again until it does", outgoing.subject);
        }
    }
}

fn attempt_one(client: Client, at: usize, outgoing: &Outgoing, wait: Duration) -> BoxFuture<'static, (usize, Attempt)> {
    let subject = outgoing.subject.clone();
    let form = outgoing.forms.first().cloned();
    Box::pin(async move {
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let attempt = match form {
            Some(form) => attempt(&client, subject, form).await,
            // Nothing to publish is nothing to wait for.
            None => Attempt::Stored,
        };
        (at, attempt)
    })
}

async fn attempt(client: &Client, subject: Subject, form: Form) -> Attempt {
    let mut request = Request::new().payload(form.body).timeout(Some(ANSWER_WITHIN));
    if let Some(id) = form.id {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id);
        request = request.headers(headers);
    }
    match client.send_request(subject, request).await {
        Ok(answer) => match serde_json::from_slice::<PubAck>(&answer.payload) {
            Ok(PubAck { error: None }) => Attempt::Stored,
            Ok(PubAck { error: Some(error) }) if error.err_code == MESSAGE_TOO_LARGE => Attempt::TooLarge,
            Ok(PubAck { error: Some(error) }) => Attempt::Failed(format!("{} ({})", error.description, error.err_code)),
            Err(error) => Attempt::Failed(format!("the answer is no acknowledgement: {error}")),
        },
        Err(error) => match error.kind() {
            RequestErrorKind::MaxPayloadExceeded => Attempt::TooLarge,
            RequestErrorKind::TimedOut => {
                let seconds = ANSWER_WITHIN.as_secs();
                Attempt::Failed(format!("no answer within {seconds} s (may the bus's user publish there?)"))
            }
            RequestErrorKind::NoResponders => Attempt::Failed("no stream has this subject".to_owned()),
            _ => Attempt::Failed(error.to_string()),
        },
    }
}
