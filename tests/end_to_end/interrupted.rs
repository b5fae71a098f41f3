//! An `up` that did not come to its end: what is said of it, and how the next one goes on.

use std::process::{Child, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::mesh::Mesh;

fn begin(mesh: &Mesh, args: &[&str]) -> Child {
    let mut command = mesh.command(&mesh.project, args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("resilmesh starts")
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).expect("it runs");
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether a process does something of its own when it is interrupted.
fn listens(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
    let interrupt = 1 << (Signal::SIGINT as u64 - 1);
    u64::from_str_radix(caught.trim(), 16).is_ok_and(|caught| caught & interrupt != 0)
}

fn journal(mesh: &Mesh) -> String {
    std::fs::read_to_string(mesh.project.join(".resilmesh/journal.json")).unwrap_or_default()
}

#[test]
fn who_stops_it_at_once_is_told_that_nothing_was_begun() {
    let mesh = Mesh::soapa();
    let up = begin(&mesh, &["up"]);
    mesh.wait_for("it listens to signals", |_| listens(&up));
    send(&up, Signal::SIGINT);
    let output = up.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("error: `up` was stopped before anything was begun"), "{}", said(&output));
}

#[test]
fn what_was_never_seen_to_pass_an_event_is_tried_by_the_next_up() {
    let mesh = Mesh::soapa();
    // The store takes nothing, so that no event passes.
    mesh.expect(&["configure", "store", "-c", "min_free=1000TiB"]);
    let up = begin(&mesh, &["up", "--wait-timeout", "240"]);
    mesh.wait_for("everything is up", |mesh| journal(mesh).contains("\"unverified\": true"));
    send(&up, Signal::SIGINT);
    let output = up.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("the mesh is up, but it was not waited until"), "{}", said(&output));

    mesh.expect(&["configure", "store", "-c", "min_free="]);
    let again = mesh.run(&["up", "--wait-timeout", "120"]);
    assert!(again.status.success(), "{}", said(&again));
    assert!(
        said(&again).contains("events pass ") && said(&again).contains("logs/senders/collector"),
        "{}",
        said(&again)
    );
    assert!(!journal(&mesh).contains("unverified"));
    assert_eq!(said(&mesh.run(&["up"])), "nothing to do\n");
}

#[test]
fn drift_tells_what_a_killed_up_has_left_undone() {
    let mesh = Mesh::soapa();
    let mut up = begin(&mesh, &["up"]);
    mesh.wait_for("it has begun", |mesh| mesh.project.join(".resilmesh/history.jsonl").is_file());
    up.kill().expect("it runs");
    up.wait().expect("reaped");
    let drift = mesh.run(&["drift", "--detailed-exitcode"]);
    let found = String::from_utf8_lossy(&drift.stdout).into_owned();
    assert!(found.starts_with("up 1: it was killed; what is left to do: "), "{found}");
    assert!(found.contains("; `resilmesh up` goes on\n"), "{found}");
    assert_eq!(drift.status.code(), Some(2));
    mesh.up();
    assert_eq!(mesh.expect(&["drift"]), "");
}

#[test]
fn programs_are_told_the_end_also_when_there_was_nothing_to_do() {
    let mesh = Mesh::of(&[&["add", "elasticsearch", "store"]]);
    let lines = |args: &[&str]| {
        let printed = mesh.expect(args);
        let lines = printed.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        lines.collect::<Vec<Value>>()
    };
    let first = lines(&["up", "--json"]);
    let end = first.last().expect("a line");
    assert_eq!((&end["event"], &end["state"], &end["steps"]["done"]), (&"end".into(), &"done".into(), &3.into()));
    assert!(end["seconds"].as_f64() > Some(0.0), "{end}");
    let second = lines(&["up", "--json"]);
    let [end] = second.as_slice() else { panic!("{second:?}") };
    assert_eq!((&end["event"], &end["state"], &end["steps"]["done"]), (&"end".into(), &"done".into(), &0.into()));
    assert_eq!(lines(&["down", "--json"]).last().expect("a line")["event"], "end");
    assert_eq!(lines(&["down", "--json"]).len(), 1);
}
