//! Several like services that share the work of an instance: nothing is lost or doubled when one is killed,
//! when others join and when they leave.

use std::collections::HashSet;
use std::io::Write;

use serde_json::Value;

use crate::mesh::Mesh;

const LINES: usize = 100_000;
/// As many are stored when something happens: surely some, surely not all.
const STORED_BEFORE: u64 = 2_000;

fn append(mesh: &Mesh, lines: std::ops::Range<usize>) {
    let file = std::fs::File::options().create(true).append(true).open(mesh.log_file()).expect("log file");
    let mut file = std::io::BufWriter::new(file);
    for n in lines {
        writeln!(file, "2026-11-21 10:00:00 status installed package-{n}:amd64 1.{n}-1").expect("write");
    }
    file.flush().expect("flush");
}

fn expect_each_once(mesh: &Mesh, lines: usize) {
    mesh.wait_for_count(lines as u64);
    let messages = mesh.messages();
    let distinct: HashSet<&str> = messages.iter().map(String::as_str).collect();
    assert_eq!((messages.len(), distinct.len()), (lines, lines), "documents, and distinct ones");
}

fn pid(mesh: &Mesh, service: &str) -> Value {
    mesh.service(service)["pid"].clone()
}

#[test]
fn of_three_that_share_the_work_one_is_killed_and_nothing_is_lost_or_doubled() {
    let mesh = Mesh::soapa();
    // What a killed one held goes to the others soon.
    mesh.expect(&["configure", "bus", "-c", "ack_wait_seconds=5"]);
    mesh.expect(&["configure", "indexer", "--replicas", "3"]);
    append(&mesh, 0..LINES);
    mesh.up();
    mesh.wait_for_count(STORED_BEFORE);
    mesh.kill("indexer/2");
    expect_each_once(&mesh, LINES);
    mesh.wait_for("the killed one is back", |mesh| mesh.service("indexer/2")["restarts"] == 1);
    for other in ["indexer", "indexer/3"] {
        assert_eq!(mesh.service(other)["restarts"], 0, "{other}");
    }
    assert_eq!(mesh.run(&["plan", "--detailed-exitcode"]).status.code(), Some(0), "there is nothing to do");
    assert_eq!(mesh.expect(&["drift"]), "");

    let logs = mesh.expect(&["logs", "indexer", "--json"]);
    let said_by = |name: &str| logs.contains(&format!("\"instance\":\"{name}\""));
    assert!(["indexer", "indexer/2", "indexer/3"].into_iter().all(said_by), "{logs}");
    let trace = mesh.expect(&["trace", "senders", "--timeout", "60s"]);
    assert!(trace.contains("indexer"), "{trace}");
    mesh.expect(&["down", "--volumes", "--yes"]);
    let left: Vec<_> = std::fs::read_dir(mesh.project.join(".resilmesh/data")).expect("folder").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn others_join_and_leave_while_events_flow_and_the_first_runs_on() {
    let mesh = Mesh::soapa();
    append(&mesh, 0..LINES);
    mesh.up();
    let first = pid(&mesh, "indexer");
    mesh.wait_for_count(STORED_BEFORE);

    mesh.expect(&["configure", "indexer", "--replicas", "3"]);
    let plan = mesh.expect(&["plan"]);
    assert!(plan.contains("indexer/2") && plan.contains("indexer/3") && !plan.contains("restart"), "{plan}");
    mesh.expect(&["up", "--no-verify"]);
    assert_eq!(pid(&mesh, "indexer"), first);
    append(&mesh, LINES..2 * LINES);
    mesh.wait_for("the third takes its share", |mesh| mesh.service("indexer/3")["out_rate"].as_f64() > Some(0.0));

    mesh.expect(&["configure", "indexer", "--replicas", "1"]);
    mesh.expect(&["up", "--no-verify"]);
    let port = mesh.port("store", "http");
    assert!(mesh.count(port) < 2 * LINES as u64, "the flow was over before they left");
    assert_eq!(mesh.status()["services"].as_array().map(Vec::len), Some(5));
    assert_eq!(pid(&mesh, "indexer"), first);
    expect_each_once(&mesh, 2 * LINES);
}
