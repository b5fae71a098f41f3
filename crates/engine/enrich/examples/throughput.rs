//! How many events a second the service enriches with the local provider, against a real
//! nats-server on this machine: `cargo run --release -p resilmesh-enrich --example throughput [events]`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a program to be looked at")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::mesh;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let events: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let (bus, admin) = mesh().await;
    println!("memory before: {} kB", resident());
    admin.publish((0..events).map(event)).await;
    println!("publishing from one client: {events} events of {} bytes", event(0).len());

    let (start, cpu) = (Instant::now(), cpu_seconds());
    let service = support::start(&bus, "");
    while admin.count("enriched_events").await < events as u64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (took, used) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!(
        "{:.0} events/s ({took:.2} s); {:.1} us of CPU per event",
        events as f64 / took,
        used * 1e6 / events as f64
    );
    admin.wait_until_all_is_acknowledged().await;
    println!("memory after: {} kB", resident());
    service.stop().await;
}

/// About 1.2 kB, as a normalised firewall event is.
fn event(n: usize) -> String {
    json!({
        "@timestamp": "2026-01-05T16:27:46.000Z",
        "ecs": {"version": "8.17.0"},
        "event": {"id": format!("{n:032x}"), "kind": "event", "module": "syslog", "category": ["network"],
            "ingested": "2026-01-05T16:27:46.123456Z", "original": format!("<134>Jan 5 16:27:46 fw1 kernel: {}", "x".repeat(300))},
        "message": format!("{} {n}", "y".repeat(300)),
        "host": {"name": "fw1", "ip": ["10.0.0.1"]},
        "observer": {"vendor": "Example", "product": "Firewall", "name": "fw1"},
        "network": {"transport": "tcp", "direction": "inbound", "bytes": 1234},
        "source": {"ip": format!("8.{}.{}.{}", n % 4, n / 7 % 256, n % 256), "port": 40000 + n % 1000},
        "destination": {"domain": format!("www{}.shop.co.uk", n % 100), "ip": "192.168.1.10", "port": 443},
        "tags": ["a", "b"],
        "log": {"source": {"address": "192.0.2.1:514"}},
    })
    .to_string()
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or_default()
}

/// User and system time of this process, of which the service has nearly all.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<f64>().ok()).sum();
    ticks / 100.0
}
