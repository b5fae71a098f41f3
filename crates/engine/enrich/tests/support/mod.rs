//! The service running in this process, against a real nats-server.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test binary uses its part")]

pub(crate) mod api;
#[path = "../../../relay/tests/support/bus.rs"]
mod bus;

use std::path::{Path, PathBuf};

pub(crate) use bus::*;
use resilmesh_service::RunOptions;

/// Starts the service; `more` goes into its configuration.
pub(crate) fn start(bus: &Bus, more: &str) -> Service {
    let (config, control) = write_config(bus.dir.path(), &bus.url(), more);
    let options = RunOptions { control: Some(control.clone()) };
    Service::run(control, |lifecycle| async move {
        resilmesh_enrich::run_until_stopped(&config, options, lifecycle, None).await
    })
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
