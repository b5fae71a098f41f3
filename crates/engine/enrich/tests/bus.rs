//! The service on a real nats-server that grants exactly what a mesh grants.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use resilmesh_relay::RunError;
use serde_json::{Value, json};
use support::{Admin, Bus, DEADLINE, event, mesh, mesh_on, start, stream_config, until};

#[tokio::test]
async fn events_come_out_enriched_and_what_is_no_event_is_rejected() {
    let (bus, admin) = mesh().await;
    let service = start(&bus, "");
    service.wait_until_ready().await;
    admin
        .publish([
            event("one", "8.8.8.8"),
            "not json".to_owned(),
            r#"{"event": {"id": "two"}, "url": {"full": "https://www.shop.co.uk/"}, "n": 12345678901234567890.10}"#
                .to_owned(),
            "[1]".to_owned(),
            r#"{"event": {"id": "three"}, "message": "nothing to know"}"#.to_owned(),
        ])
        .await;
    admin.wait_for_count("enriched_events", 3).await;
    admin.wait_for_count("ecs_events_rejected", 2).await;
    admin.wait_until_all_is_acknowledged().await;

    let events = admin.read_by_id("enriched_events").await;
    assert_eq!(events["one"]["silent_push"]["source"]["ip"]["address_class"], "public");
    assert_eq!(events["two"]["url"]["registered_domain"], "shop.co.uk");
    assert_eq!(events["three"], json!({"event": {"id": "three"}, "message": "nothing to know"}));
    let texts = admin.read("enriched_events").await;
    assert!(texts.iter().any(|(_, text)| String::from_utf8_lossy(text).contains("\"n\": 12345678901234567890.10")));

    let rejected = admin.read_by_id("ecs_events_rejected").await;
    for (id, document) in &rejected {
        assert_eq!(document["event"]["id"], id.as_str());
        assert!(document["error"]["message"].as_str().is_some_and(|text| text.contains("JSON")));
    }
    let originals: BTreeSet<&str> =
        rejected.values().filter_map(|document| document["event"]["original"].as_str()).collect();
    assert_eq!(originals, BTreeSet::from(["not json", "[1]"]));

    let stats = service.wait_for("stats", |stats| stats["components"]["output"]["sent"] == 3).await;
    assert_eq!(stats["components"]["input"]["received"], 5);
    assert_eq!(stats["components"]["enrich"]["sent"], 2);
    assert_eq!(stats["components"]["enrich"]["dropped"]["not a JSON object"], 2);
    assert_eq!(stats["components"]["rejected"]["sent"], 2);
    assert_eq!(stats["components"]["provider:local"]["received"], 2);
    service.stop().await;
}

#[tokio::test]
async fn an_event_without_id_gets_one() {
    let (bus, admin) = mesh().await;
    let service = start(&bus, "");
    admin.publish([r#"{"message": "no id"}"#.to_owned()]).await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Msg-Id", "from-sender");
    admin
        .jetstream
        .publish_with_headers("ecs_events", headers, r#"{"message": "id in the header"}"#.into())
        .await
        .expect("publish")
        .await
        .expect("stored");
    admin.publish([r#"{"event": {"id": "a\nb"}}"#.to_owned(), r#"{"event": {"id": 7}}"#.to_owned()]).await;
    admin.wait_for_count("enriched_events", 4).await;
    let events = admin.read_by_id("enriched_events").await;
    assert_eq!(events["from-sender"]["event"]["id"], "from-sender");
    assert_eq!(events["7"]["event"]["id"], 7);
    for (id, event) in events {
        match event["event"]["id"].as_str() {
            // What cannot stand in a header is hashed there, and stays in the event.
            Some("a\nb") => assert_eq!(id.len(), 64),
            Some(own) => assert_eq!(own, id),
            None => assert_eq!(id, "7"),
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn a_broker_killed_in_mid_flow_costs_nothing() {
    const EVENTS: usize = 20_000;
    let (mut bus, admin) = mesh().await;
    // What was on its way to us when the bus died comes again after this time.
    admin.add_consumer_patience(Duration::from_secs(3)).await;
    let ids = |n: usize| format!("event-{n}");
    admin.publish((0..EVENTS).map(|n| event(&ids(n), &format!("8.8.{}.{}", n / 256 % 256, n % 256)))).await;
    let service = start(&bus, "");
    admin.wait_for_count("enriched_events", 500).await;
    assert!(admin.count("enriched_events").await < EVENTS as u64, "it was finished already");
    bus.kill();
    let before = service.wait_for("health", |health| health["ready"] == false).await;
    assert_eq!(before["waiting_for"], bus.url());
    bus.start();
    service.wait_until_ready().await;
    let admin = bus.admin().await;
    admin.wait_for_count("enriched_events", EVENTS as u64).await;
    admin.wait_until_all_is_acknowledged().await;

    let stored = admin.read_by_id("enriched_events").await;
    assert_eq!(stored.len(), EVENTS);
    for n in 0..EVENTS {
        assert!(stored.contains_key(&ids(n)), "{} is missing", ids(n));
    }
    service.stop().await;
}

#[tokio::test]
async fn a_service_that_crashes_in_mid_flow_costs_nothing() {
    const EVENTS: usize = 20_000;
    let (bus, admin) = mesh().await;
    admin.add_consumer_patience(Duration::from_secs(3)).await;
    admin.publish((0..EVENTS).map(|n| event(&format!("e{n}"), "8.8.8.8"))).await;
    let service = start(&bus, "");
    admin.wait_for_count("enriched_events", 500).await;
    service.crash().await;
    assert!(admin.consumer_info().await.ack_floor.stream_sequence < EVENTS as u64, "it was finished already");
    let service = start(&bus, "");
    admin.wait_for_count("enriched_events", EVENTS as u64).await;
    admin.wait_until_all_is_acknowledged().await;
    assert_eq!(admin.read_by_id("enriched_events").await.len(), EVENTS);
    service.stop().await;
}

async fn limit_output(admin: &Admin, messages: i64) {
    let config = async_nats::jetstream::stream::Config {
        max_messages: messages,
        ..stream_config("enriched_events", "enriched_events")
    };
    admin.jetstream.update_stream(config).await.expect("an update");
}

#[tokio::test]
async fn a_full_stream_is_waited_for_and_a_stop_hands_back_what_is_not_done() {
    let (bus, admin) = mesh().await;
    limit_output(&admin, 5).await;
    let service = start(&bus, "");
    admin.publish((0..20).map(|n| event(&format!("e{n}"), "8.8.8.8"))).await;
    admin.wait_for_count("enriched_events", 5).await;
    service.wait_for("stats", |stats| stats["components"]["output"]["errors"].as_u64() > Some(0)).await;
    let took = service.stop().await;
    assert!(took < Duration::from_secs(20), "{took:?}");

    limit_output(&admin, -1).await;
    let service = start(&bus, "");
    // Without the hand-back this would take the 30 s after which the bus delivers again.
    admin.wait_for_count("enriched_events", 20).await;
    admin.wait_until_all_is_acknowledged().await;
    assert_eq!(admin.read_by_id("enriched_events").await.len(), 20);
    service.stop().await;
}

#[tokio::test]
async fn it_starts_before_everything_it_needs() {
    let mut bus = Bus::reserve();
    let service = start(&bus, "");
    let health = service.wait_for("health", |health| health["waiting_for"] == bus.url()).await;
    assert_eq!(health["ready"], false);
    bus.start();
    service.wait_for("health", |health| text(&health["waiting_for"]).contains("consumer `enrichment`")).await;
    let admin = bus.admin().await;
    admin.add_streams().await;
    admin.add_consumer(Duration::from_secs(30)).await;
    service.wait_until_ready().await;
    admin.publish([event("late", "8.8.8.8")]).await;
    admin.wait_for_count("enriched_events", 1).await;
    service.stop().await;
}

#[tokio::test]
async fn a_consumer_that_is_made_anew_is_found_again() {
    let (bus, admin) = mesh().await;
    let service = start(&bus, "");
    service.wait_until_ready().await;
    let stream = admin.jetstream.get_stream("ecs_events").await.expect("the stream");
    stream.delete_consumer("enrichment").await.expect("deleted");
    service.wait_for("health", |health| health["ready"] == false).await;
    admin.add_consumer(Duration::from_secs(30)).await;
    admin.publish([event("after", "8.8.8.8")]).await;
    admin.wait_for_count("enriched_events", 1).await;
    service.stop().await;
}

#[tokio::test]
async fn an_event_with_no_room_for_additions_goes_on_as_it_is() {
    let (bus, admin) = mesh_on(Bus::reserve().with_max_payload(4_096)).await;
    let service = start(&bus, "");
    let empty = json!({"event": {"id": "big"}, "source": {"ip": "8.8.8.8"}, "pad": ""}).to_string();
    let fill =
        |total: usize| empty.replace("\"pad\":\"\"", &format!("\"pad\":\"{}\"", "x".repeat(total - empty.len())));
    let (nearly_full, full) = (fill(4_000), fill(4_096));
    admin.publish([nearly_full.clone(), full.clone(), "x".repeat(4_090), event("small", "8.8.8.8")]).await;
    admin.wait_for_count("enriched_events", 3).await;
    admin.wait_for_count("ecs_events_rejected", 1).await;
    admin.wait_until_all_is_acknowledged().await;
    let payloads: Vec<Vec<u8>> = admin.read("enriched_events").await.into_iter().map(|(_, payload)| payload).collect();
    assert!(payloads.contains(&nearly_full.into_bytes()) && payloads.contains(&full.into_bytes()));
    service.stop().await;
}

#[tokio::test]
async fn an_idle_service_keeps_taking_after_a_quiet_time_and_a_restart_of_the_bus() {
    let (mut bus, _admin) = mesh().await;
    let service = start(&bus, "");
    service.wait_until_ready().await;
    for round in 0..3 {
        bus.kill();
        service.wait_for("health", |health| health["ready"] == false).await;
        bus.start();
        service.wait_until_ready().await;
        let admin = bus.admin().await;
        admin.publish([event(&format!("round-{round}"), "8.8.8.8")]).await;
        admin.wait_for_count("enriched_events", round + 1).await;
    }
    service.stop().await;
}

#[tokio::test]
async fn without_a_key_silent_push_is_off_and_says_so() {
    let (bus, admin) = mesh().await;
    let service = start(&bus, "providers: [local, silentpush]\nsilentpush: {api_key_file: no/such/file}");
    let providers = service.wait_for("providers", Value::is_array).await;
    let silentpush = &providers[1];
    assert_eq!((&silentpush["name"], &silentpush["state"]), (&json!("silentpush"), &json!("off")));
    assert!(text(&silentpush["note"]).contains("no/such/file"), "{silentpush}");
    admin.publish([event("e", "8.8.8.8")]).await;
    admin.wait_for_count("enriched_events", 1).await;
    let events = admin.read_by_id("enriched_events").await;
    assert_eq!(events["e"]["resilmesh"]["enrichment"], json!({"providers": ["local"]}));
    service.stop().await;
}

#[tokio::test]
async fn all_that_is_wrong_at_start_is_told_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let (config, _) = support::write_config(dir.path(), "nats://127.0.0.1:1", "local: {asn_mmdb: none.mmdb}");
    let error = resilmesh_enrich::validate(&config).expect_err("a mistake");
    assert!(error[0].contains("none.mmdb"), "{error:?}");

    let (config, _) = support::write_config(dir.path(), "nats://127.0.0.1:1", "providers: [local, silentpush]");
    assert_eq!(resilmesh_enrich::validate(&config), Ok(()));
    std::fs::remove_file(dir.path().join("bus_password")).expect("remove");
    std::fs::write(dir.path().join("data"), "a file in the way").expect("write");
    let run = resilmesh_enrich::run_until_stopped(&config, Default::default(), Default::default(), None);
    let error = tokio::time::timeout(DEADLINE, run).await.expect("in time").expect_err("a mistake");
    assert!(matches!(error, RunError::Configuration(_)), "{error}");
    let told = error.to_string();
    assert!(told.contains("data_dir") && told.contains("bus_password"), "{told}");
}

#[tokio::test]
async fn two_services_share_the_work() {
    let (bus, admin) = mesh().await;
    let (one, other) = (start(&bus, ""), start(&bus, ""));
    admin.publish((0..2_000).map(|n| event(&format!("e{n}"), "8.8.8.8"))).await;
    admin.wait_for_count("enriched_events", 2_000).await;
    until("all acknowledged", async || (admin.consumer_info().await.num_ack_pending == 0).then_some(())).await;
    assert_eq!(admin.read_by_id("enriched_events").await.len(), 2_000);
    one.stop().await;
    other.stop().await;
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
