//! Whole runs, as the process makes them.

use std::path::Path;
use std::time::Duration;

use resilmesh_service::{Lifecycle, RunOptions, Stats, control};
use serde_json::{Value, json};

use crate::testing::wait_for;
use crate::{PipelineOptions, RunError, run_with, validate};

fn write(folder: &Path, source: &Value) {
    let vector = folder.join("vector");
    for (name, text) in [
        ("vector.yaml", json!({"data_dir": folder.join("data")})),
        ("sources/in.yaml", source.clone()),
        ("transforms/t.yaml", json!({"type": "remap", "inputs": ["in"], "source": ". = {\"n\": 1}"})),
        ("sinks/out.yaml", json!({"type": "blackhole", "inputs": ["t"]})),
    ] {
        std::fs::create_dir_all(vector.join(name).parent().unwrap()).unwrap();
        std::fs::write(vector.join(name), text.to_string()).unwrap();
    }
}

async fn run(folder: &Path) -> Result<(), RunError> {
    let running = run_with(folder, PipelineOptions::default(), Lifecycle::new(), Stats::new());
    tokio::time::timeout(Duration::from_secs(30), running).await.unwrap()
}

#[tokio::test]
async fn a_run_answers_on_its_control_socket_and_stops_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    write(folder.path(), &json!({"type": "demo_logs", "format": "json", "interval": 0.01}));
    let (lifecycle, socket, config) = (Lifecycle::new(), folder.path().join("c.sock"), folder.path().to_owned());
    let service = RunOptions { control: Some(socket.clone()) };
    let options = PipelineOptions { service, ..PipelineOptions::default() };
    let of_run = lifecycle.clone();
    let task = tokio::spawn(async move { run_with(&config, options, of_run, Stats::new()).await });
    wait_for(|| lifecycle.unready_because().is_none()).await;
    assert_eq!(control::ask(&socket, "health", Value::Null).await.unwrap()["ready"], true);

    let mut items = Vec::new();
    let mut client = control::Client::connect(&socket).await.unwrap();
    let with = json!({"components": ["t", "out"], "limit": 4});
    let end = client.ask_each("tap", with, |item| items.push(item)).await.unwrap();
    assert_eq!((end, items.len()), (json!({"shown": 4}), 4));
    assert!(items.contains(&json!({"component": "t", "event": {"n": 1}})));
    assert!(items.contains(&json!({"component": "out", "event": {"n": 1}})));
    assert!(client.ask("tap", json!({"components": ["nobody"]})).await.unwrap_err().to_string().contains("nobody"));

    // Another run must not use the same folder for its state.
    let error = run(folder.path()).await.unwrap_err();
    assert!(error.to_string().contains("in use by another pipeline"), "{error}");

    lifecycle.stop();
    task.await.unwrap().unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn what_is_missing_is_told_with_the_right_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &json!({"type": "demo_logs", "format": "json", "count": 1}));
    let error = run(folder.path()).await.unwrap_err();
    assert_eq!(error.exit_code(), 78);
    assert!(error.to_string().contains("`data_dir`") && error.to_string().contains("make it"), "{error}");

    std::fs::create_dir(folder.path().join("data")).unwrap();
    run(folder.path()).await.unwrap();

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    write(folder.path(), &json!({"type": "socket", "mode": "tcp", "address": address}));
    let error = run(folder.path()).await.unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().starts_with("source `in`: cannot listen on tcp") && error.to_string().contains(&address));
}

#[test]
fn what_several_pipelines_cannot_share_is_named() {
    let said = |source: &Value, transform: &Value| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), source);
        std::fs::write(folder.path().join("vector/transforms/t.yaml"), transform.to_string()).unwrap();
        let single = validate(folder.path()).unwrap().single;
        single
            .iter()
            .map(|error| format!("{}: {}", error.component.clone().unwrap(), error.message))
            .collect::<Vec<_>>()
    };
    let nats = |more: Value| {
        let mut nats =
            json!({"type": "nats", "url": "nats://127.0.0.1:4222", "connection_name": "c", "subject": "logs"});
        nats.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        nats
    };
    let stream = nats(json!({"jetstream": {"stream": "logs", "consumer": "c"}}));
    let remap = json!({"type": "remap", "inputs": ["in"], "source": ". = {}"});
    assert!(said(&stream, &remap).is_empty());
    assert!(said(&nats(json!({"queue": "q"})), &remap).is_empty());
    let [every] = &said(&nats(json!({})), &remap)[..] else { panic!("one is found") };
    assert!(every.starts_with("source `in`: without `jetstream`"), "{every}");
    let off = nats(json!({"jetstream": {"enabled": false, "stream": "logs", "consumer": "c"}}));
    assert_eq!(said(&off, &remap).len(), 1);
    let dedupe = json!({"type": "dedupe", "inputs": ["in"], "fields": {"match": ["a"]}});
    let both = said(&json!({"type": "file", "include": ["/var/log/x"]}), &dedupe);
    assert_eq!(
        both,
        [
            "source `in`: each pipeline would read every line",
            "transform `t`: it remembers the events that it has seen, and each pipeline would see a part of them",
        ]
    );
}

#[tokio::test]
async fn two_with_one_configuration_run_when_each_has_a_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for data in ["data", "other"] {
        std::fs::create_dir(folder.path().join(data)).unwrap();
    }
    write(folder.path(), &json!({"type": "demo_logs", "format": "json", "interval": 0.01}));
    let start = |data_dir: Option<&str>| {
        let lifecycle = Lifecycle::new();
        let (of_run, config) = (lifecycle.clone(), folder.path().to_owned());
        let data_dir = data_dir.map(|data| folder.path().join(data));
        let options = PipelineOptions { data_dir, ..PipelineOptions::default() };
        (lifecycle, tokio::spawn(async move { run_with(&config, options, of_run, Stats::new()).await }))
    };
    let (first, of_first) = start(None);
    wait_for(|| first.unready_because().is_none()).await;
    let (_, refused) = start(None);
    assert!(refused.await.unwrap().unwrap_err().to_string().contains("in use by another pipeline"));
    let (second, of_second) = start(Some("other"));
    wait_for(|| second.unready_because().is_none()).await;
    first.stop();
    second.stop();
    of_first.await.unwrap().unwrap();
    of_second.await.unwrap().unwrap();
}
