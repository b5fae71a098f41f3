//! Commands that only look change nothing: neither files, nor processes, nor sockets, nor what hooks make.
//!
//! What a command does is recorded by `strace`, and by looking at every file below the home before and
//! after. The same recorder sees all of it when `up` is at work: a recorder that is blind shows nothing.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod place;
mod recorder;

use place::Place;
use recorder::Effects;

/// Commands that look at what is declared.
const LOOKS: [&[&str]; 9] = [
    &["plan"],
    &["plan", "--json"],
    &["plan", "--verbose", "--detailed-exitcode"],
    &["up", "--plan"],
    &["plan", "web1"],
    &["check"],
    &["check", "--guarantees"],
    &["list", "plugs"],
    &["list", "instances"],
];

/// Asserts that a command has done nothing but ask whether ports are free, and the supervisor what runs.
fn assert_nothing(place: &Place, args: &[&str]) {
    let (effects, said) = recorder::record(place, args);
    let told = format!("resilmesh {args:?}: {effects:#?}\n{said}");
    let Effects { files, writes, processes, listening, bound, connected, hooks } = effects;
    assert!(files.is_empty() && writes.is_empty(), "{told}");
    assert!(processes.is_empty() && hooks.is_empty() && listening.is_empty(), "{told}");
    assert!(bound.iter().all(|at| at.contains("127.0.0.1")), "{told}");
    let is_own = |to: &String| to.contains("AF_UNIX") && to.contains(&*place.home().to_string_lossy());
    assert!(connected.iter().all(is_own), "{told}");
}

#[test]
fn before_up_nothing_is_changed() {
    let place = Place::new();
    LOOKS.iter().for_each(|args| assert_nothing(&place, args));
    assert!(!place.project().join(".resilmesh/journal.json").exists(), "nothing was begun");
    assert!(place.must(&["plan"]).contains("effect unknown"), "there are hooks in the plan");
}

#[test]
fn while_it_is_up_nothing_is_changed_either() {
    let place = Place::new();
    place.must(&["up"]);
    place.edit();
    LOOKS.iter().for_each(|args| assert_nothing(&place, args));
    let (status, said) = recorder::record(&place, &["status"]);
    assert!(status.files.is_empty() && status.writes.is_empty() && status.hooks.is_empty(), "{status:#?}\n{said}");
    let (plan, _) = recorder::record(&place, &["plan"]);
    assert!(!plan.connected.is_empty(), "it asks the supervisor");
    place.must(&["down"]);
}

#[test]
fn drift_calls_check_hooks_and_does_nothing_else() {
    let place = Place::new();
    place.must(&["up"]);
    let (effects, said) = recorder::record(&place, &["drift"]);
    let told = format!("{effects:#?}\n{said}");
    assert_eq!(effects.hooks, ["check web1"], "{told}");
    assert_eq!(effects.files, ["noted: changed"], "{told}");
    assert!(effects.listening.is_empty() && effects.bound.is_empty(), "{told}");
    let is_host = |line: &String| line.contains("resilmesh-python-host");
    assert!(effects.processes.iter().all(is_host) && !effects.processes.is_empty(), "{told}");
    place.must(&["down"]);
}

#[test]
fn the_recorder_sees_what_up_and_down_do() {
    let place = Place::new();
    let (up, said) = recorder::record(&place, &["up"]);
    let told = format!("{up:#?}\n{said}");
    let has = |lines: &[String], what: &str| lines.iter().any(|line| line.contains(what));
    assert!(has(&up.files, "mesh/.resilmesh/journal.json: new"), "{told}");
    assert!(has(&up.files, "mesh/.resilmesh/rendered/web1/serve.txt: new"), "{told}");
    assert!(has(&up.writes, "journal.json"), "{told}");
    assert!(has(&up.processes, "serve.py") && has(&up.processes, "resilmesh-python-host"), "{told}");
    assert!(!up.listening.is_empty() && !up.bound.is_empty() && !up.connected.is_empty(), "{told}");
    assert!(has(&up.hooks, "open web1") && has(&up.hooks, "send edr1"), "{told}");
    let (down, said) = recorder::record(&place, &["down"]);
    let told = format!("{down:#?}\n{said}");
    assert!(has(&down.files, "mesh/.resilmesh/rendered/web1/serve.txt: gone"), "{told}");
    assert!(has(&down.hooks, "close web1") && !down.connected.is_empty(), "{told}");
}
