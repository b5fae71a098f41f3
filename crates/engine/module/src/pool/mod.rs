//! Workers, and the events that wait for them.

pub(crate) mod crew;
mod hold;
mod logs;
mod process;
pub(crate) mod program;
mod queue;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use resilmesh_hook_api::Failure;
use resilmesh_service::stats::Kind;
use resilmesh_service::{Lifecycle, Stats};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crew::{Engine, Rules};
use queue::{Job, Queue};

/// How long workers may take to end.
const GOODBYE: Duration = Duration::from_millis(500);

/// What the module counts as: events that came in, results that went on, workers that died.
pub(crate) const PROCESS: &str = "process";

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is dropped.
    Dropped,
    /// It goes on as it came.
    Same,
    /// These go on in its place.
    Events(Vec<Bytes>),
    /// Nothing can be made of it.
    Failed(Box<Failure>),
}

/// The workers of a service.
pub(crate) struct Pool {
    queue: Arc<Queue>,
    workers: Arc<[Told]>,
    crew: tokio::sync::Mutex<JoinSet<()>>,
    stop: CancellationToken,
}

/// What is known of a worker.
#[derive(Debug)]
pub(crate) struct Told(watch::Sender<Numbers>);

/// The numbers of a worker.
#[derive(Debug, Clone, Default)]
struct Numbers {
    state: State,
    process: Option<u32>,
    starts: u64,
    events: u64,
    busy: Duration,
    error: Option<String>,
}

/// How a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum State {
    /// It is being started.
    #[default]
    Starting,
    /// It takes events.
    Ready,
    /// It has died, or cannot be started; another attempt follows.
    Down,
}

impl Told {
    fn new() -> Self {
        Self(watch::Sender::new(Numbers::default()))
    }

    pub(crate) fn starting(&self) {
        self.0.send_modify(|own| (own.state, own.starts) = (State::Starting, own.starts + 1));
    }

    pub(crate) fn started(&self, process: Option<u32>) {
        self.0.send_modify(|own| own.process = process);
    }

    pub(crate) fn ready(&self) {
        self.0.send_modify(|own| (own.state, own.error) = (State::Ready, None));
    }

    pub(crate) fn down(&self, why: String) {
        self.0.send_modify(|own| (own.state, own.process, own.error) = (State::Down, None, Some(why)));
    }

    pub(crate) fn worked(&self, events: usize, busy: Duration) {
        self.0.send_modify(|own| {
            own.events += events as u64;
            own.busy += busy;
        });
    }

    fn json(&self, number: usize) -> Value {
        let own = self.0.borrow();
        let state = match own.state {
            State::Starting => "starting",
            State::Ready => "ready",
            State::Down => "down",
        };
        json!({
            "worker": number,
            "state": state,
            "process": own.process,
            "starts": own.starts,
            "events": own.events,
            "seconds": own.busy.as_secs_f64(),
            "error": own.error,
        })
    }
}

impl Pool {
    /// Starts the workers.
    pub(crate) fn start(config: &Config, engine: Engine, stats: &Stats) -> Arc<Self> {
        let queue = Arc::new(Queue::new(config.workers));
        let workers: Arc<[Told]> = (0..config.workers).map(|_| Told::new()).collect();
        let (stop, mut crew) = (CancellationToken::new(), JoinSet::new());
        let rules = Arc::new(Rules {
            engine,
            timeout: config.timeout,
            tries: config.tries,
            counters: stats.component(PROCESS, Kind::Transform),
        });
        for number in 0..config.workers {
            let member = crew::Member {
                number,
                rules: rules.clone(),
                queue: queue.clone(),
                told: workers.clone(),
                stop: stop.clone(),
            };
            crew.spawn(member.work());
        }
        Arc::new(Self { queue, workers, crew: tokio::sync::Mutex::new(crew), stop })
    }

    /// Waits until one of the workers takes events; says meanwhile why none does. False if the service is stopped
    /// before that.
    pub(crate) async fn ready(&self, lifecycle: &Lifecycle) -> bool {
        let mut told: Vec<watch::Receiver<Numbers>> = self.workers.iter().map(|own| own.0.subscribe()).collect();
        loop {
            if told.iter().any(|own| own.borrow().state == State::Ready) {
                return true;
            }
            let error = told.iter().find_map(|own| own.borrow().error.clone());
            lifecycle.waiting_for(error.map_or_else(|| "its worker".to_owned(), |why| format!("its worker: {why}")));
            let changes = told.iter_mut().map(|own| Box::pin(own.changed()));
            tokio::select! {
                _ = futures::future::select_all(changes) => {}
                () = lifecycle.stopping() => return false,
            }
        }
    }

    /// Gives events to the workers; what becomes of each comes with its place among them.
    pub(crate) fn give(
        &self,
        events: impl IntoIterator<Item = (usize, Bytes)>,
    ) -> mpsc::UnboundedReceiver<(usize, Fate)> {
        let (to, fates) = mpsc::unbounded_channel();
        let jobs = events.into_iter().map(|(at, event)| Job::new(event, at, to.clone()));
        self.queue.add(jobs.collect());
        fates
    }

    /// What is known of the workers.
    pub(crate) fn told(&self) -> Value {
        self.workers.iter().enumerate().map(|(number, own)| own.json(number)).collect()
    }

    /// Ends the workers.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        let mut crew = self.crew.lock().await;
        let end = async { while crew.join_next().await.is_some() {} };
        if tokio::time::timeout(GOODBYE, end).await.is_err() {
            crew.shutdown().await;
        }
    }
}

/// How many events a worker is given at once: what it does in a moment, so that the work is shared well and little is
/// done again when it dies.
#[derive(Debug)]
pub(crate) struct Pace {
    most: usize,
    since: Instant,
}

/// The most events at once.
const MOST: usize = 256;
/// How many at first.
const FIRST: usize = 16;
/// How long the work on what is given at once should take.
const MOMENT: Duration = Duration::from_millis(100);

impl Pace {
    pub(crate) fn new() -> Self {
        Self { most: FIRST, since: Instant::now() }
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// The worker begins anew, after it had nothing to do.
    pub(crate) fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// It has worked on some events since then, or since the last time; for how long.
    pub(crate) fn worked(&mut self, events: usize) -> Duration {
        let took = self.since.elapsed();
        self.since += took;
        let fitting = MOMENT.as_secs_f64() / (took.as_secs_f64() / events.max(1) as f64).max(1e-9);
        // Not more than twice as many as before: the first are no measure.
        self.most = (fitting as usize).clamp(1, (self.most * 2).min(MOST));
        took
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_slow_is_given_few_at_once() {
        let mut pace = Pace::new();
        for _ in 0..10 {
            pace.begin();
            pace.worked(pace.most());
        }
        assert_eq!(pace.most(), MOST);
        pace.since = Instant::now() - Duration::from_secs(10);
        pace.worked(100);
        assert_eq!(pace.most(), 1);
    }
}
