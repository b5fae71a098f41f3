//! `file`: every line comes, once as long as nothing is killed, and under the same id if it comes again.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::testing::{Out, Running, wait_for};

fn config(include: &Path, options: &Value) -> String {
    let mut source =
        json!({"type": "file", "include": [include], "offset_key": "offset", "glob_minimum_cooldown_ms": 20});
    source.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    json!({"sources": {"in": source}, "sinks": {"out": {"type": "any", "inputs": ["in"]}}}).to_string()
}

fn append(path: &Path, text: &str) -> File {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// What makes the id of an event in the mesh: it must be the same when a line comes again.
fn identity(out: &Out) -> (Value, Value, Value, Value) {
    let value = |key: &str| out.value[key].clone();
    (value("file"), value("offset"), value("message"), out.metadata["resilmesh"]["file_id"].clone())
}

fn messages(outs: &[Out]) -> Vec<&str> {
    outs.iter().map(|out| out.value["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn lines_come_with_file_and_offset_as_the_file_grows() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    append(&log, "one\ntw");
    let mut running = Running::start(&config(&folder.path().join("*.log"), &json!({})), Vec::new());
    let one = running.next().await;
    assert_eq!(one.value["message"], "one");
    assert_eq!((&one.value["file"], &one.value["offset"]), (&json!(log), &json!(0)));
    assert_eq!(one.value["source_type"], "file");
    append(&log, "o\n");
    let two = running.next().await;
    assert_eq!((&two.value["message"], &two.value["offset"]), (&json!("two"), &json!(4)));
    append(&folder.path().join("b.log"), "other\n");
    assert_eq!(running.next().await.value["message"], "other");
    running.stop().await;
}

#[tokio::test]
async fn after_a_kill_what_was_not_delivered_comes_again_under_the_same_id() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = folder.path().join("a.log");
    append(&log, "one\ntwo\n");
    let config = config(&log, &json!({}));
    let mut running = Running::start_with(&config, data.path());
    let (one, two) = (running.next().await, running.next().await);
    let known = [identity(&one), identity(&two)];
    // Both lines are one part, of which one is not delivered.
    drop(one);
    running.kill().await;
    std::mem::forget(two);

    let mut running = Running::start_with(&config, data.path());
    let again = [identity(&running.next().await), identity(&running.next().await)];
    assert_eq!(again, known);
    running.stop().await;

    append(&log, "three\n");
    let mut running = Running::start_with(&config, data.path());
    assert_eq!(running.next().await.value["message"], "three");
    running.stop().await;
}

#[tokio::test]
async fn a_delivered_offset_is_kept_while_running() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = folder.path().join("a.log");
    append(&log, "one\n");
    let config = config(&log, &json!({}));
    let mut running = Running::start_with(&config, data.path());
    drop(running.next().await);
    let kept = data.path().join("in/checkpoints.json");
    wait_for(|| std::fs::read_to_string(&kept).is_ok_and(|text| text.contains("\"offset\":4"))).await;
    running.kill().await;
    append(&log, "two\n");
    let mut running = Running::start_with(&config, data.path());
    assert_eq!(running.next().await.value["message"], "two");
    running.stop().await;
}

#[tokio::test]
async fn what_failed_is_sent_again_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    append(&log, "one\ntwo\n");
    let mut running = Running::start(&config(&log, &json!({})), Vec::new());
    let (one, two) = (running.next().await, running.next().await);
    let first = [identity(&one), identity(&two)];
    one.ack.errored();
    drop((one, two));
    let again = [identity(&running.next().await), identity(&running.next().await)];
    assert_eq!(again, first);
    running.stop().await;
}

#[tokio::test]
async fn a_renamed_file_is_read_to_its_end_and_its_successor_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    let mut writer = append(&log, "header\none\n");
    let mut running = Running::start(&config(&folder.path().join("a.log*"), &json!({})), Vec::new());
    let first = running.next().await;
    running.next().await;
    std::fs::rename(&log, folder.path().join("a.log.1")).unwrap();
    // The writer does not know yet.
    writer.write_all(b"two\n").unwrap();
    let two = running.next().await;
    assert_eq!((&two.value["message"], &two.value["file"]), (&json!("two"), &json!(log)));
    append(&log, "header\nthree\n");
    let (header, three) = (running.next().await, running.next().await);
    assert_eq!(messages(&[header, three]), ["header", "three"]);
    assert_eq!(first.value["offset"], 0);
    running.stop().await;
}

#[tokio::test]
async fn a_file_copied_and_emptied_is_begun_anew_under_another_id() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    append(&log, "header\none\ntwo\n");
    let mut running = Running::start(&config(&folder.path().join("a.log*"), &json!({})), Vec::new());
    let header = running.next().await;
    running.next().await;
    running.next().await;
    std::fs::copy(&log, folder.path().join("a.log.1")).unwrap();
    File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
    append(&log, "header\nnew\n");
    let again = running.next().await;
    assert_eq!(again.value["message"], "header");
    assert_ne!(identity(&again), identity(&header));
    assert_eq!(running.next().await.value["message"], "new");
    assert!(running.stop().await.is_empty(), "the copy is no new file");
}

#[tokio::test]
async fn over_long_lines_are_counted_and_large_ones_pass() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    append(&log, &format!("short\n{}\n{}\nend\n", "x".repeat(1_048_577), "y".repeat(1_048_576)));
    let mut running = Running::start(&config(&log, &json!({"max_line_bytes": 1_048_576})), Vec::new());
    let lengths: Vec<usize> = [running.next().await, running.next().await, running.next().await]
        .iter()
        .map(|out| out.value["message"].as_str().unwrap().len())
        .collect();
    assert_eq!(lengths, [5, 1_048_576, 3]);
    assert_eq!(running.stats.snapshot().components["in"].dropped["longer than max_line_bytes"], 1);
    running.stop().await;
}

#[tokio::test]
async fn reading_from_the_end_and_leaving_old_files_out() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    append(&log, "before\n");
    let mut running = Running::start(&config(&log, &json!({"read_from": "end"})), Vec::new());
    running.ready().await;
    append(&log, "after\n");
    assert_eq!(running.next().await.value["message"], "after");
    running.stop().await;

    let old = append(&folder.path().join("old.log"), "old\n");
    old.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(3600)).unwrap();
    append(&folder.path().join("young.log"), "young\n");
    let include = folder.path().join("*o*.log");
    let mut running = Running::start(&config(&include, &json!({"ignore_older_secs": 600})), Vec::new());
    assert_eq!(running.next().await.value["message"], "young");
    assert!(running.stop().await.is_empty());
}

#[tokio::test]
async fn many_lines_come_in_order_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    let text: String = (0..50_000).map(|n| format!("line {n}\n")).collect();
    append(&log, &text);
    let config = config(&log, &json!({"fingerprint": {"strategy": "device_and_inode"}}));
    let mut running = Running::start(&config, Vec::new());
    for n in 0..50_000 {
        assert_eq!(running.next().await.value["message"], format!("line {n}"));
    }
    assert!(running.is_idle());
    running.stop().await;
}
