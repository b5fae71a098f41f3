//! The service: messages in, results out, nothing lost in between.
//!
//! A message is acknowledged when the stream of results has said that it stored the result, and
//! not before. Until then the message counts against a bounded window; when that is full, no more
//! are asked for. Whatever dies, the message is delivered again, and its result is recognised by
//! its id.

mod connection;
mod delivery;
mod publish;
mod pull;
mod window;
mod work;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use resilmesh_service::stats::Kind;
use resilmesh_service::{Lifecycle, Stats};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::enrich::Enricher;
use crate::provider::chain::Chain;
use publish::Publisher;
use pull::{Pause, Puller};
use window::{Load, Window};
use work::{WorkCounters, Worker};

/// What may be under way at once. Well below the consumer's own limit of 20,000 messages.
const UNDER_WAY: Load = Load { messages: 4_000, bytes: 16 << 20 };
/// How long a stop waits for what is under way; the rest is handed back.
const DRAIN: Duration = Duration::from_secs(7);
/// How long saying goodbye to the bus may take after that.
const GOODBYE: Duration = Duration::from_secs(1);

/// Runs until the service is stopped.
pub(crate) async fn run(
    config: &Config,
    password: Option<String>,
    chain: Arc<Chain>,
    stats: &Stats,
    lifecycle: &Lifecycle,
) {
    let Some(client) = connection::connect(config, password, lifecycle).await else { return };
    let connections = connection::watch(client.clone(), config.input.url.clone(), lifecycle.clone());
    let input = stats.component("input", Kind::Source);
    let worker = Arc::new(worker(config, chain, stats));
    let give_up = CancellationToken::new();
    let told = Arc::new(Mutex::new(None));
    let mut tasks = JoinSet::new();
    let window = Window::new(Load { bytes: UNDER_WAY.bytes.max(4 * client.max_payload()), ..UNDER_WAY });

    while let Some(ack_wait) = connection::wait_for_consumer(&client, config, lifecycle).await {
        let consumer = (config.input.stream.as_str(), config.input.consumer.as_str());
        let puller = Puller::new(&client, consumer, window.clone(), connections.clone(), lifecycle.stop_token()).await;
        let mut puller = match puller {
            Ok(puller) => puller,
            Err(error) => {
                tracing::warn!("cannot subscribe on the bus: {error}; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let mut work = |chunk: Vec<delivery::Delivery>| {
            input.received(chunk.len() as u64);
            input.sent(chunk.len() as u64);
            while tasks.try_join_next().is_some() {}
            let publisher = Publisher {
                client: client.clone(),
                connections: unchanged(&connections),
                give_up: give_up.clone(),
                // Three words per deadline: two may get lost.
                keep_alive: ack_wait / 3,
                told: told.clone(),
            };
            tasks.spawn(worker.clone().work(chunk, publisher));
        };
        let pause = puller.run(&mut work).await;
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

fn worker(config: &Config, chain: Arc<Chain>, stats: &Stats) -> Worker {
    Worker {
        chain,
        enricher: Enricher { risk_threshold: f64::from(config.risk_threshold) },
        name: config.name.clone(),
        enriched: config.output.subject.clone().into(),
        rejected: config.output.rejected.clone().into(),
        counters: WorkCounters {
            enrich: stats.component("enrich", Kind::Transform),
            output: stats.component("output", Kind::Sink),
            rejected: stats.component("rejected", Kind::Sink),
        },
    }
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
