//! `nats` against a real nats-server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectOptions};
use serde_json::{Value, json};

use crate::testing::{Running, free_port, wait_for};

/// A nats-server with the user `admin`, who may do all, and `indexer`, who may do what the mesh
/// allows the taker of the stream `S` through the consumer `C`.
struct Server {
    port: u16,
    folder: tempfile::TempDir,
    child: Child,
}

fn program() -> PathBuf {
    std::env::var_os("NATS_SERVER").map_or_else(|| PathBuf::from("nats-server"), PathBuf::from)
}

impl Server {
    async fn start() -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let text = format!(
            r#"listen: 127.0.0.1:{port}
            jetstream {{ store_dir: "{}", sync_interval: "1s" }}
            authorization {{ users: [
                {{ user: admin, password: a, permissions: {{ publish: ">", subscribe: ">" }} }}
                {{ user: indexer, password: i, permissions: {{
                    publish: ["$JS.API.STREAM.INFO.S", "$JS.API.CONSUMER.INFO.S.C", "$JS.API.CONSUMER.MSG.NEXT.S.C", "$JS.ACK.S.C.>"]
                    subscribe: ["_INBOX_indexer.>"] }} }}
            ] }}"#,
            folder.path().join("store").display()
        );
        std::fs::write(folder.path().join("nats.conf"), text).unwrap();
        let child = spawn(folder.path());
        let server = Self { port, folder, child };
        server.admin().await;
        server
    }

    async fn admin(&self) -> Client {
        let address = format!("127.0.0.1:{}", self.port);
        for _ in 0..600 {
            let options = ConnectOptions::with_user_and_password("admin".into(), "a".into());
            match options.connect(&address).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        panic!("nats-server does not answer on {address}");
    }

    async fn kill_and_start_again(&mut self) {
        self.kill();
        self.child = spawn(self.folder.path());
        self.admin().await;
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path) -> Child {
    Command::new(program())
        .arg("-c")
        .arg(folder.join("nats.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "`{}` cannot be started ({error}): put nats-server on the PATH or name it in NATS_SERVER",
                program().display()
            )
        })
}

async fn make_stream(client: &Client) -> jetstream::Context {
    let context = jetstream::new(client.clone());
    let config = stream::Config { name: "S".into(), subjects: vec!["s".into()], ..Default::default() };
    context.create_stream(config).await.unwrap();
    context
}

async fn make_consumer(context: &jetstream::Context) {
    let config = pull::Config {
        durable_name: Some("C".into()),
        ack_wait: Duration::from_secs(30),
        max_ack_pending: 20_000,
        ..Default::default()
    };
    context.get_stream("S").await.unwrap().create_consumer(config).await.unwrap();
}

async fn publish(context: &jetstream::Context, numbers: std::ops::Range<usize>) {
    let mut acks = Vec::new();
    for n in numbers {
        acks.push(context.publish("s", n.to_string().into()).await.unwrap());
    }
    for ack in acks {
        ack.await.unwrap();
    }
}

async fn unacknowledged(context: &jetstream::Context) -> u64 {
    let stream = context.get_stream("S").await.unwrap();
    let mut consumer = stream.get_consumer::<pull::Config>("C").await.unwrap();
    let info = consumer.info().await.unwrap();
    info.num_ack_pending as u64 + info.num_pending
}

async fn wait_until_all_is_acknowledged(context: &jetstream::Context) {
    wait_until_unacknowledged(context, 0).await;
}

async fn wait_until_unacknowledged(context: &jetstream::Context, messages: u64) {
    for _ in 0..600 {
        if unacknowledged(context).await == messages {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} messages are not acknowledged", unacknowledged(context).await);
}

fn start(port: u16, options: &Value) -> Running {
    let mut source = json!({
        "type": "nats", "url": format!("nats://127.0.0.1:{port}"), "connection_name": "indexer", "subject": "s",
        "auth": {"strategy": "user_password", "user_password": {"user": "indexer", "password": "i"}},
    });
    source.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let config = json!({"sources": {"in": source}, "sinks": {"out": {"type": "any", "inputs": ["in"]}}});
    Running::start(&config.to_string(), Vec::new())
}

fn take_stream(port: u16) -> Running {
    start(port, &json!({"jetstream": {"stream": "S", "consumer": "C"}}))
}

fn number(value: &Value) -> usize {
    value["message"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn messages_are_acknowledged_when_delivered_with_no_more_rights_than_needed() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let mut running = take_stream(server.port);
    wait_for(|| running.lifecycle.unready_because().is_some_and(|what| what.contains("consumer C of stream S"))).await;
    let context = make_stream(&admin).await;
    make_consumer(&context).await;
    running.ready().await;
    publish(&context, 0..3000).await;
    let mut held = Vec::new();
    for n in 0..3000 {
        let out = running.next().await;
        assert_eq!(number(&out.value), n);
        assert_eq!((&out.value["subject"], &out.value["source_type"]), (&json!("s"), &json!("nats")));
        held.push(out);
    }
    assert_eq!(unacknowledged(&context).await, 3000);
    drop(held);
    wait_until_all_is_acknowledged(&context).await;
    running.stop().await;
}

#[tokio::test]
async fn what_was_not_delivered_comes_again() {
    let server = Server::start().await;
    let context = make_stream(&server.admin().await).await;
    make_consumer(&context).await;
    publish(&context, 0..2).await;
    let mut running = take_stream(server.port);
    let (first, second) = (running.next().await, running.next().await);
    first.ack.errored();
    let failed = number(&first.value);
    drop((first, second));
    assert_eq!(number(&running.next().await.value), failed);
    let held = {
        publish(&context, 2..3).await;
        running.next().await
    };
    // Told that it was not delivered while stopping, the server need not wait for `ack_wait`.
    held.ack.errored();
    running.lifecycle.stop();
    drop(held);
    running.end().await;
    let mut running = take_stream(server.port);
    assert_eq!(number(&running.next().await.value), 2);
    wait_until_all_is_acknowledged(&context).await;
    running.stop().await;
}

#[tokio::test]
async fn a_killed_server_loses_nothing() {
    let mut server = Server::start().await;
    let context = make_stream(&server.admin().await).await;
    make_consumer(&context).await;
    publish(&context, 0..2000).await;
    let mut running = take_stream(server.port);
    let mut seen = BTreeSet::new();
    while seen.len() < 700 {
        seen.insert(number(&running.next().await.value));
    }
    server.kill_and_start_again().await;
    let context = jetstream::new(server.admin().await);
    publish(&context, 2000..4000).await;
    while seen.len() < 4000 {
        seen.insert(number(&running.next().await.value));
    }
    running.stop().await;
}

#[tokio::test]
async fn it_starts_before_the_server_does() {
    let mut server = Server::start().await;
    let context = make_stream(&server.admin().await).await;
    make_consumer(&context).await;
    publish(&context, 0..1).await;
    server.kill();
    let mut running = take_stream(server.port);
    let address = format!("127.0.0.1:{}", server.port);
    wait_for(|| running.lifecycle.unready_because().is_some_and(|what| what.contains(&address))).await;
    server.child = spawn(server.folder.path());
    assert_eq!(number(&running.next().await.value), 0);
    running.stop().await;
}

#[tokio::test]
async fn a_message_that_does_not_decode_stays_at_the_server() {
    let server = Server::start().await;
    let context = make_stream(&server.admin().await).await;
    make_consumer(&context).await;
    context.publish("s", "{".into()).await.unwrap().await.unwrap();
    context.publish("s", "{\"n\":1}".into()).await.unwrap().await.unwrap();
    let options = json!({"jetstream": {"stream": "S", "consumer": "C", "batch_config": {"batch": 1}}, "decoding": {"codec": "json"}});
    let mut running = start(server.port, &options);
    assert_eq!(running.next().await.value["n"], 1);
    running.stop().await;
    // The server hears of the other's acknowledgement when it hears of it.
    wait_until_unacknowledged(&context, 1).await;
}

#[tokio::test]
async fn core_messages_come_as_they_fly_by() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let auth = json!({"strategy": "user_password", "user_password": {"user": "admin", "password": "a"}});
    let options = json!({"subject": "raw.>", "queue": "q", "subject_key_field": "nats.subject", "auth": auth});
    let mut running = start(server.port, &options);
    running.ready().await;
    admin.publish("raw.a.b", "one".into()).await.unwrap();
    admin.publish("other", "not for us".into()).await.unwrap();
    admin.publish("raw.c", "two".into()).await.unwrap();
    let one = running.next().await.value;
    assert_eq!((&one["message"], &one["nats"]["subject"]), (&json!("one"), &json!("raw.a.b")));
    assert_eq!(running.next().await.value["message"], "two");
    running.stop().await;
}
