//! The service running in this process, against a real nats-server.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test binary uses its part")]

pub(crate) mod api;
#[path = "../../../relay/tests/support/bus.rs"]
mod bus;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use bus::*;
use resilmesh_enrich::RunError;
use resilmesh_service::{Lifecycle, RunOptions, control};
use serde_json::Value;

/// The service, running in this process.
pub(crate) struct Service {
    lifecycle: Lifecycle,
    control: PathBuf,
    running: tokio::task::JoinHandle<Result<(), RunError>>,
}

impl Service {
    /// Starts it; `more` goes into its configuration.
    pub(crate) fn start(bus: &Bus, more: &str) -> Self {
        let (config, control) = write_config(bus.dir.path(), &bus.url(), more);
        let lifecycle = Lifecycle::new();
        let options = RunOptions { control: Some(control.clone()) };
        let running = tokio::spawn({
            let lifecycle = lifecycle.clone();
            async move { resilmesh_enrich::run_until_stopped(&config, options, lifecycle, None).await }
        });
        Self { lifecycle, control, running }
    }

    /// None while the socket is not there yet.
    pub(crate) async fn ask(&self, verb: &str) -> Option<Value> {
        control::ask(&self.control, verb, Value::Null).await.ok()
    }

    pub(crate) async fn wait_for(&self, verb: &str, condition: impl Fn(&Value) -> bool) -> Value {
        until(verb, async || self.ask(verb).await.filter(|answer| condition(answer))).await
    }

    pub(crate) async fn wait_until_ready(&self) {
        self.wait_for("health", |health| health["ready"] == true).await;
    }

    /// Ends it as a crash would: in the middle of whatever it does.
    pub(crate) async fn crash(self) {
        self.running.abort();
        assert!(self.running.await.is_err_and(|error| error.is_cancelled()), "it had ended before");
    }

    /// Stops it; answers how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let start = Instant::now();
        self.lifecycle.stop();
        tokio::time::timeout(DEADLINE, self.running).await.expect("in time").expect("no panic").expect("no error");
        start.elapsed()
    }
}

pub(crate) fn write_config(dir: &Path, url: &str, more: &str) -> (PathBuf, PathBuf) {
    std::fs::write(dir.join("bus_password"), "secret\n").expect("write");
    let config = dir.join("enrich.yaml");
    let text = format!(
        "name: enrichment
input: {{url: '{url}', user: enrichment, password_file: bus_password, stream: ecs_events, consumer: enrichment}}
output: {{subject: enriched_events, rejected: ecs_events.rejected, message_id: event.id}}
data_dir: data
{more}
"
    );
    std::fs::write(&config, text).expect("write");
    (config, dir.join("control.sock"))
}
