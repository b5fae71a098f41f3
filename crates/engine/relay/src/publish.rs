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

use crate::connection::ApiError;
use crate::delivery::Delivery;

/// How long the stream may take to say that it stored a message.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A trouble that lasts is told this often.
const TELL_EVERY: Duration = Duration::from_secs(30);
/// JetStream's code for a message longer than the stream takes.
const MESSAGE_TOO_LARGE: u32 = 10054;

/// A message, and what is to be published in its place.
#[derive(Debug)]
pub struct Outgoing {
    /// The message.
    pub delivery: Delivery,
    /// What was made of it; nothing if it is done with.
    pub results: Vec<Publication>,
}

/// One result: what to publish, the most wanted first; if the server finds it too large, the next.
pub type Publication = Vec<Form>;

/// One way to publish a result.
#[derive(Debug, Clone)]
pub struct Form {
    /// What is published.
    pub body: Bytes,
    /// What it is known by.
    pub id: Option<HeaderValue>,
    /// Where to.
    pub to: Arc<Target>,
}

/// A subject, and who counts what is published there.
#[derive(Debug)]
pub struct Target {
    /// The subject.
    pub subject: Subject,
    /// Counts as `sent` what is stored, and what must be tried again.
    pub counters: Counters,
}

/// Publishes results until the stream has them, however long that takes.
#[derive(Debug, Clone)]
pub struct Publisher {
    pub(crate) client: Client,
    pub(crate) connections: watch::Receiver<u64>,
    pub(crate) give_up: CancellationToken,
    pub(crate) keep_alive: Duration,
    pub(crate) told: Arc<Mutex<Option<Instant>>>,
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

type Attempts = FuturesUnordered<BoxFuture<'static, (usize, Attempt)>>;

/// What is not published yet, and the messages it was made of.
#[derive(Default)]
struct Open {
    /// With the number of results that are not stored yet.
    deliveries: Vec<Option<(Delivery, usize)>>,
    /// With the place of their message among those.
    results: Vec<Option<(usize, Publication)>>,
    /// How long to wait before the next attempt at a result.
    waits: Vec<Duration>,
}

impl Open {
    fn new(outgoing: Vec<Outgoing>) -> Self {
        let mut open = Self::default();
        for Outgoing { delivery, results } in outgoing {
            let at = open.deliveries.len();
            open.deliveries.push(Some((delivery, results.len())));
            open.results.extend(results.into_iter().map(|result| Some((at, result))));
        }
        open.waits = vec![Duration::ZERO; open.results.len()];
        open
    }

    /// The messages with nothing to publish in their place.
    fn done(&mut self) -> Vec<Delivery> {
        let done = self.deliveries.iter_mut();
        let done = done.filter_map(|own| own.take_if(|(_, left)| *left == 0).map(|(delivery, _)| delivery));
        done.collect()
    }

    /// A result of this message is stored; the message, if that was the last.
    fn stored(&mut self, delivery: usize) -> Option<Delivery> {
        let own = self.deliveries.get_mut(delivery)?;
        own.as_mut()?.1 -= 1;
        own.take_if(|(_, left)| *left == 0).map(|(delivery, _)| delivery)
    }

    fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.iter().flatten().map(|(delivery, _)| delivery)
    }
}

impl Publisher {
    /// Publishes all and finishes each message when everything made of it is stored.
    pub async fn publish(mut self, outgoing: Vec<Outgoing>) {
        let mut open = Open::new(outgoing);
        for delivery in open.done() {
            delivery.done(&self.client).await;
        }
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
                    for delivery in open.deliveries() {
                        delivery.in_progress(&self.client).await;
                    }
                }
                attempt = attempts.next() => {
                    let Some((at, attempt)) = attempt else { return };
                    self.take(&mut open, &mut attempts, at, attempt).await;
                }
            }
        }
        for (delivery, _) in open.deliveries.into_iter().flatten() {
            delivery.hand_back(&self.client).await;
        }
    }

    /// Goes by what came of an attempt.
    async fn take(&self, open: &mut Open, attempts: &mut Attempts, at: usize, attempt: Attempt) {
        let Some((delivery, mut forms)) = open.results[at].take() else { return };
        match attempt {
            Attempt::Stored => {
                if let Some(form) = forms.first() {
                    form.to.counters.sent(1);
                }
                if let Some(delivery) = open.stored(delivery) {
                    delivery.done(&self.client).await;
                }
                return;
            }
            Attempt::TooLarge if forms.len() > 1 => drop(forms.remove(0)),
            Attempt::TooLarge => self.tell(&mut open.waits[at], &forms, "the message is too large for the stream"),
            Attempt::Failed(why) => self.tell(&mut open.waits[at], &forms, &why),
        }
        attempts.push(attempt_one(self.client.clone(), at, &forms, open.waits[at]));
        open.results[at] = Some((delivery, forms));
    }

    fn attempt_all(&self, open: &Open) -> Attempts {
        let results = open.results.iter().enumerate();
        let results = results.filter_map(|(at, result)| result.as_ref().map(|(_, forms)| (at, forms)));
        results.map(|(at, forms)| attempt_one(self.client.clone(), at, forms, Duration::ZERO)).collect()
    }

    /// Counts a failed attempt, lengthens the wait for the next, and tells of it now and then.
    fn tell(&self, wait: &mut Duration, forms: &[Form], why: &str) {
        *wait = (*wait * 2).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        let Some(form) = forms.first() else { return };
        form.to.counters.error();
        let mut told = self.told.lock();
        if told.is_none_or(|then| then.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!("`{}` does not take a message: {why}; trying again until it does", form.to.subject);
        }
    }

    /// Resolves when nothing is waited for any more: messages that are not published yet are to be handed back.
    pub async fn giving_up(&self) {
        self.give_up.cancelled().await;
    }

    /// How often messages that are worked on have to be told of.
    pub fn keep_alive(&self) -> Duration {
        self.keep_alive
    }

    /// Tells the bus that messages are being worked on.
    pub async fn in_progress(&self, deliveries: impl IntoIterator<Item = &Delivery>) {
        for delivery in deliveries {
            delivery.in_progress(&self.client).await;
        }
    }

    /// Has messages delivered again, at once.
    pub async fn hand_back(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        for delivery in deliveries {
            delivery.hand_back(&self.client).await;
        }
    }
}

fn attempt_one(client: Client, at: usize, forms: &[Form], wait: Duration) -> BoxFuture<'static, (usize, Attempt)> {
    let form = forms.first().cloned();
    Box::pin(async move {
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let attempt = match form {
            Some(form) => attempt(&client, form).await,
            // Nothing to publish is nothing to wait for.
            None => Attempt::Stored,
        };
        (at, attempt)
    })
}

async fn attempt(client: &Client, form: Form) -> Attempt {
    let mut request = Request::new().payload(form.body).timeout(Some(ANSWER_WITHIN));
    if let Some(id) = form.id {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id);
        request = request.headers(headers);
    }
    match client.send_request(form.to.subject.clone(), request).await {
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
