//! The normalisation of the catalogue: raw lines to ECS events, run with the real VRL compiler.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod plan_support;

use plan_support::{rendered, soapa};
use serde_json::{Value as Json, json};
use vrl::compiler::runtime::Runtime;
use vrl::compiler::{Program, TargetValue, TimeZone, compile};
use vrl::value::{Secrets, Value};

fn program(instance: &str, path: &str) -> Program {
    let rendered = rendered(&soapa(&[]));
    let file: Json = serde_yaml::from_str(&rendered.instances[instance].files[path]).expect("YAML");
    let source = file["source"].as_str().expect("a program");
    let result = compile(source, &vrl::stdlib::all()).unwrap_or_else(|found| {
        let text = vrl::diagnostic::Formatter::new(source, found).to_string();
        panic!("`{path}` does not compile:\n{text}")
    });
    // 620: an `!` that this version does not need, but others do.
    let warnings: Vec<_> = result.warnings.into_iter().filter(|warning| warning.code != 620).collect();
    assert!(warnings.is_empty(), "`{path}`: {warnings:?}");
    result.program
}

fn run(program: &Program, event: Json) -> Result<Json, String> {
    let mut target = TargetValue {
        value: Value::from(event),
        metadata: Value::Object(Default::default()),
        secrets: Secrets::default(),
    };
    let zone = TimeZone::parse("UTC").expect("a zone");
    Runtime::default().resolve(&mut target, program, &zone).map_err(|error| error.to_string())?;
    Ok(serde_json::to_value(&target.value).expect("JSON"))
}

fn ecs(line: &str) -> Json {
    let event = json!({"event": {"id": "1", "original": line, "ingested": "2026-01-05T16:27:40Z", "module": "syslog"}, "message": line});
    run(&program("collector", "vector/transforms/logs_to_ecs_events.yaml"), event).expect("an event")
}

#[test]
fn every_program_of_the_example_compiles_without_warnings() {
    for (instance, files) in &rendered(&soapa(&[])).instances {
        for path in files.files.keys().filter(|path| path.contains("/transforms/")) {
            program(instance, path);
        }
    }
}

#[test]
fn what_comes_in_gets_an_id_and_keeps_its_line() {
    let program = program("collector", "vector/transforms/in_logs__senders.yaml");
    let event = run(&program, json!({"message": "hello", "host": "192.0.2.7"})).expect("an event");
    assert_eq!(event["event"]["original"], "hello");
    assert_eq!(event["log"]["source"]["address"], "192.0.2.7");
    assert_eq!(event["event"]["id"].as_str().map(str::len), Some(36));
}

#[test]
fn a_line_of_a_file_has_the_same_id_when_it_is_read_again() {
    let program = program("collector", "vector/transforms/in_logs__packages.yaml");
    let id = |offset: u64| {
        let event = json!({"message": "x", "file": "/var/log/dpkg.log", "offset": offset});
        run(&program, event).expect("an event")["event"]["id"].clone()
    };
    assert_eq!(id(5), id(5));
    assert_ne!(id(5), id(6));
}

#[test]
fn a_failed_pam_login_is_an_authentication_failure() {
    let event = ecs(
        "<85>Jan  5 16:27:46 host1 sshd[821]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=root",
    );
    assert_eq!(event["event"]["category"], json!(["authentication"]));
    assert_eq!(event["event"]["outcome"], "failure");
    assert_eq!(event["user"]["name"], "root");
    assert_eq!(event["source"], json!({"address": "203.0.113.9", "ip": "203.0.113.9"}));
    assert_eq!((&event["host"]["name"], &event["process"]), (&json!("host1"), &json!({"name": "sshd", "pid": 821})));
    assert!(event["@timestamp"].as_str().expect("a time").contains("-01-05T16:27:46"), "{}", event["@timestamp"]);
    assert!(event.get("tags").is_none());
}

#[test]
fn a_host_name_is_no_address() {
    let event = ecs(
        "<85>Jan  5 16:27:46 host1 sshd[821]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=evil.example.net ",
    );
    assert_eq!(event["source"], json!({"address": "evil.example.net", "domain": "evil.example.net"}));
    assert!(event.get("user").is_none(), "an unknown user has no name");
}

#[test]
fn a_failed_password_has_address_port_and_user() {
    let event = ecs(
        "<86>Jan  5 16:27:49 host1 sshd[9]: Failed password for invalid user admin from 2001:db8::7 port 4711 ssh2",
    );
    assert_eq!(event["source"], json!({"address": "2001:db8::7", "ip": "2001:db8::7", "port": 4711}));
    assert_eq!((&event["user"]["name"], &event["event"]["outcome"]), (&json!("admin"), &json!("failure")));
    let event = ecs("<86>Jan  5 16:27:49 host1 sshd[9]: Accepted publickey for root from 203.0.113.9 port 4711 ssh2");
    assert_eq!((&event["user"]["name"], &event["event"]["outcome"]), (&json!("root"), &json!("success")));
}

#[test]
fn a_firewall_line_is_a_connection() {
    let event = ecs(
        "<4>Jan  5 16:27:53 fw kernel: [123.456] [UFW BLOCK] IN=eth0 OUT= MAC=01:02 SRC=203.0.113.9 DST=192.0.2.7 LEN=60 TOS=0x00 TTL=52 ID=1 DF PROTO=TCP SPT=4711 DPT=22 WINDOW=65535 RES=0x00 SYN URGP=0",
    );
    assert_eq!(event["event"]["type"], json!(["connection", "denied"]));
    assert_eq!(event["source"], json!({"address": "203.0.113.9", "ip": "203.0.113.9", "port": 4711}));
    assert_eq!(event["destination"], json!({"address": "192.0.2.7", "ip": "192.0.2.7", "port": 22}));
    assert_eq!(event["network"], json!({"transport": "tcp"}));
    assert_eq!(event["observer"], json!({"ingress": {"interface": {"name": "eth0"}}}), "an empty OUT= is nothing");
}

#[test]
fn dpkg_lines_are_about_packages() {
    let package = |line: &str| {
        let event = ecs(line);
        assert_eq!(event["event"]["category"], json!(["package"]), "{line}");
        assert!(event.get("tags").is_none(), "{line}");
        (event["event"]["type"][0].clone(), event.get("package").cloned().unwrap_or_default())
    };
    let curl = |version: &str| json!({"name": "curl", "type": "deb", "architecture": "amd64", "version": version});
    assert_eq!(
        package("2026-01-05 16:27:40 install curl:amd64 <none> 8.14.1-2"),
        (json!("installation"), curl("8.14.1-2"))
    );
    assert_eq!(package("2026-01-05 16:27:40 upgrade curl:amd64 8.13 8.14.1-2"), (json!("change"), curl("8.14.1-2")));
    assert_eq!(package("2026-01-05 16:27:40 remove curl:amd64 8.14.1-2 <none>"), (json!("deletion"), curl("8.14.1-2")));
    assert_eq!(
        package("2026-01-05 16:27:40 status half-installed curl:amd64 8.14.1-2"),
        (json!("info"), curl("8.14.1-2"))
    );
    assert_eq!(package("2026-01-05 16:27:40 startup archives unpack"), (json!("info"), Json::Null));
    assert_eq!(ecs("2026-01-05 16:27:40 startup archives unpack")["@timestamp"], "2026-01-05T16:27:40+00:00");
}

#[test]
fn what_cannot_be_parsed_goes_on_with_its_line() {
    for line in [
        "plain text",
        "",
        "{\"json\": true}",
        "\u{fffd}\u{0}binary",
        "SRC= DST=",
        "SRC=a DST=",
        "2026-13-45 99:99:99 install",
    ] {
        let event = ecs(line);
        assert_eq!(event["event"]["original"], line);
        assert_eq!(event["event"]["kind"], "event", "{line}");
        assert!(event["@timestamp"].is_string(), "{line}");
    }
    assert_eq!(ecs("plain text")["tags"], json!(["unparsed"]));
}

#[test]
fn a_payload_without_an_id_is_no_event() {
    let program = program("indexer", "vector/transforms/in_enriched_events__bus.yaml");
    assert!(run(&program, json!({"message": "no json"})).is_err());
    assert!(run(&program, json!({"message": "{\"a\": 1}"})).is_err());
    assert!(run(&program, json!({"message": "{\"event\": {\"id\": 5}}"})).is_err());
    let event = run(&program, json!({"message": "{\"event\": {\"id\": \"x\"}}", "subject": "s"})).expect("an event");
    assert_eq!(event, json!({"event": {"id": "x"}}), "nothing of the transport is left in it");
}
