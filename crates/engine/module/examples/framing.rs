//! How long events take to be laid out for a worker and read again, in frames and in lines of JSON:
//! `cargo run --release -p resilmesh-module --example framing`.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a program to be looked at")]

use std::time::Instant;

use resilmesh_hook_api::batch;
use serde_json::{Value, json};

const BATCH: usize = 200;
const ROUNDS: usize = 2_000;

fn main() {
    let events: Vec<Vec<u8>> = (0..BATCH).map(event).collect();
    println!("{} events of {} bytes, in batches of {BATCH}:\n", BATCH * ROUNDS, events[0].len());
    println!("| | events/s | bytes of a batch |\n|---|---|---|");
    tell("frames", &events, frames);
    tell("JSON lines, the event as a text", &events, texts);
    tell("JSON lines, the event as a value", &events, values);
}

fn tell(name: &str, events: &[Vec<u8>], once: fn(&[Vec<u8>]) -> usize) {
    let start = Instant::now();
    let bytes = (0..ROUNDS).map(|_| once(events)).max().unwrap_or_default();
    let rate = (BATCH * ROUNDS) as f64 / start.elapsed().as_secs_f64();
    println!("| {name} | {rate:.0} | {bytes} |");
}

fn frames(events: &[Vec<u8>]) -> usize {
    let mut body = Vec::new();
    events.iter().for_each(|event| batch::put_event(&mut body, event));
    let read = batch::events(&body).expect("a batch");
    assert_eq!(read.len(), events.len());
    body.len()
}

fn texts(events: &[Vec<u8>]) -> usize {
    let texts: Vec<&str> = events.iter().map(|event| std::str::from_utf8(event).expect("UTF-8")).collect();
    let line = serde_json::to_vec(&json!({"events": texts})).expect("JSON");
    let read: Value = serde_json::from_slice(&line).expect("JSON");
    assert_eq!(read["events"].as_array().map(Vec::len), Some(events.len()));
    line.len()
}

fn values(events: &[Vec<u8>]) -> usize {
    let values: Vec<Value> = events.iter().map(|event| serde_json::from_slice(event).expect("JSON")).collect();
    let line = serde_json::to_vec(&json!({"events": values})).expect("JSON");
    let read: Value = serde_json::from_slice(&line).expect("JSON");
    assert_eq!(read["events"].as_array().map(Vec::len), Some(events.len()));
    line.len()
}

fn event(n: usize) -> Vec<u8> {
    json!({
        "@timestamp": "2026-11-21T10:00:00.000Z",
        "event": {"id": format!("event-{n}"), "category": ["network"], "original": "a \"line\" of a firewall ".repeat(20)},
        "source": {"ip": format!("203.0.113.{}", n % 250), "port": 1024 + n},
        "destination": {"ip": "198.51.100.7", "port": 443},
        "network": {"transport": "tcp", "direction": "inbound", "bytes": n * 17},
        "observer": {"name": "gw01", "type": "firewall", "product": "example"},
        "message": "connection accepted by rule 42 from a place outside to one inside",
    })
    .to_string()
    .into_bytes()
}
