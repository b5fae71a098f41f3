//! The files that the example is rendered to, and what templates say about other meshes.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod plan_support;

use insta::assert_snapshot;
use plan_support::{default_ports, passwords, rendered, soapa};
use resilmesh::plan::render::limits::Limits;
use resilmesh::plan::render::{self, Rendered};
use serde_json::{Value, json};

fn text<'a>(rendered: &'a Rendered, instance: &str, path: &str) -> &'a str {
    let files = &rendered.instances[instance].files;
    files.get(path).unwrap_or_else(|| panic!("`{path}` is among {:?}", files.keys()))
}

fn yaml(rendered: &Rendered, instance: &str, path: &str) -> Value {
    serde_yaml::from_str(text(rendered, instance, path)).expect("YAML")
}

#[test]
fn the_example_renders_to_these_files() {
    let rendered = rendered(&soapa(&[]));
    let list = |instance: &str| rendered.instances[instance].files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(list("bus"), ["nats.conf"]);
    assert_eq!(list("enrichment"), ["enrich.yaml"]);
    assert_eq!(list("store"), ["store.yaml"]);
    assert_eq!(
        list("collector"),
        [
            "engine.yaml",
            "vector/sinks/out_ecs_events__bus.yaml",
            "vector/sinks/rejected_logs__bus.yaml",
            "vector/sources/src_logs__packages.yaml",
            "vector/sources/src_logs__senders.yaml",
            "vector/sources/src_logs_udp__senders.yaml",
            "vector/transforms/in_logs__packages.yaml",
            "vector/transforms/in_logs__senders.yaml",
            "vector/transforms/logs_to_ecs_events.yaml",
            "vector/vector.yaml",
        ]
    );
    assert_eq!(
        list("indexer"),
        [
            "engine.yaml",
            "vector/sinks/out_enriched_events__store.yaml",
            "vector/sinks/rejected_enriched_events__bus.yaml",
            "vector/sources/src_enriched_events__bus.yaml",
            "vector/transforms/in_enriched_events__bus.yaml",
            "vector/transforms/pre_enriched_events__store.yaml",
            "vector/vector.yaml",
        ]
    );
    assert!(rendered.instances.values().all(|files| files.incomplete.is_none()));
}

fn nats_auth(user: &str) -> Value {
    json!({"strategy": "user_password", "user_password": {"user": user, "password": "SECRET[mesh.bus_password]"}})
}

#[test]
fn the_collector_says_in_yaml_what_the_contract_says() {
    let rendered = rendered(&soapa(&[]));
    let collector = |path: &str| yaml(&rendered, "collector", path);
    assert_eq!(
        collector("vector/vector.yaml"),
        json!({
            "data_dir": "../../data/collector", "acknowledgements": {"enabled": true},
            "secret": {"mesh": {"type": "directory", "path": "../../secrets/collector"}},
        })
    );
    assert_eq!(
        collector("vector/sources/src_logs__senders.yaml"),
        json!({"type": "socket", "mode": "tcp", "address": "127.0.0.1:5514", "max_length": 1_048_576})
    );
    assert_eq!(
        collector("vector/sources/src_logs__packages.yaml"),
        json!({"type": "file", "include": ["/var/log/dpkg.log"], "offset_key": "offset", "max_line_bytes": 1_048_576})
    );
    let out = json!({
        "type": "nats", "inputs": ["logs_to_ecs_events"], "url": "nats://127.0.0.1:4222",
        "connection_name": "collector", "subject": "ecs_events", "auth": nats_auth("collector"),
        "jetstream": {"enabled": true, "headers": {"message_id": "{{ event.id }}"}},
        "encoding": {"codec": "json"}, "request": {"concurrency": "adaptive"},
    });
    assert_eq!(collector("vector/sinks/out_ecs_events__bus.yaml"), out);
    let mut rejected = out;
    rejected["inputs"] = json!(["logs_to_ecs_events.dropped"]);
    rejected["subject"] = json!("logs.rejected");
    assert_eq!(collector("vector/sinks/rejected_logs__bus.yaml"), rejected);
    let conversion = collector("vector/transforms/logs_to_ecs_events.yaml");
    assert_eq!(conversion["inputs"], json!(["in_logs__*"]));
    assert_eq!((&conversion["drop_on_error"], &conversion["reroute_dropped"]), (&json!(true), &json!(true)));
    let refused = json!({"out_ecs_events__bus": "rejected_logs__bus"});
    assert_eq!(collector("engine.yaml"), json!({"inbox_prefix": "_INBOX_collector", "refused": refused}));
}

#[test]
fn the_indexer_says_in_yaml_what_the_contract_says() {
    let rendered = rendered(&soapa(&[]));
    let indexer = |path: &str| yaml(&rendered, "indexer", path);
    assert_eq!(
        indexer("vector/sources/src_enriched_events__bus.yaml"),
        json!({
            "type": "nats", "url": "nats://127.0.0.1:4222", "connection_name": "indexer",
            "subject": "enriched_events", "auth": nats_auth("indexer"),
            "jetstream": {"stream": "enriched_events", "consumer": "indexer"}, "decoding": {"codec": "bytes"},
        })
    );
    assert_eq!(
        indexer("vector/sinks/out_enriched_events__store.yaml"),
        json!({
            "type": "elasticsearch", "inputs": ["pre_enriched_events__store"], "endpoints": ["http://127.0.0.1:9200"],
            "api_version": "v8", "mode": "bulk", "id_key": "document_id",
            "bulk": {"action": "create", "index": "resilmesh-processed-events"}, "request_retry_partial": true,
            "batch": {"max_events": 1000, "timeout_secs": 0.2},
        })
    );
    let rejected = indexer("vector/sinks/rejected_enriched_events__bus.yaml");
    assert_eq!(rejected["inputs"], json!(["in_enriched_events__bus.dropped"]));
    assert_eq!(rejected["jetstream"], json!({"enabled": true}), "what is no event has no id");
    assert_eq!(
        indexer("vector/transforms/pre_enriched_events__store.yaml"),
        json!({"type": "remap", "inputs": ["in_enriched_events__bus"], "source": ".document_id = .event.id\n"})
    );
    let incoming = indexer("vector/transforms/in_enriched_events__bus.yaml");
    let expected = ". = object!(parse_json!(string!(.message)))\n.event.id = string!(.event.id)\n";
    assert_eq!(incoming["source"], json!(expected));
    assert_eq!(
        indexer("engine.yaml"),
        json!({"inbox_prefix": "_INBOX_indexer", "refused": {"out_enriched_events__store": "rejected_enriched_events__bus"}})
    );
}

#[test]
fn the_enrichment_says_in_yaml_what_the_contract_says() {
    let expected = json!({
        "name": "enrichment", "inbox_prefix": "_INBOX_enrichment", "data_dir": "../../data/enrichment",
        "risk_threshold": 50,
        "silentpush": {"api_key_file": "../../secrets/enrichment/api_key", "daily_budget": 10000},
        "input": {
            "url": "nats://127.0.0.1:4222", "user": "enrichment",
            "password_file": "../../secrets/enrichment/bus_password", "stream": "ecs_events", "consumer": "enrichment",
        },
        "output": {"subject": "enriched_events", "rejected": "ecs_events.rejected", "message_id": "event.id"},
        "providers": ["local", "silentpush"],
    });
    assert_eq!(yaml(&rendered(&soapa(&[])), "enrichment", "enrich.yaml"), expected);
}

#[test]
fn the_bus_has_a_user_for_each_instance_with_what_its_plugs_name() {
    let lab = [
        ("instances/nats_client/lab/config.yaml", Some("name: lab\nproduct: nats_client\n")),
        (
            "instances/nats/bus/plugs/lab/ecs_events_pull.yaml",
            Some("src_instance: bus\ndst_instance: lab\ntopic: ecs_events\nmode: pull\n"),
        ),
    ];
    assert_snapshot!("nats_conf", text(&rendered(&soapa(&lab)), "bus", "nats.conf"));
}

#[test]
fn settings_and_several_senders_change_the_sources() {
    let rendered = rendered(&soapa(&[
        ("instances/syslog/senders/config.yaml", Some("name: senders\nproduct: syslog\nsettings: {transport: tcp}\n")),
        (
            "instances/syslog/firewalls/config.yaml",
            Some("name: firewalls\nproduct: syslog\nsettings: {transport: udp}\n"),
        ),
        (
            "instances/syslog/firewalls/plugs/collector/logs.yaml",
            Some("src_instance: firewalls\ndst_instance: collector\ntopic: logs\nmode: push\nformat: syslog\n"),
        ),
    ]));
    let collector = |path: &str| yaml(&rendered, "collector", path);
    assert_eq!(collector("vector/transforms/in_logs__senders.yaml")["inputs"], json!(["src_logs__senders"]));
    assert_eq!(collector("vector/transforms/in_logs__firewalls.yaml")["inputs"], json!(["src_logs_udp__firewalls"]));
    let address = |path: &str| collector(path)["address"].as_str().expect("an address").to_owned();
    assert_ne!(
        address("vector/sources/src_logs__senders.yaml"),
        address("vector/sources/src_logs_udp__firewalls.yaml")
    );
}

#[test]
fn a_pipeline_that_is_asked_for_what_nothing_gives_it_is_refused_with_its_place() {
    let mesh = soapa(&[(
        "instances/vector/collector/plugs/store/alerts.yaml",
        Some("src_instance: collector\ndst_instance: store\ntopic: alerts\nmode: push\n"),
    )]);
    let found = render::render(&mesh, &default_ports(&mesh), &passwords(&mesh)).expect_err("refused");
    let texts: Vec<String> =
        found.iter().map(|found| format!("{}: {}", found.at.as_ref().expect("a place"), found.message)).collect();
    assert_eq!(
        texts,
        [
            "instances/vector/collector/plugs/store/alerts.yaml:1:1: plug `alerts/collector/store` cannot work: nothing gives `alerts` to `collector`, which takes logs (it can turn `logs` into `ecs_events`)"
        ]
    );
}

/// What is said of the example when the template of a product has this text.
fn said_of(template: &str, limits: Limits) -> String {
    let mut mesh = soapa(&[]);
    let nats = mesh.products.get_mut("nats").expect("the bus");
    for text in nats.templates.values_mut() {
        template.clone_into(text);
    }
    let found = render::render_within(limits, &mesh, &default_ports(&mesh), &passwords(&mesh)).expect_err("refused");
    found[0].message.clone()
}

#[test]
fn a_template_that_takes_too_much_is_stopped_and_named() {
    let limits = Limits::default();
    let loops = "{% for i in range(9999) %}\n{% for j in range(9999) %}{{ j }}{% endfor %}{% endfor %}";
    let of = "template `nats.conf` of product `nats`";
    assert_eq!(
        said_of(loops, limits),
        format!("{of}: it takes more than 5000000 steps, the limit of a file (in nats.conf:2)")
    );
    let long = "\n\n{% set a = 'x' * 99999999 %}{{ a ~ a }}";
    assert_eq!(
        said_of(long, limits),
        format!("{of}: invalid operation: it makes more than 16 MiB, the limit of a file (in nats.conf:3)")
    );
    let parts = "{% set a = 'x' * 9999999 %}{% for i in range(9) %}{{ a }}{% endfor %}";
    assert_eq!(said_of(parts, limits), format!("{of}: it makes more than 16 MiB, the limit of a file"));
    let deep = "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(1) }}";
    assert!(said_of(deep, limits).contains("recursion limit exceeded"), "{}", said_of(deep, limits));
    // A step may take long by itself, or much.
    let short = Limits { time: std::time::Duration::from_millis(100), ..limits };
    let slow = "{% set a = 'x' * 9999999 %}{% for i in range(300) %}{% set b = a|upper|lower|title %}{% endfor %}";
    assert_eq!(
        said_of(slow, short),
        format!("{of} takes longer than 0.1 s, which is the limit for all templates of a mesh")
    );
    let small = Limits { memory: 64 << 20, ..limits };
    let big = "{% set ns = namespace(l=[]) %}{% for i in range(40) %}{% set ns.l = ns.l + ['x' * (9999990 + i)] %}{% endfor %}";
    assert_eq!(
        said_of(big, small),
        format!("{of} takes more than 64 MiB of memory, which is the limit for all templates of a mesh")
    );
}

#[test]
fn a_template_gets_no_password_of_an_instance_without_a_plug_to_its_own() {
    for ask in ["generated", "generated_file", "generated_key"] {
        let said = said_of(
            &format!("{{% set instance = {{'name': 'store'}} %}}\n{{{{ {ask}('store', 'bus_password') }}}}"),
            Limits::default(),
        );
        let why =
            "invalid operation: a password of `store` is not for `bus`: no plug connects the two (in nats.conf:2)";
        assert_eq!(said, format!("template `nats.conf` of product `nats`: {why}"));
        let said = said_of(&format!("{{{{ {ask}('bus', '../store/x') }}}}"), Limits::default());
        assert!(said.contains("`../store/x` cannot be the name of a secret"), "{said}");
    }
}
