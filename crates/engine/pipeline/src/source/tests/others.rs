//! `demo_logs`, and what concerns all sources.

use serde_json::json;

use crate::testing::{Running, free_port};

#[tokio::test]
async fn demo_logs_make_lines_of_every_format() {
    for format in ["apache_common", "apache_error", "bsd_syslog", "syslog", "json"] {
        let config = json!({
            "sources": {"in": {"type": "demo_logs", "format": format, "count": 3, "interval": 0}},
            "sinks": {"out": {"type": "any", "inputs": ["in"]}},
        });
        let all = Running::start(&config.to_string(), Vec::new()).end().await;
        assert_eq!(all.len(), 3, "{format}");
        assert!(all.iter().all(|out| out.value["source_type"] == "demo_logs" && out.value["message"] != ""));
    }
}

#[tokio::test]
async fn demo_syslog_parses_as_syslog() {
    let config = json!({
        "sources": {
            "new": {"type": "demo_logs", "format": "syslog", "count": 5, "interval": 0, "decoding": {"codec": "syslog"}},
            "old": {"type": "demo_logs", "format": "bsd_syslog", "count": 5, "interval": 0, "decoding": {"codec": "syslog"}},
        },
        "sinks": {"out": {"type": "any", "inputs": ["new", "old"]}},
    });
    let all = Running::start(&config.to_string(), Vec::new()).end().await;
    assert_eq!(all.iter().filter(|out| out.value["appname"].is_string()).count(), 10);
}

#[tokio::test]
async fn shuffle_chooses_from_its_lines_and_numbers_them() {
    let config = json!({
        "sources": {"in": {"type": "demo_logs", "format": "shuffle", "lines": ["a", "b"], "sequence": true, "count": 2, "interval": 0}},
        "sinks": {"out": {"type": "any", "inputs": ["in"]}},
    });
    let all = Running::start(&config.to_string(), Vec::new()).end().await;
    let messages: Vec<&str> = all.iter().map(|out| out.value["message"].as_str().unwrap()).collect();
    assert!(messages[0].starts_with("0 ") && messages[1].starts_with("1 "), "{messages:?}");
}

#[tokio::test]
async fn a_tap_shows_what_flows_while_it_flows() {
    let config = json!({
        "sources": {"in": {"type": "demo_logs", "format": "json", "interval": 0.01, "decoding": {"codec": "json"}}},
        "transforms": {"t": {"type": "remap", "inputs": ["in"], "source": ". = {\"n\": 1}"}},
        "sinks": {"out": {"type": "any", "inputs": ["t"]}},
    });
    let mut running = Running::start(&config.to_string(), Vec::new());
    running.ready().await;
    running.next().await;
    let mut seen = running.taps.watch(&["t".to_owned()]).unwrap();
    let item = tokio::time::timeout(std::time::Duration::from_secs(30), seen.recv()).await.unwrap();
    assert_eq!(item, Some(json!({"component": "t", "event": {"n": 1}})));
    running.stop().await;
}

#[test]
fn one_address_is_not_given_to_two_sources() {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    let socket = json!({"type": "socket", "mode": "tcp", "address": format!("127.0.0.1:{port}")});
    let config = json!({
        "sources": {"a": socket, "b": socket, "c": {"type": "stdin"}, "d": {"type": "stdin"}},
        "sinks": {"out": {"type": "blackhole", "inputs": ["a", "b", "c", "d"]}},
    });
    let file = folder.path().join("vector.yaml");
    std::fs::write(&file, config.to_string()).unwrap();
    let errors: Vec<String> = crate::validate(&file).unwrap_err().iter().map(ToString::to_string).collect();
    assert!(errors.iter().any(|error| error.contains(&format!("tcp 127.0.0.1:{port}"))), "{errors:?}");
    assert!(errors.iter().any(|error| error.contains("standard input")), "{errors:?}");
}
