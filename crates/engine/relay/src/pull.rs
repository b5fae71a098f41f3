//! Takes messages from the durable consumer.
//!
//! One request for a number of messages is open at a time; it ends when they have come, when it
//! expires, when the server goes silent, or when the connection had to be made again (a server
//! that was restarted knows nothing of it).

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber};
use futures::{FutureExt, StreamExt};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::delivery::Delivery;
use crate::window::{Load, Window};

/// Messages asked for at once.
const REQUEST: usize = 1_000;
/// Messages worked on together.
const CHUNK: Load = Load { messages: 256, bytes: 1 << 20 };
/// How long a request stays open.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that it is still there while it has nothing.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// What a message takes besides its payload: subject, reply subject, headers.
const OVERHEAD: usize = 512;

const MADE_AGAIN: &str = "the connection was made again";

/// Pulls messages into chunks.
pub(crate) struct Puller {
    client: Client,
    subject: String,
    inbox: String,
    subscriber: Subscriber,
    requests: u64,
    window: Arc<Window>,
    connections: watch::Receiver<u64>,
    stop: CancellationToken,
}

/// Why no more messages come for now.
pub(crate) enum Pause {
    /// The service is to stop.
    Stop,
    /// The consumer must be looked at before more is asked for.
    Consumer(String),
}

/// What a message without a payload for us says.
enum Word {
    StillThere,
    RequestDone,
    Trouble(String),
}

impl Puller {
    /// A puller for a consumer.
    pub(crate) async fn new(
        client: &Client,
        (stream, consumer): (&str, &str),
        window: Arc<Window>,
        connections: watch::Receiver<u64>,
        stop: CancellationToken,
    ) -> Result<Self, async_nats::SubscribeError> {
        let inbox = client.new_inbox();
        let subscriber = client.subscribe(format!("{inbox}.*")).await?;
        Ok(Self {
            client: client.clone(),
            subject: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"),
            inbox,
            subscriber,
            requests: 0,
            window,
            connections,
            stop,
        })
    }

    /// Asks for messages whenever there is room, and gives them to `work` in chunks.
    pub(crate) async fn run(&mut self, work: &mut impl FnMut(Vec<Delivery>)) -> Pause {
        loop {
            let free = tokio::select! {
                free = self.window.room() => free,
                () = self.stop.cancelled() => return Pause::Stop,
            };
            // While there was no room, nobody has seen it.
            if self.connections.has_changed().unwrap_or(false) {
                return Pause::Consumer(MADE_AGAIN.to_owned());
            }
            let count = free.messages.min(REQUEST);
            if let Err(error) = self.request(count, free.bytes).await {
                return Pause::Consumer(error.to_string());
            }
            if let Some(pause) = self.receive(count, work).await {
                return pause;
            }
        }
    }

    async fn request(&mut self, count: usize, bytes: usize) -> Result<(), async_nats::PublishError> {
        self.requests += 1;
        // A message larger than the request allows would never come.
        let bytes = bytes.max(self.client.max_payload() + OVERHEAD);
        let request = json!({
            "batch": count,
            "max_bytes": bytes,
            "expires": nanoseconds(EXPIRES),
            "idle_heartbeat": nanoseconds(HEARTBEAT),
        });
        let reply = self.reply();
        self.client.publish_with_reply(self.subject.clone(), reply, request.to_string().into()).await
    }

    fn reply(&self) -> String {
        format!("{}.{}", self.inbox, self.requests)
    }

    /// Receives until the request is done. None if the next one may be made at once.
    async fn receive(&mut self, count: usize, work: &mut impl FnMut(Vec<Delivery>)) -> Option<Pause> {
        let mut left = count;
        let mut silent_until = Instant::now() + 2 * HEARTBEAT + Duration::from_secs(2);
        while left > 0 {
            let message = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Some(Pause::Stop),
                _ = self.connections.changed() => return Some(Pause::Consumer(MADE_AGAIN.to_owned())),
                message = self.subscriber.next() => message,
                () = tokio::time::sleep_until(silent_until) => {
                    return Some(Pause::Consumer("the server has gone silent".to_owned()));
                }
            };
            silent_until = Instant::now() + 2 * HEARTBEAT + Duration::from_secs(2);
            let Some(message) = message else {
                return Some(Pause::Consumer("the subscription has ended".to_owned()));
            };
            let mut chunk = Chunk::default();
            let mut word = self.sort(message, &mut chunk);
            while word.is_none() && !chunk.is_full(left) {
                let Some(Some(message)) = self.subscriber.next().now_or_never() else { break };
                word = self.sort(message, &mut chunk);
            }
            left = left.saturating_sub(chunk.deliveries.len());
            if !chunk.deliveries.is_empty() {
                work(chunk.deliveries);
            }
            match word {
                None | Some(Word::StillThere) => {}
                Some(Word::RequestDone) => return None,
                Some(Word::Trouble(what)) => return Some(Pause::Consumer(what)),
            }
        }
        None
    }

    /// Puts an event's message into the chunk; answers what any other message says.
    fn sort(&self, message: Message, chunk: &mut Chunk) -> Option<Word> {
        let Some(status) = message.status.filter(|status| *status != StatusCode::OK) else {
            let bytes = message.payload.len() + OVERHEAD;
            if let Some(delivery) = Delivery::new(message, self.window.take(bytes)) {
                chunk.load.messages += 1;
                chunk.load.bytes += bytes;
                chunk.deliveries.push(delivery);
            }
            return None;
        };
        if message.subject.as_str() != self.reply() {
            // About an earlier request.
            return None;
        }
        Some(Word::of(status, message.description.as_deref().unwrap_or_default()))
    }

    /// Hands back what has been delivered and not been taken.
    pub(crate) async fn end(mut self) {
        if self.subscriber.unsubscribe().await.is_err() {
            return;
        }
        while let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(200), self.subscriber.next()).await {
            if let Some(delivery) = Delivery::new(message, self.window.take(0)) {
                delivery.hand_back(&self.client).await;
            }
        }
    }
}

impl Word {
    fn of(status: StatusCode, description: &str) -> Self {
        const DONE: [&str; 2] = ["Batch Completed", "Message Size Exceeds MaxBytes"];
        match status {
            StatusCode::IDLE_HEARTBEAT => Self::StillThere,
            StatusCode::TIMEOUT | StatusCode::NOT_FOUND => Self::RequestDone,
            _ if DONE.iter().any(|done| description.eq_ignore_ascii_case(done)) => Self::RequestDone,
            StatusCode::NO_RESPONDERS => Self::Trouble("nobody answers for the consumer".to_owned()),
            status => Self::Trouble(format!("{status} {description}")),
        }
    }
}

#[derive(Default)]
struct Chunk {
    deliveries: Vec<Delivery>,
    load: Load,
}

impl Chunk {
    fn is_full(&self, left: usize) -> bool {
        self.load.messages >= CHUNK.messages.min(left) || self.load.bytes >= CHUNK.bytes
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
