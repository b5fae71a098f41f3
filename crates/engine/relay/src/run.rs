//! The loop of a service between two streams.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use resilmesh_service::stats::Kind;
use resilmesh_service::{Lifecycle, Stats};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Input;
use crate::connection;
use crate::delivery::Delivery;
use crate::publish::Publisher;
use crate::pull::{Pause, Puller};
use crate::window::{Load, Window};

/// How long a stop waits for what is under way; the rest is handed back.
const DRAIN: Duration = Duration::from_secs(7);
/// How long saying goodbye to the bus may take after that.
const GOODBYE: Duration = Duration::from_secs(1);

/// What a service makes of messages.
pub trait Work: Send + Sync + 'static {
    /// Works on some messages to the end: each is published as what was made of it, or handed back once
    /// `publisher` is told to give up. Several calls run at once.
    fn work(self: Arc<Self>, chunk: Vec<Delivery>, publisher: Publisher) -> impl Future<Output = ()> + Send;
}

/// A service between two streams.
#[derive(Debug)]
pub struct Relay<'a> {
    /// The name of the instance, shown in the bus's list of connections.
    pub name: &'a str,
    /// Where messages come from.
    pub input: &'a Input,
    /// The password of the user on the bus.
    pub password: Option<String>,
    /// What may be under way at once.
    pub under_way: Load,
    /// Counts what comes in, as `input`.
    pub stats: &'a Stats,
    /// When to stop.
    pub lifecycle: &'a Lifecycle,
}

/// Runs until the service is stopped.
pub async fn run<W: Work>(relay: Relay<'_>, work: Arc<W>) {
    let Relay { input, lifecycle, under_way, .. } = relay;
    let Some(client) = connection::connect(&relay).await else { return };
    let connections = connection::watch(client.clone(), input.url.clone(), lifecycle.clone());
    let counters = relay.stats.component("input", Kind::Source);
    let give_up = CancellationToken::new();
    let told = Arc::new(Mutex::new(None));
    let mut tasks = JoinSet::new();
    let window = Window::new(Load { bytes: under_way.bytes.max(4 * client.max_payload()), ..under_way });

    loop {
        // From before the consumer is asked for: if the connection is made again after that, it is asked for again.
        let since = unchanged(&connections);
        let Some(ack_wait) = connection::wait_for_consumer(&client, input, lifecycle).await else { break };
        let consumer = (input.stream.as_str(), input.consumer.as_str());
        let puller = Puller::new(&client, consumer, window.clone(), since, lifecycle.stop_token()).await;
        let mut puller = match puller {
            Ok(puller) => puller,
            Err(error) => {
                tracing::warn!("cannot subscribe on the bus: {error}; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let mut take = |chunk: Vec<Delivery>| {
            counters.received(chunk.len() as u64);
            counters.sent(chunk.len() as u64);
            while tasks.try_join_next().is_some() {}
            let publisher = Publisher {
                client: client.clone(),
                connections: unchanged(&connections),
                give_up: give_up.clone(),
                // Three words per deadline: two may get lost.
                keep_alive: ack_wait / 3,
                told: told.clone(),
            };
            tasks.spawn(work.clone().work(chunk, publisher));
        };
        let pause = puller.run(&mut take).await;
        puller.end().await;
        match pause {
            Pause::Stop => break,
            Pause::Consumer(why) => {
                tracing::info!("looking for the consumer again: {why}");
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(50)) => {}
                    () = lifecycle.stopping() => {}
                }
            }
        }
    }

    drain(&mut tasks, &give_up).await;
    // The last acknowledgements are on their way; if they do not arrive, the messages come again.
    let _ = tokio::time::timeout(GOODBYE, client.flush()).await;
}

/// A view of the connections that has seen those until now.
fn unchanged(connections: &watch::Receiver<u64>) -> watch::Receiver<u64> {
    let mut connections = connections.clone();
    connections.borrow_and_update();
    connections
}

/// Lets what is under way finish for a while, then has the rest handed back.
async fn drain(tasks: &mut JoinSet<()>, give_up: &CancellationToken) {
    let finish = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, finish).await.is_ok() {
        return;
    }
    tracing::warn!(chunks = tasks.len(), "not all messages could be finished; they are handed back");
    give_up.cancel();
    let hand_back = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(GOODBYE, hand_back).await.is_err() {
        tasks.abort_all();
    }
}
