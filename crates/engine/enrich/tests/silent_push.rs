//! The `silentpush` provider against a stand-in of the API (there is no public sandbox).

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use resilmesh_enrich::config::SilentPushConfig;
use resilmesh_enrich::indicator::Indicator;
use resilmesh_enrich::provider::silentpush::SilentPush;
use resilmesh_enrich::provider::{Outcome, Provider};
use serde_json::{Value, json};
use support::api::{Api, Behave};
use support::{event, mesh, start};

fn settings(api: &Api) -> SilentPushConfig {
    SilentPushConfig {
        url: api.url().parse().expect("a URL"),
        api_key_file: None,
        daily_budget: 10_000,
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(20),
        retries: 2,
        retry_delay: Duration::from_millis(1),
        pause: Duration::from_secs(300),
        cache_age: Duration::from_secs(86_400),
        cache_bytes: 1 << 20,
        explain: true,
        never_send: vec!["ours.de".to_owned()],
    }
}

fn provider(settings: SilentPushConfig, data: &Path) -> SilentPush {
    SilentPush::new(settings, "the-key", data).expect("a provider")
}

async fn outcome(provider: &SilentPush, text: &str) -> Outcome {
    let indicator = Indicator::either(text).expect("an indicator");
    provider.lookup(&[indicator]).await.remove(0)
}

fn object(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Found(answer) => serde_json::from_str(&answer.json).expect("JSON"),
        other => panic!("nothing found: {other:?}"),
    }
}

fn failure(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(failure) => failure.reason.to_string(),
        other => panic!("no failure: {other:?}"),
    }
}

fn indicators(texts: impl IntoIterator<Item = String>) -> Vec<Indicator> {
    texts.into_iter().map(|text| Indicator::either(&text).expect("an indicator")).collect()
}

#[tokio::test]
async fn requests_are_made_as_documented_and_answers_are_cached() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let silentpush = provider(settings(&api), data.path());
    let found = object(&outcome(&silentpush, "evil.de").await);
    assert_eq!(
        found,
        json!({"indicator": "evil.de", "type": "domain", "provider": "silentpush", "wazuh_rule_level": 12,
            "domaininfo": {"domain": "evil.de", "zone": null, "is_new": false}, "sp_risk_score": 80})
    );
    outcome(&silentpush, "8.8.8.8").await;
    outcome(&silentpush, "2a00:1450::1").await;
    let requests = api.requests();
    let kinds: Vec<&str> = requests.iter().map(|request| request.kind.as_str()).collect();
    assert_eq!(kinds, ["domain", "ipv4", "ipv6"]);
    assert_eq!(requests[0].key.as_deref(), Some("the-key"));
    assert!(requests[0].agent.as_deref().is_some_and(|agent| agent.starts_with("resilmesh-enrich/")));

    outcome(&silentpush, "evil.de").await;
    drop(silentpush);
    let restarted = provider(settings(&api), data.path());
    for text in ["evil.de", "8.8.8.8", "2a00:1450::1"] {
        assert_eq!(object(&outcome(&restarted, text).await)["indicator"], text);
    }
    assert_eq!(api.requests().len(), 3, "all the rest came from the cache");
    assert!(restarted.note().is_some_and(|note| note.contains("3 of 10000")));
}

#[tokio::test]
async fn only_what_is_public_is_ever_sent() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let silentpush = provider(settings(&api), data.path());
    let inside = [
        "10.0.0.1",
        "172.16.3.4",
        "192.168.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "224.0.0.1",
        "203.0.113.9",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "198.18.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "2002:a00:1::1",
        "printer.local",
        "db.internal",
        "nas.lan",
        "r.home.arpa",
        "a.test",
        "a.example",
        "a.invalid",
        "a.localhost",
        "a.onion",
        "1.0.0.10.in-addr.arpa",
        "dc.corp",
        "ours.de",
        "mail.ours.de",
    ];
    let outcomes = silentpush.lookup(&indicators(inside.map(str::to_owned))).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Nothing)), "{outcomes:?}");
    assert_eq!(api.requests().len(), 0);
}

#[tokio::test]
async fn many_questions_become_few_requests_and_no_question_is_put_twice() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let silentpush = Arc::new(provider(settings(&api), data.path()));
    let all = indicators((0..250).map(|n| format!("9.9.{}.{}", n / 100, n % 100)));
    let askers = (0..4).map(|_| {
        let (silentpush, all) = (silentpush.clone(), all.clone());
        tokio::spawn(async move { silentpush.lookup(&all).await })
    });
    for asker in futures::future::join_all(askers).await {
        assert!(asker.expect("no panic").iter().all(|outcome| matches!(outcome, Outcome::Found(_))));
    }
    let asked = api.asked();
    let mut distinct = asked.clone();
    distinct.dedup();
    assert_eq!((asked.len(), distinct.len()), (250, 250));
    assert!(api.requests().iter().all(|request| request.indicators.len() <= 100));
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let silentpush = provider(settings(&api), data.path());
    api.script([Behave::Status(500), Behave::Status(503)]);
    object(&outcome(&silentpush, "a.de").await);
    api.script([Behave::RetryAfter("0"), Behave::Status(429)]);
    object(&outcome(&silentpush, "b.de").await);
    api.script([Behave::Say("<html>"), Behave::Say(r#"{"response": "UNKNOWN"}"#)]);
    object(&outcome(&silentpush, "c.de").await);
    assert_eq!(api.requests().len(), 9);
    assert!(silentpush.note().is_some_and(|note| note.starts_with("3 of")), "only answers count");
}

#[tokio::test]
async fn an_api_that_is_down_soon_costs_nothing() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let silentpush = provider(settings(&api), data.path());
    api.always(Behave::Status(502));
    assert!(failure(&outcome(&silentpush, "a.de").await).contains("HTTP 502"));
    assert_eq!(api.requests().len(), 3);
    for n in 0..50 {
        assert!(failure(&outcome(&silentpush, &format!("b{n}.de")).await).contains("HTTP 502"));
    }
    assert_eq!(api.requests().len(), 3, "it is left alone");
    assert!(silentpush.note().is_some_and(|note| note.contains("HTTP 502") && note.contains("0 of")));
}

#[tokio::test]
async fn it_is_tried_again_after_a_rest() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let silentpush = provider(SilentPushConfig { pause: Duration::from_millis(50), ..settings(&api) }, data.path());
    api.script([Behave::Status(500), Behave::Status(500), Behave::Status(500)]);
    failure(&outcome(&silentpush, "a.de").await);
    support::until("an answer", async || matches!(outcome(&silentpush, "a.de").await, Outcome::Found(_)).then_some(()))
        .await;
}

#[tokio::test]
async fn a_time_out_is_a_failure_and_not_a_wait() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let settings = SilentPushConfig { timeout: Duration::from_millis(100), retries: 0, ..settings(&api) };
    let silentpush = provider(settings, data.path());
    api.always(Behave::Slowly(Duration::from_secs(600)));
    assert!(failure(&outcome(&silentpush, "a.de").await).contains("no answer in time"));
}

#[tokio::test]
async fn a_refused_key_is_not_presented_again() {
    for status in [401, 403] {
        let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
        let silentpush = provider(settings(&api), data.path());
        api.always(Behave::Status(status));
        for name in ["a.de", "b.de", "c.de"] {
            assert!(failure(&outcome(&silentpush, name).await).contains("API key is refused"));
        }
        assert_eq!(api.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_long_wish_to_be_left_alone_is_granted_without_waiting() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let silentpush = provider(settings(&api), data.path());
    api.always(Behave::RetryAfter("3600"));
    assert!(failure(&outcome(&silentpush, "a.de").await).contains("429"));
    assert!(failure(&outcome(&silentpush, "b.de").await).contains("429"));
    assert_eq!(api.requests().len(), 1);
}

#[tokio::test]
async fn a_partial_answer_leaves_the_rest_unknown() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let silentpush = provider(settings(&api), data.path());
    api.script([Behave::Partially]);
    let outcomes = silentpush.lookup(&indicators(["a.de", "b.de", "c.de"].map(str::to_owned))).await;
    let found = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Found(_))).count();
    assert_eq!((found, outcomes.len()), (1, 3));
    silentpush.lookup(&indicators(["a.de", "b.de", "c.de"].map(str::to_owned))).await;
    assert_eq!(api.requests().len(), 1, "what is unknown is remembered too");
}

#[tokio::test]
async fn one_that_the_api_cannot_stand_does_not_cost_the_others_their_answers() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let silentpush = provider(settings(&api), data.path());
    api.always(Behave::CannotStand("n5.de"));
    let names: Vec<String> = (0..10).map(|n| format!("n{n}.de")).collect();
    let outcomes = silentpush.lookup(&indicators(names)).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        match n {
            5 => assert!(failure(outcome).contains("bad indicator")),
            _ => assert_eq!(object(outcome)["sp_risk_score"], 80),
        }
    }
}

#[tokio::test]
async fn an_api_that_refuses_everything_is_left_alone() {
    for (status, most) in [(400, 20), (404, 3), (302, 3)] {
        let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
        let silentpush = provider(settings(&api), data.path());
        api.always(Behave::Status(status));
        for outcome in silentpush.lookup(&indicators((0..100).map(|n| format!("n{n}.de")))).await {
            assert!(failure(&outcome).contains(&format!("HTTP {status}")));
        }
        assert!(api.requests().len() <= most, "{} requests after {status}", api.requests().len());
        assert!(silentpush.note().is_some_and(|note| note.contains("; 0 of")), "{:?}", silentpush.note());
    }
}

#[tokio::test]
async fn the_daily_budget_holds_across_a_restart() {
    let (api, data) = (Api::start().await, tempfile::tempdir().expect("a folder"));
    let settings = SilentPushConfig { daily_budget: 3, ..settings(&api) };
    let silentpush = provider(settings.clone(), data.path());
    let outcomes = silentpush.lookup(&indicators((0..5).map(|n| format!("n{n}.de")))).await;
    let found = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Found(_))).count();
    let refused: Vec<String> = outcomes.iter().filter(|o| matches!(o, Outcome::Failed(_))).map(failure).collect();
    assert_eq!(found, 3);
    assert!(refused.len() == 2 && refused.iter().all(|reason| reason.contains("daily budget of 3")), "{refused:?}");
    drop(silentpush);
    let restarted = provider(settings, data.path());
    assert!(failure(&outcome(&restarted, "other.de").await).contains("daily budget"));
    assert_eq!(api.asked().len(), 3);
}

fn with_api(api: &Api, more: &str) -> String {
    format!("providers: [local, silentpush]\nsilentpush: {{url: '{}', api_key_file: key{more}}}", api.url())
}

#[tokio::test]
async fn a_slow_api_delays_an_event_but_has_it_delivered_once() {
    let api = Api::start().await;
    let (bus, admin) = mesh().await;
    // Twice as slow as the bus would wait for a word.
    admin.add_consumer_patience(Duration::from_secs(2)).await;
    api.script([Behave::Slowly(Duration::from_secs(5))]);
    std::fs::write(bus.dir.path().join("key"), "the-key\n").expect("write");
    let service = start(&bus, &with_api(&api, ""));
    admin.publish([event("slow", "8.8.8.8")]).await;
    admin.wait_for_count("enriched_events", 1).await;
    admin.wait_until_all_is_acknowledged().await;
    let stats = service.wait_for("stats", |stats| stats["components"]["output"]["sent"] == 1).await;
    assert_eq!(stats["components"]["input"]["received"], 1, "delivered once");

    let events = admin.read_by_id("enriched_events").await;
    let slow = &events["slow"];
    assert_eq!(slow["silent_push"]["source"]["ip"]["provider"], "silentpush");
    assert_eq!((&slow["event"]["risk_score"], &slow["wazuh_rule_level"]), (&json!(13.0), &json!(2)));
    assert_eq!(slow["source"]["as"], json!({"number": 64500, "organization": {"name": "EXAMPLE"}}));
    assert_eq!(slow["source"]["geo"]["country_name"], "Germany");
    assert_eq!(slow["resilmesh"]["enrichment"]["providers"], json!(["local", "silentpush"]));
    service.stop().await;
}

#[tokio::test]
async fn events_that_need_nothing_from_a_slow_api_do_not_wait_for_it() {
    let api = Api::start().await;
    let (bus, admin) = mesh().await;
    api.always(Behave::Slowly(Duration::from_secs(600)));
    std::fs::write(bus.dir.path().join("key"), "the-key\n").expect("write");
    let mixed = [event("public", "8.8.8.8"), event("private", "10.0.0.1"), "no event".to_owned()];
    admin.publish(mixed).await;
    let service = start(&bus, &with_api(&api, ", timeout_secs: 120"));
    admin.wait_for_count("enriched_events", 1).await;
    admin.wait_for_count("ecs_events_rejected", 1).await;
    assert!(admin.read_by_id("enriched_events").await.contains_key("private"));
    // A stop does not wait for the API either; the event is there for the next start.
    let took = service.stop().await;
    assert!(took < Duration::from_secs(20), "{took:?}");
    support::until("handed back", async || {
        (admin.consumer_info().await.num_pending + admin.consumer_info().await.num_ack_pending as u64 == 1)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn events_go_on_with_the_reason_when_the_api_fails() {
    let api = Api::start().await;
    let (bus, admin) = mesh().await;
    api.always(Behave::Status(401));
    std::fs::write(bus.dir.path().join("key"), "the-key\n").expect("write");
    let service = start(&bus, &with_api(&api, ", daily_budget: 7"));
    admin.publish((0..100).map(|n| event(&format!("e{n}"), &format!("9.9.9.{n}")))).await;
    admin.wait_for_count("enriched_events", 100).await;
    admin.wait_until_all_is_acknowledged().await;
    for (id, event) in admin.read_by_id("enriched_events").await {
        let reason = event["resilmesh"]["enrichment"]["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("silentpush"), "{id}: {event}");
        assert_eq!(event["silent_push"]["source"]["ip"]["provider"], "local");
    }
    let providers = service.wait_for("providers", Value::is_array).await;
    assert!(providers[1]["note"].as_str().is_some_and(|note| note.contains("API key is refused")), "{providers}");
    let stats = service.wait_for("stats", |_| true).await;
    assert!(stats["components"]["provider:silentpush"]["dropped"]["API key refused"].as_u64() > Some(0));
    service.stop().await;
}
