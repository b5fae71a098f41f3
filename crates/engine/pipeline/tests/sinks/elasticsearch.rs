//! The elasticsearch sink against an HTTP server that misbehaves.

use resilmesh_pipeline::event::Fate;
use vrl::value;
use vrl::value::Value;

use crate::support::{Reply, Web, fates, soon, start, start_with, until};

fn sink(web: &Web, more: &str) -> String {
    format!(
        "{{endpoints: ['{}'], api_version: v8, id_key: document_id, bulk: {{action: create, index: events}}, \
         batch: {{max_events: 10, timeout_secs: 0.05}}, {more}}}",
        web.url()
    )
}

fn events(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(|number| value!({"document_id": (format!("d-{number}")), "n": number})).collect()
}

/// A bulk answer with these statuses.
fn outcomes(statuses: &[u16]) -> Reply {
    let items: Vec<_> = statuses
        .iter()
        .map(|status| {
            serde_json::json!({"create": {"status": status, "error": {"type": "some_exception", "reason": "because"}}})
        })
        .collect();
    Reply::With(200, serde_json::json!({"took": 1, "errors": true, "items": items}).to_string())
}

/// The ids in a bulk request.
fn ids(text: &str) -> Vec<String> {
    text.lines()
        .step_by(2)
        .map(|line| {
            let head: serde_json::Value = serde_json::from_str(line).unwrap();
            head["create"]["_id"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_stored_many_in_a_request() {
    let web = Web::start([]).await;
    let sink = start("elasticsearch", &sink(&web, ""));
    until(|| sink.lifecycle.unready_because().is_none()).await;
    assert_eq!(fates(sink.send(events(0..25)).await).await, vec![Fate::Delivered; 25]);
    assert_eq!(sink.finish().await.sent, 25);
    let mut sizes: Vec<_> = web.sent().iter().map(|asked| ids(&asked.text()).len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 10, 10]);
    assert_eq!(web.looked_at(), ["/_cluster/health"]);
    assert!(web.sent().iter().all(|asked| asked.path == "/_bulk?timeout=60s"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_the_server_may_take_later_is_sent_again() {
    let web = Web::start([outcomes(&[201, 429, 409, 503, 400]), outcomes(&[201, 500])]).await;
    let mut sink = start("elasticsearch", &sink(&web, ""));
    let told = sink.send(events(0..5)).await;
    let refused = soon(sink.refused.recv()).await.unwrap().remove(0);
    let metadata = refused.value.get(vrl::path!("metadata", "dropped")).unwrap();
    assert_eq!(metadata.get(vrl::path!("message")), Some(&value!("status 400: some_exception: because")));
    assert_eq!(metadata.get(vrl::path!("component_id")), Some(&value!("out")));
    assert_eq!(refused.value.get(vrl::path!("document_id")), Some(&value!("d-4")));
    assert_eq!(refused.value.get(vrl::path!("n")), Some(&value!(4)));
    drop(refused);
    assert_eq!(fates(told).await, vec![Fate::Delivered; 5]);
    let sent: Vec<_> = web.sent().iter().map(|asked| ids(&asked.text())).collect();
    assert_eq!(sent, [vec!["d-0", "d-1", "d-2", "d-3", "d-4"], vec!["d-1", "d-3"], vec!["d-3"]]);
    let counters = sink.finish().await;
    assert_eq!((counters.sent, counters.dropped["refused by the server"]), (4, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_another_sink_what_is_refused_is_rejected() {
    let web = Web::start([outcomes(&[400, 201])]).await;
    let sink = start_with("elasticsearch", &sink(&web, ""), false, None);
    assert_eq!(fates(sink.send(events(0..2)).await).await, [Fate::Rejected, Fate::Delivered]);
    assert_eq!(sink.finish().await.dropped["refused by the server"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_with_the_whole_request_loses_nothing() {
    let troubles = [
        Reply::With(429, "busy".to_owned()),
        Reply::With(503, "starting".to_owned()),
        Reply::With(401, "who are you".to_owned()),
        Reply::With(200, "<html>not the store</html>".to_owned()),
        Reply::HangUp,
        Reply::With(500, String::new()),
    ];
    let web = Web::start(troubles).await;
    let sink = start("elasticsearch", &sink(&web, ""));
    assert_eq!(fates(sink.send(events(0..3)).await).await, [Fate::Delivered; 3]);
    let counters = sink.finish().await;
    assert_eq!((counters.sent, counters.errors, counters.dropped.len()), (3, 6, 0));
    assert_eq!(web.sent().len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_too_large_is_halved_until_the_culprit_is_found() {
    let large = || Reply::With(413, "too large".to_owned());
    // All four; the first two; the first of them.
    let web = Web::start([large(), large(), large()]).await;
    let sink = start_with("elasticsearch", &sink(&web, ""), false, None);
    let (d, r) = (Fate::Delivered, Fate::Rejected);
    assert_eq!(fates(sink.send(events(0..4)).await).await, [r, d, d, d]);
    let sent: Vec<_> = web.sent().iter().map(|asked| ids(&asked.text()).len()).collect();
    assert_eq!(sent, [4, 2, 1, 1, 2]);
    assert_eq!(sink.finish().await.sent, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_goes_and_comes_back_gets_everything() {
    let mut first = Web::start([]).await;
    let (port, options) = (first.port, sink(&first, ""));
    let sink = start("elasticsearch", &options);
    assert_eq!(fates(sink.send(events(0..20)).await).await, vec![Fate::Delivered; 20]);
    first.close().await;
    let told = sink.send(events(20..60)).await;
    until(|| sink.counters().errors > 0).await;
    let second = Web::start_as("{}", port, []).await;
    assert_eq!(fates(told).await, vec![Fate::Delivered; 40]);
    // A connection that was open may have been served to its end by the first.
    let mut stored: Vec<_> = first.sent().iter().chain(&second.sent()).flat_map(|asked| ids(&asked.text())).collect();
    stored.sort();
    stored.dedup();
    assert_eq!(stored.len(), 60);
    assert!(!second.sent().is_empty());
    assert_eq!(sink.finish().await.sent, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_for_a_store_that_is_not_there_and_ends_when_told() {
    let web = Web::start([]).await;
    let (url, options) = (web.url(), sink(&web, ""));
    drop(web);
    let sink = start("elasticsearch", &options);
    let told = sink.send(events(0..3)).await;
    until(|| sink.lifecycle.unready_because().is_some_and(|what| what.contains(&format!("store at {url}")))).await;
    sink.stop.cancel();
    assert_eq!(fates(told).await, [Fate::Errored; 3]);
    assert_eq!(sink.finish().await.sent, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_as_many_attempts_as_told_it_gives_up() {
    let busy = || Reply::With(503, "busy".to_owned());
    let web = Web::start([busy(), busy(), busy()]).await;
    let sink = start_with("elasticsearch", &sink(&web, "request: {retry_attempts: 1}"), false, None);
    assert_eq!(fates(sink.send(events(0..2)).await).await, [Fate::Rejected; 2]);
    assert_eq!(web.sent().len(), 2);
    assert_eq!(sink.finish().await.dropped["retries exhausted"], 2);
}
