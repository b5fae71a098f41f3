//! Whole runs, as the process makes them.

use std::path::Path;
use std::time::Duration;

use resilmesh_service::{Lifecycle, RunOptions, Stats, control};
use serde_json::{Value, json};

use crate::testing::wait_for;
use crate::{RunError, run_with};

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
    let running = run_with(folder, RunOptions::default(), Lifecycle::new(), Stats::new());
    tokio::time::timeout(Duration::from_secs(30), running).await.unwrap()
}

#[tokio::test]
async fn a_run_answers_on_its_control_socket_and_stops_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    write(folder.path(), &json!({"type": "demo_logs", "format": "json", "interval": 0.01}));
    let (lifecycle, socket, config) = (Lifecycle::new(), folder.path().join("c.sock"), folder.path().to_owned());
    let options = RunOptions { control: Some(socket.clone()) };
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
