//! Requests and messages as a real Vector sends them: cases of events in and bytes out.
//!
//! The cases are in `cases/`; `RESILMESH_VECTOR_GOLDEN` names another folder of the same shape.

use std::path::PathBuf;

use async_nats::jetstream::{self, stream::Config};
use futures::StreamExt;
use serde::Deserialize;
use vrl::path::parse_value_path;
use vrl::value::Value;

use crate::support::{Nats, Reply, Running, Web, fates, soon, start_with};

fn cases<T: for<'de> Deserialize<'de>>(file: &str) -> Vec<T> {
    let usual = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sinks/cases");
    let folder = std::env::var_os("RESILMESH_VECTOR_GOLDEN").map_or(usual, PathBuf::from);
    let text = std::fs::read_to_string(folder.join(file)).expect("the file of cases");
    let cases: Vec<T> = text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    assert!(!cases.is_empty());
    cases
}

/// Events of a case; the fields at `times` are times.
fn events(events: &[Value], times: &[String]) -> Vec<Value> {
    let mut events = events.to_vec();
    for event in &mut events {
        for path in times {
            let path = parse_value_path(path).expect("path");
            if let Some(value) = event.get_mut(&path) {
                *value = Value::Timestamp(value.to_string_lossy().parse().expect("time"));
            }
        }
    }
    events
}

async fn send(sink: Running, events: Vec<Value>) {
    let told = sink.send(events).await;
    // The end of the input closes requests that would wait for more.
    sink.finish().await;
    drop(fates(told).await);
}

#[derive(Deserialize)]
struct BulkCase {
    id: String,
    sink: serde_json::Value,
    about: String,
    events: Vec<Value>,
    times: Vec<String>,
    replies: Vec<(u16, String)>,
    requests: Vec<Request>,
    looked_at: Vec<String>,
}

#[derive(Deserialize)]
struct Request {
    path: String,
    body: String,
    headers: std::collections::BTreeMap<String, String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_requests() {
    for case in cases::<BulkCase>("elasticsearch.ndjson") {
        let BulkCase { id, mut sink, about, events: given, times, replies, requests, looked_at } = case;
        let web = Web::start_as(&about, 0, replies.into_iter().map(|(status, text)| Reply::With(status, text))).await;
        sink["endpoints"] = serde_json::json!([web.url()]);
        sink["request"]["concurrency"] = 1.into();
        let running = start_with("elasticsearch", &sink.to_string(), false, None);
        soon(async {
            // The health is asked beside everything else; let it be answered first.
            while running.lifecycle.unready_because().is_some() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
        send(running, events(&given, &times)).await;
        let sent = web.sent();
        let today = chrono::Utc::now().format("%Y.%m.%d").to_string();
        assert_eq!(sent.len(), requests.len(), "{id}");
        for (asked, wanted) in sent.iter().zip(&requests) {
            let body = match asked.headers.get("content-encoding") {
                Some(_) => {
                    let mut text = String::new();
                    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(asked.body.as_slice()), &mut text)
                        .expect("gzip");
                    text
                }
                None => asked.text(),
            };
            assert_eq!(body, wanted.body.replace("<today>", &today), "{id}");
            assert_eq!(asked.path, wanted.path, "{id}");
            for (name, value) in &wanted.headers {
                assert_eq!(asked.headers[name.as_str()], *value, "{id}: {name}");
            }
        }
        let mut asked = web.looked_at();
        asked.sort();
        assert_eq!(asked, looked_at, "{id}");
    }
}

#[derive(Deserialize)]
struct NatsCase {
    id: String,
    sink: serde_json::Value,
    streams: Vec<(String, Vec<String>, i32)>,
    events: Vec<Value>,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    subject: String,
    payload: String,
    message_id: Option<String>,
    has_reply: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages() {
    let server = Nats::start("").await;
    let client = server.client().await;
    let context = jetstream::new(client.clone());
    for NatsCase { id, mut sink, streams, events: given, messages } in cases("nats.ndjson") {
        for (name, subjects, max_message_size) in &streams {
            let config = Config {
                name: name.clone(),
                subjects: subjects.clone(),
                max_message_size: *max_message_size,
                ..Config::default()
            };
            soon(async {
                while context.create_stream(config.clone()).await.is_err() {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            })
            .await;
        }
        let mut received = client.subscribe("ecs.>").await.expect("subscribe");
        client.flush().await.expect("flush");
        sink["url"] = server.url().into();
        let running = start_with("nats", &sink.to_string(), false, None);
        send(running, events(&given, &[])).await;
        for wanted in &messages {
            let message = soon(received.next()).await.expect("a message");
            let payload = String::from_utf8(message.payload.to_vec()).expect("text");
            assert_eq!((message.subject.as_str(), &payload), (wanted.subject.as_str(), &wanted.payload), "{id}");
            assert_eq!(message.reply.is_some(), wanted.has_reply, "{id}");
            let message_id = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id"));
            assert_eq!(message_id.map(|value| value.as_str().to_owned()), wanted.message_id, "{id}");
        }
        // A message that marks the end comes next, so there was none too many.
        client.publish("ecs.end", "end".into()).await.expect("publish");
        assert_eq!(&soon(received.next()).await.expect("the end").payload[..], b"end", "{id}");
        for (name, ..) in &streams {
            context.delete_stream(name).await.expect("delete");
        }
    }
}
