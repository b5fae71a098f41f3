//! Counters per component, and the rates made of them.
//!
//! A counter is an atomic number: counting costs nothing that matters on the data path.
//! [`Stats::snapshot`] is what `resilmesh status` reads over the control socket.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Rates are averages over this time.
const WINDOW: Duration = Duration::from_secs(10);

/// What a component of a service does with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Events enter the service here.
    Source,
    /// Events are changed here.
    Transform,
    /// Events leave the service here.
    Sink,
}

/// The counters of one component. Clones count into the same numbers.
#[derive(Debug, Clone)]
pub struct Counters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    received: AtomicU64,
    sent: AtomicU64,
    errors: AtomicU64,
    dropped: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counters {
    /// `n` events came into the component (for a source: from outside).
    pub fn received(&self, n: u64) {
        self.0.received.fetch_add(n, Ordering::Relaxed);
    }

    /// `n` events went on from the component (for a sink: were delivered).
    pub fn sent(&self, n: u64) {
        self.0.sent.fetch_add(n, Ordering::Relaxed);
    }

    /// Something went wrong that loses nothing, such as a request that will be tried again.
    pub fn error(&self) {
        self.0.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// `n` events were given up, for a reason in a few words such as `line too long`.
    pub fn dropped(&self, reason: &'static str, n: u64) {
        *self.0.dropped.lock().entry(reason).or_default() += n;
    }
}

/// All counters of a service.
#[derive(Debug, Clone, Default)]
pub struct Stats(Arc<Registry>);

#[derive(Debug, Default)]
struct Registry {
    components: Mutex<BTreeMap<String, Counters>>,
    history: Mutex<VecDeque<(Instant, u64, u64)>>,
}

/// The counters of one component at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentSnapshot {
    /// What the component does.
    pub kind: Kind,
    /// Events that came in.
    pub received: u64,
    /// Events that went on.
    pub sent: u64,
    /// Things that went wrong and were tried again.
    pub errors: u64,
    /// Events given up, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// The counters of a service at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Per component.
    pub components: BTreeMap<String, ComponentSnapshot>,
    /// Events that came into the service since its start.
    pub received: u64,
    /// Events that left the service since its start.
    pub sent: u64,
    /// Events given up since the start.
    pub dropped: u64,
    /// Events a second that came in, over the last ten seconds.
    pub in_rate: f64,
    /// Events a second that left, over the last ten seconds.
    pub out_rate: f64,
}

impl Stats {
    /// No counters yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counters of the named component, made at the first call.
    pub fn component(&self, name: &str, kind: Kind) -> Counters {
        self.0
            .components
            .lock()
            .entry(name.to_owned())
            .or_insert_with(|| {
                Counters(Arc::new(Inner {
                    kind,
                    received: AtomicU64::new(0),
                    sent: AtomicU64::new(0),
                    errors: AtomicU64::new(0),
                    dropped: Mutex::new(BTreeMap::new()),
                }))
            })
            .clone()
    }

    /// Remembers the present totals, so that [`Stats::snapshot`] can tell rates. Called once a
    /// second while the service runs.
    pub(crate) fn tick(&self, now: Instant) {
        let (received, sent) = self.totals();
        let mut history = self.0.history.lock();
        history.push_back((now, received, sent));
        while history.front().is_some_and(|(then, ..)| now.duration_since(*then) > WINDOW) {
            history.pop_front();
        }
    }

    fn totals(&self) -> (u64, u64) {
        let components = self.0.components.lock();
        let sum = |kind: Kind, of: fn(&Inner) -> &AtomicU64| {
            components.values().filter(|c| c.0.kind == kind).map(|c| of(&c.0).load(Ordering::Relaxed)).sum()
        };
        (sum(Kind::Source, |inner| &inner.received), sum(Kind::Sink, |inner| &inner.sent))
    }

    /// The numbers at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let (received, sent) = self.totals();
        let (in_rate, out_rate) = self.0.history.lock().front().map_or((0.0, 0.0), |(then, was_in, was_out)| {
            let seconds = then.elapsed().as_secs_f64().max(0.001);
            ((received - was_in) as f64 / seconds, (sent - was_out) as f64 / seconds)
        });
        let components: BTreeMap<String, ComponentSnapshot> =
            self.0.components.lock().iter().map(|(name, counters)| (name.clone(), counters.snapshot())).collect();
        let dropped = components.values().flat_map(|c| c.dropped.values()).sum();
        Snapshot { components, received, sent, dropped, in_rate, out_rate }
    }
}

impl Counters {
    fn snapshot(&self) -> ComponentSnapshot {
        ComponentSnapshot {
            kind: self.0.kind,
            received: self.0.received.load(Ordering::Relaxed),
            sent: self.0.sent.load(Ordering::Relaxed),
            errors: self.0.errors.load(Ordering::Relaxed),
            dropped: self.0.dropped.lock().iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_what_entered_by_sources_and_left_by_sinks() {
        let stats = Stats::new();
        stats.component("in", Kind::Source).received(5);
        stats.component("t", Kind::Transform).received(5);
        let out = stats.component("out", Kind::Sink);
        out.sent(3);
        out.dropped("too long", 2);
        let snapshot = stats.snapshot();
        assert_eq!((snapshot.received, snapshot.sent, snapshot.dropped), (5, 3, 2));
        assert_eq!(snapshot.components["out"].dropped["too long"], 2);
    }

    #[test]
    fn rates_look_back_ten_seconds_at_most() {
        let stats = Stats::new();
        let source = stats.component("in", Kind::Source);
        let start = Instant::now() - Duration::from_secs(20);
        stats.tick(start);
        source.received(1_000_000);
        stats.tick(start + Duration::from_secs(18));
        source.received(100);
        let rate = stats.snapshot().in_rate;
        assert!(rate < 100.0, "{rate}");
    }
}
