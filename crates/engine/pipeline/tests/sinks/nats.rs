//! The nats sink against a real nats-server.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy};
use async_nats::jetstream::{self, consumer::pull};
use futures::StreamExt;
use resilmesh_pipeline::event::Fate;
use vrl::value;
use vrl::value::Value;

use crate::support::{Nats, fates, soon, start, start_with, until};

fn jetstream_sink(server: &Nats, more: &str) -> String {
    format!(
        "{{url: '{}', subject: ecs_events, encoding: {{codec: json}}, \
         jetstream: {{enabled: true, headers: {{message_id: '{{{{ event.id }}}}'}}}}, {more}}}",
        server.url()
    )
}

async fn stream(server: &Nats, config: Config) -> jetstream::stream::Stream {
    let context = jetstream::new(server.client().await);
    soon(async {
        // Just after a start the server may not have JetStream ready yet.
        loop {
            match context.create_stream(Config { name: "ecs_events".to_owned(), ..config.clone() }).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    })
    .await
}

fn events(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(|number| value!({"event": {"id": (format!("e-{number}"))}, "pad": ("x".repeat(100))})).collect()
}

async fn messages(stream: &mut jetstream::stream::Stream) -> u64 {
    soon(stream.info()).await.unwrap().state.messages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_publishes_to_the_subject_of_each_event() {
    let server = Nats::start("").await;
    let mut received = server.client().await.subscribe("ecs.>").await.unwrap();
    let sink = start(
        "nats",
        &format!(
            "{{url: '{}', subject: 'ecs.{{{{ host }}}}', encoding: {{codec: json, except_fields: [host]}}}}",
            server.url()
        ),
    );
    until(|| sink.lifecycle.unready_because().is_none()).await;
    let hosts = ["a", "", "b c", "a..b", "ok.>"];
    let told = sink.send(hosts.iter().map(|host| value!({"host": (*host), "n": 1})).collect()).await;
    let told_missing = sink.send(vec![value!({"n": 2})]).await;
    for wanted in ["ecs.a", "ecs.ok.>"] {
        let message = soon(received.next()).await.unwrap();
        assert_eq!((message.subject.as_str(), &message.payload[..]), (wanted, &br#"{"n":1}"#[..]));
        assert!(message.headers.is_none() && message.reply.is_none());
    }
    let counters = sink.counters();
    assert_eq!(counters.dropped["invalid subject"], 3, "{counters:?}");
    drop(sink.refused);
    drop((told, told_missing));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_is_acknowledged_and_has_its_id() {
    let server = Nats::start("").await;
    let mut kept = stream(&server, Config::default()).await;
    let sink = start("nats", &jetstream_sink(&server, ""));
    let mut told = sink.send(events(0..600)).await;
    told.extend(sink.send(events(0..600)).await);
    told.extend(sink.send(vec![value!({"no": "id"})]).await);
    assert_eq!(fates(told).await, vec![Fate::Delivered; 1201]);
    // The second time they are known by their ids.
    assert_eq!(messages(&mut kept).await, 601);
    assert_eq!(soon(kept.get_raw_message(1)).await.unwrap().headers.get("Nats-Msg-Id").unwrap().as_str(), "e-0");
    assert_eq!(sink.finish().await.sent, 1201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_handed_over_and_the_rest_goes_on() {
    let server = Nats::start("max_payload: 2KB").await;
    let mut kept = stream(&server, Config { max_message_size: 1000, ..Config::default() }).await;
    let mut sink = start("nats", &jetstream_sink(&server, ""));
    let large = |size: usize| value!({"pad": ("x".repeat(size))});
    let told = sink.send(vec![large(10), large(1500), large(5000), large(10)]).await;
    let mut reasons = BTreeSet::new();
    for _ in 0..2 {
        let event = soon(sink.refused.recv()).await.unwrap().remove(0);
        let reason = event.value.get(vrl::path!("metadata", "dropped", "reason")).unwrap();
        reasons.insert(reason.to_string_lossy().into_owned());
    }
    assert_eq!(Vec::from_iter(reasons), ["too large for the server", "too large for the stream"]);
    assert_eq!(fates(told).await, vec![Fate::Delivered; 4]);
    assert_eq!(messages(&mut kept).await, 2);

    let alone = start_with("nats", &jetstream_sink(&server, ""), false, None);
    assert_eq!(fates(alone.send(vec![large(5000), large(10)]).await).await, [Fate::Rejected, Fate::Delivered]);
    assert_eq!(alone.finish().await.dropped["too large for the server"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_stream_holds_back_until_there_is_room() {
    const EVENTS: usize = 3000;
    let server = Nats::start("").await;
    let config = Config {
        max_bytes: 64 * 1024,
        discard: DiscardPolicy::New,
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    let stream = stream(&server, config).await;
    let sink = start("nats", &jetstream_sink(&server, ""));
    let mut told = Vec::new();
    for first in (0..EVENTS).step_by(500) {
        told.extend(sink.send(events(first..first + 500)).await);
    }
    until(|| sink.counters().errors > 600).await;
    let stuck = sink.counters();
    assert!(stuck.sent < EVENTS as u64 && stuck.dropped.is_empty(), "{stuck:?}");

    let consumer = stream.create_consumer(pull::Config::default()).await.unwrap();
    let mut received = consumer.messages().await.unwrap();
    let mut ids = BTreeSet::new();
    while ids.len() < EVENTS {
        let message = soon(received.next()).await.unwrap().unwrap();
        let event: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        assert!(ids.insert(event["event"]["id"].as_str().unwrap().to_owned()), "twice: {event}");
        message.ack().await.unwrap();
    }
    assert_eq!(fates(told).await, vec![Fate::Delivered; EVENTS]);
    let counters = sink.finish().await;
    assert_eq!((counters.sent, counters.dropped.len()), (EVENTS as u64, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_costs_nothing() {
    const EVENTS: usize = 20_000;
    let mut server = Nats::start("").await;
    stream(&server, Config::default()).await;
    let sink = start("nats", &jetstream_sink(&server, ""));
    let mut told = Vec::new();
    for first in (0..EVENTS).step_by(1000) {
        told.extend(sink.send(events(first..first + 1000)).await);
        if first == 5000 || first == 12_000 {
            until(|| sink.counters().sent > 1000).await;
            assert!(sink.counters().sent < (first + 1000) as u64 || first > 0);
            server.kill_and_restart().await;
        }
    }
    assert_eq!(fates(told).await, vec![Fate::Delivered; EVENTS]);
    assert_eq!(sink.finish().await.sent, EVENTS as u64);

    let kept = jetstream::new(server.client().await).get_stream("ecs_events").await.unwrap();
    let consumer = kept.create_consumer(pull::Config::default()).await.unwrap();
    let mut received = consumer.messages().await.unwrap();
    let mut ids = BTreeSet::new();
    while ids.len() < EVENTS {
        let message = soon(received.next()).await.unwrap().unwrap();
        let event: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        ids.insert(event["event"]["id"].as_str().unwrap().to_owned());
        message.ack().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_for_a_server_that_is_not_there_yet_and_ends_when_told() {
    let server = Nats::start("").await;
    let (url, port) = (server.url(), server.port);
    drop(server);
    let sink = start("nats", &format!("{{url: '{url}', subject: s, encoding: {{codec: json}}, jetstream: true}}"));
    let told = sink.send(vec![value!({"a": 1})]).await;
    until(|| sink.lifecycle.unready_because().is_some_and(|what| what.contains(&format!("127.0.0.1:{port}")))).await;
    sink.stop.cancel();
    assert_eq!(fates(told).await, [Fate::Errored]);
    assert_eq!(sink.finish().await.sent, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_without_stream_is_tried_as_often_as_told() {
    let server = Nats::start("").await;
    stream(&server, Config::default()).await;
    let yaml = format!(
        "{{url: '{}', subject: '{{{{ to }}}}', encoding: {{codec: json}}, jetstream: true, \
         dangerously_allow_unconfined_template_resolution: true, request: {{retry_attempts: 1}}}}",
        server.url()
    );
    let sink = start_with("nats", &yaml, false, None);
    let told = sink.send(vec![value!({"to": "nowhere"}), value!({"to": "ecs_events"})]).await;
    assert_eq!(fates(told).await, [Fate::Rejected, Fate::Delivered]);
    let counters = sink.finish().await;
    assert_eq!((counters.dropped["retries exhausted"], counters.sent), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_may_have_a_password_and_an_inbox_of_its_own() {
    let server = Nats::start(
        "authorization { users: [ {user: collector, password: secret, permissions: \
         {publish: [ecs_events], subscribe: [\"_INBOX_collector.>\"]}}, {user: all, password: all} ] }",
    )
    .await;
    let admin =
        soon(async_nats::ConnectOptions::with_user_and_password("all".into(), "all".into()).connect(server.url()));
    let context = jetstream::new(admin.await.unwrap());
    let config = Config { name: "ecs_events".to_owned(), ..Config::default() };
    soon(async {
        while context.create_stream(config.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let auth = "auth: {strategy: user_password, user_password: {user: collector, password: secret}}";
    let sink = start_with("nats", &jetstream_sink(&server, auth), false, Some("_INBOX_collector"));
    assert_eq!(fates(sink.send(events(0..3)).await).await, [Fate::Delivered; 3]);
    sink.finish().await;
}
