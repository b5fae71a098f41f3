//! What flows through the services, as they count it themselves.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use resilmesh_service::control;
use resilmesh_service::stats::Snapshot;
use serde::Serialize;
use serde_json::Value;

use crate::cli::running::Running;
use crate::hooks::{self, Run};
use crate::runtime::ServiceStatus;

/// How long a service may take to say its numbers.
const WITHIN: Duration = Duration::from_secs(1);

/// Numbers of one service; none = it has no such number, or does not answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Numbers {
    /// Events a second that come in.
    pub in_rate: Option<f64>,
    /// Events a second that leave.
    pub out_rate: Option<f64>,
    /// Events that wait to be taken.
    pub lag: Option<u64>,
    /// Things that went wrong and were tried again since the start.
    pub errors: Option<u64>,
    /// What the broker and the store count: events kept, rejected, ...
    pub counts: BTreeMap<String, u64>,
    /// Events given up since the start.
    pub dropped: Option<u64>,
    /// The same by reason.
    pub dropped_because: BTreeMap<String, u64>,
}

impl From<Snapshot> for Numbers {
    fn from(seen: Snapshot) -> Self {
        let mut dropped_because = BTreeMap::new();
        let errors = seen.components.values().map(|component| component.errors).sum();
        for (reason, count) in seen.components.into_values().flat_map(|component| component.dropped) {
            *dropped_because.entry(reason).or_default() += count;
        }
        Self {
            in_rate: Some(rounded(seen.in_rate)),
            out_rate: Some(rounded(seen.out_rate)),
            lag: None,
            counts: BTreeMap::new(),
            errors: Some(errors),
            dropped: Some(seen.dropped),
            dropped_because,
        }
    }
}

fn rounded(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

/// The numbers of all services that have a control socket, by instance.
pub async fn of_services(services: &[ServiceStatus]) -> BTreeMap<String, Numbers> {
    let asked = services.iter().filter_map(|service| Some((service, service.spec.control.as_deref()?)));
    let answers = asked.map(|(service, socket)| async {
        let snapshot = tokio::time::timeout(WITHIN, ask(socket)).await.ok()??;
        let mut numbers = Numbers::from(snapshot);
        if service.spec.args.iter().take(2).map(String::as_str).eq(["engine", "module"]) {
            let workers = tokio::time::timeout(WITHIN, control::ask(socket, "workers", Value::Null)).await;
            numbers.counts = workers.ok().and_then(Result::ok).map(|told| of_workers(&told)).unwrap_or_default();
        }
        Some((service.spec.instance.clone(), numbers))
    });
    join_all(answers).await.into_iter().flatten().collect()
}

/// What products count about the instances of the mesh: how far each is behind, what is kept.
pub(super) async fn of_products(running: &Running) -> BTreeMap<String, BTreeMap<String, u64>> {
    let managed = running.mesh.services().filter_map(|(instance, _)| running.at_instance(instance, None, None).ok());
    let asked = managed.filter_map(|context| Some((hooks::find(hooks::Kind::Stats, &context.call)?, context)));
    let answers = asked.map(|(hook, context)| async move {
        let Run::Stats(read) = hook.run else { return None };
        tokio::time::timeout(WITHIN, read(&context)).await.ok()?.ok()
    });
    let mut all: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for (id, numbers) in join_all(answers).await.into_iter().flatten().flatten() {
        all.entry(id).or_default().extend(numbers);
    }
    all
}

impl Numbers {
    /// Adds what products count.
    pub(super) fn add(&mut self, mut counted: BTreeMap<String, u64>) {
        self.lag = counted.remove("lag").or(self.lag);
        self.counts.append(&mut counted);
    }
}

/// What the workers of a module tell of themselves, all together.
fn of_workers(told: &Value) -> BTreeMap<String, u64> {
    let workers: Vec<&Value> = told.as_array().into_iter().flatten().collect();
    let sum = |key: &str| workers.iter().filter_map(|worker| worker[key].as_u64()).sum::<u64>();
    let seconds: f64 = workers.iter().filter_map(|worker| worker["seconds"].as_f64()).sum();
    let events = sum("events");
    let mut counts = BTreeMap::from([
        ("workers".to_owned(), workers.len() as u64),
        ("worker_restarts".to_owned(), sum("starts").saturating_sub(workers.len() as u64)),
    ]);
    if events > 0 {
        counts.insert("microseconds_per_event".to_owned(), (seconds * 1e6 / events as f64) as u64);
    }
    counts
}

async fn ask(socket: &Path) -> Option<Snapshot> {
    let answer = control::ask(socket, "stats", Value::Null).await.ok()?;
    serde_json::from_value(answer).ok()
}

#[cfg(test)]
mod tests {
    use resilmesh_service::Stats;
    use resilmesh_service::stats::Kind;

    use super::*;

    #[test]
    fn workers_of_a_module_are_counted_together() {
        let told = serde_json::json!([
            {"worker": 0, "starts": 3, "events": 30, "seconds": 0.003},
            {"worker": 1, "starts": 1, "events": 10, "seconds": 0.001},
        ]);
        let counts = of_workers(&told);
        assert_eq!((counts["workers"], counts["worker_restarts"], counts["microseconds_per_event"]), (2, 2, 100));
    }

    #[test]
    fn drops_are_added_up_by_reason() {
        let stats = Stats::new();
        stats.component("a", Kind::Source).dropped("too long", 2);
        stats.component("b", Kind::Sink).dropped("too long", 3);
        let numbers = Numbers::from(stats.snapshot());
        assert_eq!((numbers.dropped, numbers.dropped_because["too long"]), (Some(5), 5));
    }
}
