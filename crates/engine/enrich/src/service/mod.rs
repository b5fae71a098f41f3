//! The service: messages in, enriched ones out.

mod work;

use std::sync::Arc;

use resilmesh_relay::publish::Target;
use resilmesh_relay::{Load, Relay};
use resilmesh_service::stats::Kind;
use resilmesh_service::{Lifecycle, Stats};

use crate::config::Config;
use crate::enrich::Enricher;
use crate::provider::chain::Chain;
use work::Worker;

/// What may be under way at once. Well below the consumer's own limit of 20,000 messages.
const UNDER_WAY: Load = Load { messages: 4_000, bytes: 16 << 20 };

/// Runs until the service is stopped.
pub(crate) async fn run(
    config: &Config,
    password: Option<String>,
    chain: Arc<Chain>,
    stats: &Stats,
    lifecycle: &Lifecycle,
) {
    let relay = Relay { name: &config.name, input: &config.input, password, under_way: UNDER_WAY, stats, lifecycle };
    resilmesh_relay::run(relay, Arc::new(worker(config, chain, stats))).await;
}

fn worker(config: &Config, chain: Arc<Chain>, stats: &Stats) -> Worker {
    let target =
        |subject: &str, name| Arc::new(Target { subject: subject.into(), counters: stats.component(name, Kind::Sink) });
    Worker {
        chain,
        enricher: Enricher { risk_threshold: f64::from(config.risk_threshold) },
        name: config.name.clone(),
        enriched: target(&config.output.subject, "output"),
        rejected: target(&config.output.rejected, "rejected"),
        counters: stats.component("enrich", Kind::Transform),
    }
}
