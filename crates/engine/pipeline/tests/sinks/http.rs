//! The http sink against an HTTP server that misbehaves.

use std::io::Read;

use resilmesh_pipeline::event::Fate;
use vrl::value;

use crate::support::{Reply, Web, fates, start, start_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_sent_as_a_list() {
    let web = Web::start([]).await;
    let yaml = format!(
        "{{uri: '{}/in', encoding: {{codec: json}}, batch: {{timeout_secs: 0.05}}, payload_prefix: '{{\"data\":', \
         payload_suffix: '}}', auth: {{strategy: basic, user: u, password: p}}, request: {{headers: {{X-Site: lab}}}}}}",
        web.url()
    );
    let sink = start("http", &yaml);
    assert_eq!(fates(sink.send(vec![value!({"a": 1}), value!({"b": 2})]).await).await, [Fate::Delivered; 2]);
    let asked = web.sent().remove(0);
    assert_eq!((asked.path.as_str(), asked.text().as_str()), ("/in", r#"{"data":[{"a":1},{"b":2}]}"#));
    for (name, wanted) in [("content-type", "application/json"), ("authorization", "Basic dTpw"), ("x-site", "lab")] {
        assert_eq!(asked.headers[name], wanted);
    }
    sink.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_address_gets_its_own_request_and_lines_can_be_compressed() {
    let web = Web::start([]).await;
    let yaml = format!(
        "{{uri: '{}/in/{{{{ to }}}}', encoding: {{codec: json, except_fields: [to]}}, compression: gzip, method: put, \
         framing: {{method: newline_delimited}}, batch: {{timeout_secs: 0.05}}, request: {{concurrency: 1}}}}",
        web.url()
    );
    let sink = start_with("http", &yaml, false, None);
    let events = vec![
        value!({"to": "a", "n": 1}),
        value!({"to": "a", "n": 2}),
        value!({"to": "b", "n": 3}),
        value!({"to": "../c", "n": 4}),
        value!({"n": 5}),
    ];
    let (d, r) = (Fate::Delivered, Fate::Rejected);
    assert_eq!(fates(sink.send(events).await).await, [d, d, d, r, r]);
    let sent: Vec<_> = web
        .sent()
        .into_iter()
        .map(|asked| {
            let mut text = String::new();
            flate2::read::GzDecoder::new(asked.body.as_slice()).read_to_string(&mut text).unwrap();
            (asked.method.to_string(), asked.path, text)
        })
        .collect();
    let sent: Vec<_> = sent.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(sent, [("PUT", "/in/a", "{\"n\":1}\n{\"n\":2}"), ("PUT", "/in/b", "{\"n\":3}")]);
    sink.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_is_tried_again_and_refusal_is_not() {
    let web = Web::start([
        Reply::With(429, String::new()),
        Reply::With(500, String::new()),
        Reply::Fine,
        Reply::With(422, String::new()),
    ])
    .await;
    let yaml = format!("{{uri: '{}', encoding: {{codec: text}}, batch: {{timeout_secs: 0.05}}}}", web.url());
    let sink = start_with("http", &yaml, false, None);
    assert_eq!(fates(sink.send(vec![value!({"message": "a"})]).await).await, [Fate::Delivered]);
    assert_eq!(fates(sink.send(vec![value!({"message": "b"})]).await).await, [Fate::Rejected]);
    let counters = sink.finish().await;
    assert_eq!((counters.sent, counters.errors, counters.dropped["refused by the server"]), (1, 2, 1));
}
