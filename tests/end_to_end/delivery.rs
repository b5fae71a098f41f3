//! Everything sent is searchable exactly once, whatever is killed on the way.

use std::collections::HashSet;
use std::io::Write;

use crate::mesh::Mesh;

const LINES: usize = 100_000;
const LONG: usize = 200_000;
/// As many are stored when the kill comes: surely some, surely not all.
const STORED_BEFORE_THE_KILL: u64 = 5_000;

fn syslog_line(n: usize) -> String {
    format!("<134>Nov 21 10:00:00 gw01 app[4242]: line {n} of a flow from 203.0.113.{} to 198.51.100.7", n % 250)
}

fn expect_each_once(mesh: &Mesh, lines: usize) {
    let messages = mesh.messages();
    let distinct: HashSet<&str> = messages.iter().map(String::as_str).collect();
    assert_eq!(messages.len(), lines, "documents");
    assert_eq!(distinct.len(), lines, "distinct lines");
}

fn write_log(mesh: &Mesh, lines: usize) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(mesh.log_file()).expect("log file"));
    for n in 0..lines {
        writeln!(file, "2026-11-21 10:00:00 status installed package-{n}:amd64 1.{n}-1").expect("write");
    }
    file.flush().expect("flush");
}

#[test]
fn syslog_lines_over_tcp_are_each_searchable_exactly_once() {
    let mesh = Mesh::soapa();
    mesh.up();
    let lines: Vec<String> = (0..LINES).map(syslog_line).collect();
    mesh.send_syslog(lines.iter().map(|line| line.as_bytes()));
    mesh.wait_for_count(LINES as u64);
    expect_each_once(&mesh, LINES);
}

#[test]
fn lines_of_a_file_are_each_searchable_exactly_once() {
    let mesh = Mesh::soapa();
    write_log(&mesh, LINES);
    mesh.up();
    mesh.wait_for_count(LINES as u64);
    expect_each_once(&mesh, LINES);
}

fn survives_the_kill_of(instance: &str, settings_of_the_bus: &[&str]) {
    let mesh = Mesh::soapa();
    for setting in settings_of_the_bus {
        mesh.expect(&["configure", "bus", "-c", setting]);
    }
    write_log(&mesh, LONG);
    mesh.up();
    mesh.wait_for_count(STORED_BEFORE_THE_KILL);
    mesh.kill(instance);
    let port = mesh.port("store", "http");
    assert!(mesh.count(port) < LONG as u64, "the flow was over before the kill");
    mesh.wait_for_count(LONG as u64);
    expect_each_once(&mesh, LONG);
    assert!(mesh.service(instance)["restarts"].as_u64() >= Some(1), "{instance} was started again");
}

#[test]
fn killing_the_broker_loses_and_doubles_nothing() {
    survives_the_kill_of("bus", &[]);
}

#[test]
fn killing_the_broker_loses_and_doubles_nothing_without_its_deduplication() {
    survives_the_kill_of("bus", &["duplicate_window_seconds=0"]);
}

#[test]
fn killing_the_collector_loses_and_doubles_nothing() {
    survives_the_kill_of("collector", &[]);
}

#[test]
fn killing_the_indexer_loses_and_doubles_nothing() {
    survives_the_kill_of("indexer", &[]);
}

#[test]
fn killing_the_enrichment_loses_and_doubles_nothing() {
    survives_the_kill_of("enrichment", &[]);
}

#[test]
fn killing_the_store_loses_and_doubles_nothing() {
    survives_the_kill_of("store", &[]);
}
