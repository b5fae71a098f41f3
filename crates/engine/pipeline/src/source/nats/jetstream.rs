//! Messages of a durable pull consumer, acknowledged when everything made of them is delivered.
//!
//! Three tasks: the *puller* asks for messages and decodes them, the *forwarder* sends the events
//! on and is the one that waits for room, and the *settler* tells the server the fate of messages
//! and which ones are still being worked on. So a slow sink never lets a message look abandoned.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber};
use futures::StreamExt;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::connection::{Link, Server};
use super::window::{MOST_BYTES, MOST_MESSAGES, Window, stream_sequence};
use super::{JetStreamOptions, Messages};
use crate::codec::framing::{Frame, Framer};
use crate::event::{Ack, Batch, Event, Fate, MAX_BATCH_EVENTS};
use crate::source::intake::{Intake, Peer};
use crate::source::{SourceContext, SourceError};
use crate::topology::Output;

/// How long one request for messages stands.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that a request still stands.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// After this long without a word the requests are taken for lost.
const SILENCE: Duration = Duration::from_secs(12);
/// How many requests stand at once, at most.
const REQUESTS: usize = 5;
/// How long the server waits before it sends a message again that was not delivered, in nanoseconds.
const AGAIN_AFTER: u64 = 1_000_000_000;
/// How long between looks for a consumer that is not there.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// The server's subscription buffer: more never waits, since no more is asked for.
const CAPACITY: usize = 65_536;

/// Takes messages until told to stop, then waits for the fate of those under way.
pub(super) async fn run(
    server: Server,
    options: JetStreamOptions,
    messages: Messages,
    context: SourceContext,
) -> Result<(), SourceError> {
    let intake = messages.intake(&context);
    let (events, forwarding) = mpsc::unbounded_channel();
    let forwarder = tokio::spawn(forward(forwarding, context.output.clone()));
    let (client, clients) = watch::channel(None);
    let (fates, told) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        window: Mutex::default(),
        settled: Notify::new(),
        ack_wait: Mutex::new(Duration::from_secs(30)),
    });
    let settler = tokio::spawn(settle(Arc::clone(&shared), clients, told, context.abandon.clone()));
    // The puller keeps everything else in the context, but must not keep the output open.
    let context = SourceContext { output: context.output.closed(), ..context };
    let mut puller = Puller { options, framer: messages.framer, intake, events, fates, shared, context };
    while let Some(link) = server.connect(CAPACITY, &puller.context).await {
        client.send_replace(Some(link.client.clone()));
        if puller.pull(link).await == End::Stopped {
            break;
        }
    }
    // Ends the forwarder when it has sent on what waits, and the settler when all is settled.
    drop(puller);
    let (forwarded, settled) = tokio::join!(forwarder, settler);
    forwarded.and(settled).map_err(|error| SourceError(format!("a task of it failed: {error}")))
}

/// What the tasks share.
struct Shared {
    window: Mutex<Window>,
    /// Told when messages have left the window.
    settled: Notify,
    /// How long the server waits for an acknowledgement.
    ack_wait: Mutex<Duration>,
}

type Told = (u64, Fate);

/// Sends events on, waiting for room.
async fn forward(mut events: mpsc::UnboundedReceiver<Event>, output: Output) {
    let mut batch = Batch::new();
    while events.recv_many(&mut batch, MAX_BATCH_EVENTS).await > 0 {
        if output.send(std::mem::take(&mut batch)).await.is_err() {
            events.close();
            while let Ok(event) = events.try_recv() {
                event.ack.errored();
            }
            return;
        }
    }
}

/// Tells the server what became of messages, and which ones are still being worked on.
async fn settle(
    shared: Arc<Shared>,
    clients: watch::Receiver<Option<Client>>,
    mut told: mpsc::UnboundedReceiver<Told>,
    abandon: tokio_util::sync::CancellationToken,
) {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut fates = Vec::new();
    let work = async {
        loop {
            tokio::select! {
                count = told.recv_many(&mut fates, 1000) => {
                    if count == 0 {
                        break;
                    }
                    let client = clients.borrow().clone();
                    for (sequence, fate) in fates.drain(..) {
                        let reply = shared.window.lock().settle(sequence);
                        if let (Some(client), Some(reply)) = (&client, reply) {
                            tell(client, reply, fate).await;
                        }
                    }
                    shared.settled.notify_one();
                }
                _ = second.tick() => {
                    let long = *shared.ack_wait.lock() / 3;
                    let silent = shared.window.lock().silent_for(long, std::time::Instant::now());
                    let client = clients.borrow().clone();
                    for reply in silent {
                        if let Some(client) = &client {
                            // A lost connection is made again, and the next tick tells anew.
                            let _ = client.publish(reply, "+WPI".into()).await;
                        }
                    }
                }
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = abandon.cancelled() => {}
    }
    let client = clients.borrow().clone();
    if let Some(client) = client {
        // What does not get through is delivered again, and known again by its id.
        let _ = timeout(Duration::from_secs(1), client.flush()).await;
    }
}

async fn tell(client: &Client, reply: String, fate: Fate) {
    let word = match fate {
        Fate::Delivered => "+ACK".to_owned(),
        Fate::Errored => format!("-NAK {}", json!({"delay": AGAIN_AFTER})),
        // The sink that refused it has counted it; it would refuse it again.
        Fate::Rejected => "+TERM".to_owned(),
    };
    // A word that is lost costs a second delivery, nothing else.
    let _ = client.publish(reply, word.into()).await;
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The source shall stop.
    Stopped,
    /// The client has given up: another one is needed.
    Closed,
    /// The requests are lost, or the consumer is not there: look again.
    Again,
}

/// Asks for messages and takes them in.
struct Puller {
    options: JetStreamOptions,
    framer: Framer,
    intake: Intake,
    events: mpsc::UnboundedSender<Event>,
    fates: mpsc::UnboundedSender<Told>,
    shared: Arc<Shared>,
    context: SourceContext,
}

impl Puller {
    async fn pull(&mut self, mut link: Link) -> End {
        loop {
            let end = match self.look(&mut link).await {
                Ok(()) => self.take(&mut link).await,
                Err(end) => end,
            };
            if end != End::Again {
                return end;
            }
        }
    }

    /// Waits until the consumer is there.
    async fn look(&self, link: &mut Link) -> Result<(), End> {
        let JetStreamOptions { stream, consumer, .. } = &self.options;
        let client = link.client.clone();
        loop {
            let found = tokio::select! {
                () = self.context.stop.cancelled() => return Err(End::Stopped),
                found = consumer_info(&client, stream, consumer) => found,
                () = link.closed() => return Err(End::Closed),
            };
            match found {
                Ok(ack_wait) => {
                    *self.shared.ack_wait.lock() = ack_wait;
                    return Ok(());
                }
                Err(reason) => {
                    self.context.readiness.waiting_for(format!("consumer {consumer} of stream {stream} ({reason})"));
                    self.intake.complain(&format!("waiting for consumer `{consumer}` of stream `{stream}`: {reason}"));
                }
            }
            tokio::select! {
                () = self.context.stop.cancelled() => return Err(End::Stopped),
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn take(&mut self, link: &mut Link) -> End {
        // A new inbox each time: what still comes for lost requests must not be counted as asked for.
        let inbox = link.client.new_inbox();
        let Ok(mut subscription) = link.client.subscribe(inbox.clone()).await else { return End::Again };
        let connections = link.health.borrow_and_update().connections;
        let mut requests = Requests { client: link.client.clone(), inbox, requested: 0 };
        let mut heard = Instant::now();
        let shared = Arc::clone(&self.shared);
        loop {
            if !self.ask(&mut requests).await {
                return End::Again;
            }
            self.context.readiness.ready();
            let message = tokio::select! {
                biased;
                () = self.context.stop.cancelled() => {
                    give_back(&link.client, subscription).await;
                    return End::Stopped;
                }
                changed = link.health.changed() => {
                    let health = *link.health.borrow_and_update();
                    if changed.is_err() || health.closed {
                        return End::Closed;
                    }
                    if health.connections != connections {
                        return End::Again;
                    }
                    continue;
                }
                message = subscription.next() => message,
                () = shared.settled.notified() => continue,
                () = tokio::time::sleep_until(heard + SILENCE) => {
                    if requests.requested == 0 {
                        heard = Instant::now();
                        continue;
                    }
                    self.context.counters.error();
                    self.intake.complain("the server has gone silent; asking again");
                    return End::Again;
                }
            };
            heard = Instant::now();
            let Some(message) = message else { return End::Again };
            if !self.handle(message, &mut requests) {
                return End::Again;
            }
        }
    }

    /// Asks for as much as there is room for. False if that cannot be done.
    async fn ask(&self, requests: &mut Requests) -> bool {
        let batch = self.options.batch_config.batch.min(MOST_MESSAGES / 2);
        loop {
            let room = self.shared.window.lock().room(requests.requested);
            // Not for every single message: rather when a good part of a request has come.
            if room < batch || requests.requested + batch / 2 > REQUESTS * batch {
                return true;
            }
            if !requests.send(&self.options, batch).await {
                return false;
            }
        }
    }

    /// Takes in a message, or a word of the server about a request. False if all requests are lost.
    fn handle(&mut self, message: Message, requests: &mut Requests) -> bool {
        match message.status {
            Some(StatusCode::IDLE_HEARTBEAT) => true,
            Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => requests.ended(&message),
            Some(status) if status.as_u16() == 409 => {
                let ended = requests.ended(&message);
                if !ended {
                    let words = message.description.as_deref().unwrap_or_default();
                    self.intake.complain(&format!("the server ended the requests: {words}"));
                }
                ended
            }
            Some(status) => {
                self.intake.complain(&format!("the server ended the requests: {status}"));
                false
            }
            None => {
                requests.requested = requests.requested.saturating_sub(1);
                self.message(message);
                true
            }
        }
    }

    fn message(&mut self, message: Message) {
        let Some(reply) = message.reply.as_ref() else { return };
        let Some(sequence) = stream_sequence(reply) else { return };
        if !self.shared.window.lock().came(sequence, reply, message.length, std::time::Instant::now()) {
            return;
        }
        let fates = self.fates.clone();
        let ack = Ack::telling(move |fate| {
            // Without the settler nobody waits for the fate: the server sends the message again.
            let _ = fates.send((sequence, fate));
        });
        let peer = Peer { host: Some(message.subject.as_str().into()), port: None };
        let mut batch = Batch::new();
        match self.decode(message.payload, &peer, &ack, &mut batch) {
            Ok(()) => {
                for event in batch {
                    if let Err(refused) = self.events.send(event) {
                        refused.0.ack.errored();
                    }
                }
            }
            Err(reason) => {
                // Left alone, as Vector does: the server sends it again after `ack_wait`, and
                // `max_deliver` of the consumer says how often.
                self.shared.window.lock().settle(sequence);
                self.context.counters.error();
                self.intake.complain(&format!("message {sequence} is left at the server: {reason}"));
            }
        }
    }

    fn decode(&self, payload: bytes::Bytes, peer: &Peer, ack: &Ack, batch: &mut Batch) -> Result<(), String> {
        let mut rest = bytes::BytesMut::from(payload);
        let mut framer = self.framer.clone();
        while let Some(frame) = framer.last(&mut rest) {
            match frame {
                Frame::Whole(frame) => {
                    self.intake.decode(frame, peer, ack, batch).map_err(|error| error.to_string())?;
                }
                Frame::TooLong | Frame::Incomplete => return Err("its framing is broken".to_owned()),
            }
        }
        Ok(())
    }
}

/// The requests that stand.
struct Requests {
    client: Client,
    inbox: String,
    /// How many messages they still ask for.
    requested: usize,
}

impl Requests {
    async fn send(&mut self, options: &JetStreamOptions, batch: usize) -> bool {
        let JetStreamOptions { stream, consumer, batch_config, .. } = options;
        let max_bytes = match batch_config.max_bytes {
            0 => MOST_BYTES / 2,
            bytes => bytes,
        };
        let request = json!({
            "batch": batch,
            "max_bytes": max_bytes,
            "expires": EXPIRES.as_nanos() as u64,
            "idle_heartbeat": HEARTBEAT.as_nanos() as u64,
        });
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let sent = self.client.publish_with_reply(subject, self.inbox.clone(), request.to_string().into()).await;
        self.requested += batch;
        sent.is_ok()
    }

    /// Takes note that a request has ended before all it asked for came. False if the server does
    /// not say how much that was: then none can be relied on.
    fn ended(&mut self, message: &Message) -> bool {
        let left = message
            .headers
            .as_ref()
            .and_then(|headers| headers.get("Nats-Pending-Messages"))
            .and_then(|value| value.as_str().parse::<usize>().ok());
        match left {
            Some(left) => {
                self.requested = self.requested.saturating_sub(left);
                true
            }
            None => false,
        }
    }
}

/// Gives back what came but was not taken in, so that it is delivered again without waiting.
async fn give_back(client: &Client, mut subscription: Subscriber) {
    if subscription.unsubscribe().await.is_err() {
        return;
    }
    let giving = async {
        while let Some(message) = subscription.next().await {
            if let (None, Some(reply)) = (message.status, message.reply) {
                let _ = client.publish(reply, "-NAK".into()).await;
            }
        }
    };
    let _ = timeout(Duration::from_millis(500), giving).await;
}

#[derive(Deserialize)]
struct InfoAnswer {
    config: Option<InfoConfig>,
    error: Option<InfoError>,
}

#[derive(Deserialize)]
struct InfoConfig {
    /// In nanoseconds.
    ack_wait: Option<u64>,
    deliver_subject: Option<String>,
    ack_policy: Option<String>,
}

#[derive(Deserialize)]
struct InfoError {
    description: String,
}

/// Asks the server about the consumer; gives how long it waits for an acknowledgement.
async fn consumer_info(client: &Client, stream: &str, consumer: &str) -> Result<Duration, String> {
    let subject = format!("$JS.API.CONSUMER.INFO.{stream}.{consumer}");
    let answer = timeout(Duration::from_secs(5), client.request(subject, "".into()))
        .await
        .map_err(|_| "no answer".to_owned())?
        .map_err(|error| error.to_string())?;
    let answer: InfoAnswer =
        serde_json::from_slice(&answer.payload).map_err(|error| format!("unexpected answer: {error}"))?;
    if let Some(error) = answer.error {
        return Err(error.description);
    }
    let config = answer.config.ok_or("unexpected answer")?;
    if config.deliver_subject.is_some() {
        return Err("it is a push consumer; a pull consumer is needed".to_owned());
    }
    if config.ack_policy.is_some_and(|policy| policy != "explicit") {
        return Err("its ack policy must be `explicit`".to_owned());
    }
    Ok(Duration::from_nanos(config.ack_wait.unwrap_or(30_000_000_000)))
}
