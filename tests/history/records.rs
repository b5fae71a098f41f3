//! What `history` tells of `up` and `down`.

use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::common::TestProject;
use crate::common::background::Background;
use crate::common::python::{sensor_and_lake, setup, working_pair};

const PLUG: &str = "instances/sensor/s1/plugs/l1/events.yaml";

fn history(project: &TestProject) -> Vec<Value> {
    let printed = project.prints(&["history", "--json"]);
    let document: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(document["schema"], 1);
    document["history"].as_array().expect("records").clone()
}

/// Of each record, newest first: number, what was done, what became of it.
fn outline(project: &TestProject) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let line = |record: Value| {
        let arguments: Vec<String> = record["arguments"].as_array().expect("words").iter().map(text).collect();
        let words = [vec![record["number"].to_string(), text(&record["command"])], arguments].concat();
        format!("{}: {}", words.join(" "), text(&record["outcome"]))
    };
    history(project).into_iter().map(line).collect()
}

#[test]
fn what_has_something_to_do_gets_a_number() {
    let project = working_pair();
    assert!(project.says(&["history"]).contains("nothing was done yet"));
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["plan"]);
    assert!(!project.has(".resilmesh/history.jsonl"), "a plan does nothing");
    project.must(&["up"]);
    project.must(&["up"]);
    project.must(&["down", "s1", "l1", "events"]);
    project.must(&["up", "s1"]);
    project.must(&["down", "--volumes"]);
    let lines = ["4 down --volumes: done", "3 up s1: done", "2 down s1 l1 events: done", "1 up: done"];
    assert_eq!(outline(&project), lines);
    let first = &history(&project)[3];
    assert_eq!(first["steps"], serde_json::json!({"done": 3, "failed": 0, "skipped": 0}));
    assert!(first["who"].as_str().expect("who").contains('@') && first["revision"].is_null(), "{first}");
    assert!(first["seconds"].as_f64().expect("seconds") > 0.0);
    let when = first["when"].as_str().expect("when");
    assert!(when.len() == 20 && when.ends_with('Z'), "{when}");
    let table = project.prints(&["history"]);
    assert!(table.starts_with("Number  When") && table.lines().count() == 5, "{table}");
}

#[test]
fn the_profile_in_force_is_told() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["up"]);
    let table = project.prints(&["history"]);
    assert!(!table.contains("Profile"), "nobody uses profiles: {table}");
    project.must(&["down"]);
    project.write("profiles/prod.yaml", "version: 1\n");
    project.must(&["up", "--profile", "prod"]);
    project.must(&["down"]);
    let profiles: Vec<Value> = history(&project).into_iter().map(|record| record["profile"].clone()).collect();
    assert_eq!(profiles, [Value::from("prod"), "prod".into(), Value::Null, Value::Null]);
    let table = project.prints(&["history"]);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = table.lines().map(words).collect();
    assert_eq!((lines[0][3].as_str(), lines[1][3].as_str(), lines[3][3].as_str()), ("Profile", "prod", "-"), "{table}");
    assert!(project.prints(&["history", "3"]).contains("\nprofile    prod\n"));
    assert!(!project.prints(&["history", "1"]).contains("\nprofile"));
    let told = project.prints(&["history", "3", "--json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["record"]["profile"], "prod");
}

#[test]
fn what_failed_says_why() {
    let failing = "@setup_producer()\ndef forward(plug):\n    raise OSError('the tenant is closed')\n";
    let project = sensor_and_lake(failing, &setup("consumer"));
    project.must(&["plug", "events", "s1", "l1"]);
    project.fails(&["up"]);
    assert_eq!(outline(&project), ["1 up: failed"]);
    let told = project.prints(&["history", "1"]);
    assert!(
        told.contains("error      set up s1: events/s1/l1: 1 (forward): OSError: the tenant is closed\n"),
        "{told}"
    );
    assert!(told.contains("steps      1 done, 1 failed, 1 skipped\n"), "{told}");
}

#[test]
fn what_was_killed_or_stopped_is_seen_as_that() {
    let waiting = "\
@setup_producer()
def forward(plug):
    if not path_in_project('go').exists():
        note('waits')
        time.sleep(1000)
";
    let project = sensor_and_lake(waiting, &setup("consumer"));
    project.must(&["plug", "events", "s1", "l1"]);
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        project.forget_trace();
        let up = Background::start(&project, &["up"]);
        project.wait_for_trace("waits");
        assert!(outline(&project)[0].ends_with(" up: running"), "{:?}", outline(&project));
        up.signal(signal);
        up.end();
    }
    project.write("go", "");
    project.must(&["up"]);
    assert_eq!(outline(&project), ["3 up: done", "2 up: interrupted", "1 up: killed"]);
}

#[test]
fn documents_are_compared_with_those_of_the_one_before() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["up"]);
    project.must(&["add", "sensor", "s2"]);
    project.must(&["plug", "events", "s2", "l1"]);
    project.write("products/sensor/note.md", "what changed\n");
    project.must(&["up"]);
    let told = project.prints(&["history", "2"]);
    assert!(told.contains("documents  3 files changed since 1\n"), "{told}");
    for line in ["  instance s2 added\n", "  plug events s2 -> l1 added\n", "  product sensor: note.md\n"] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let told = project.prints(&["history", "2", "--verbose"]);
    assert!(told.contains("+++ now/products/sensor/note.md\n@@ -0,0 +1 @@\n+what changed\n"), "{told}");
    let told = project.prints(&["history", "2", "--json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((told["record"]["number"].as_u64(), told["changes"].as_array().map(Vec::len)), (Some(2), Some(3)));
    let first = project.prints(&["history", "1"]);
    assert!(first.contains("nothing is known of before"), "{first}");
    let unknown = project.fails(&["history", "7"]);
    assert!(
        unknown.contains("nothing in the history has number 7") && unknown.contains("there is 1 to 2"),
        "{unknown}"
    );
}

#[test]
fn the_revision_is_that_of_the_projects_repository() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["init", "--no-key"]);
    std::fs::write(project.home().join(".gitconfig"), "[user]\n\tname = Ann\n\temail = ann@example.org\n")
        .expect("writable");
    let commit = |message: &str| {
        let root = project.root();
        for arguments in [&["add", "-A"][..], &["commit", "-q", "-m", message]] {
            let done = std::process::Command::new("git")
                .args(arguments)
                .current_dir(&root)
                .env("HOME", project.home())
                .status()
                .expect("git runs");
            assert!(done.success(), "git {arguments:?}");
        }
    };
    project.write(".gitignore", "/.resilmesh/\n/trace.log\n*.local\n");
    commit("A mesh");
    project.must(&["up"]);
    project.write("instances/sensor/s1/mine.local", "ignored");
    project.write(PLUG, format!("{}# changed\n", project.read(PLUG)));
    project.must(&["down"]);
    let records = history(&project);
    let changed: Vec<bool> =
        records.iter().map(|record| record["revision"]["changed"].as_bool().expect("known")).collect();
    assert_eq!(changed, [true, false]);
    assert_eq!(records[0]["who"], "Ann <ann@example.org>");
    assert_eq!(records[0]["revision"]["commit"].as_str().map(str::len), Some(10));
    let told = project.prints(&["history", "2", "--verbose"]);
    assert!(told.contains("+# changed") && !told.contains("mine.local"), "{told}");
}

#[test]
fn secrets_and_state_are_no_documents() {
    let project = working_pair();
    project.write("secrets/x.gpg", "SECRET-BYTES");
    project.write("secrets.gpg", "SECRET-BYTES");
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["up"]);
    let kept = project.prints(&["history", "1", "--verbose"]);
    assert!(kept.contains("now/instances/sensor/s1/config.yaml"), "{kept}");
    for other in ["now/secrets", "SECRET-BYTES", "now/.resilmesh", "now/trace.log"] {
        assert!(!kept.contains(other), "{other}: {kept}");
    }
    let folder = std::fs::metadata(project.root().join(".resilmesh/history.git")).expect("there");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
}
