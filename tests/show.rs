//! `resilmesh show`: anything that has a name.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::TestProject;
use insta::assert_snapshot;

const EDR: &str = "\
description: Watches endpoints
vendor: Acme
tags: [edr]
settings:
- {name: region, default: eu1, enum: [eu1, us2], description: Where data is kept}
- {name: key, secret: true, required: false}
- {name: rules, type: array, items: {type: object, properties: {port: {type: integer, required: true}}}}
produces:
  alerts:
  - {format: ocsf, owns_both: true}
  - {mode: pull, owns_both: true}
";

fn project() -> TestProject {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        ("products/edr/definition.yaml", EDR),
        (
            "products/edr/integrations/siem/alerts_producer.yml",
            "description: Sends in batches\nsettings: [{name: batch, type: integer, default: 10}]\n",
        ),
        ("products/siem/definition.yaml", "consumes: {alerts: [{}, {mode: pull}]}\n"),
    ]);
    project.must(&["add", "edr", "edr1"]);
    project.must(&["add", "siem"]);
    project.must(&["plug", "alerts", "edr1", "siem", "-c", "batch=20"]);
    project.must(&["plug", "alerts", "edr1", "siem", "-m", "pull"]);
    project
}

#[test]
fn a_product_shows_what_it_can_do() {
    let project = project();
    assert_snapshot!(project.run(&["show", "edr"]), @"
    -- stdout
    edr (product of the project)
      Watches endpoints
      vendor: Acme
      tags: edr
      can do:
        alerts producer (ocsf)
        alerts producer (pull)
      settings:
        region (text, default eu1, one of eu1, us2): Where data is kept
        key (text, secret)
        rules (list, each a map)
          port (whole number, required)
      integrations: edr/siem/alerts_producer
      instances: edr1
      file: products/edr/definition.yaml
    -- exit 0
    ");
    assert_snapshot!(project.run(&["show", "nats"]), @"
    -- stdout
    nats (product of the built-in catalogue)
      NATS JetStream, the message broker of the mesh
      vendor: Synadia
      tags: broker
      can do:
        * consumer
        * producer (pull)
      settings:
        listen (text, default 127.0.0.1, an IP address or `localhost`): Address to listen on
        port (whole number, from 1 to 65535): Port for clients (4222, or another one if that is taken)
        monitor_port (whole number, from 1 to 65535): Port of the monitoring pages (8222, or another one if that is taken)
        program (text): Path of nats-server, if not the one on PATH or the one that `up` fetches
        max_payload (text, default 8MB, a text such as `8MB`): Largest message
        max_store (text, default 4GB, a text such as `4GB`): Disk space for all streams together
        max_bytes (whole number, default 1073741824, at least 1): Bytes that the stream of a topic may hold; a full stream makes its publishers wait
        duplicate_window_seconds (whole number, default 120, at least 0): For how long a message with a known id counts as sent again; 0 = never
        rejected_max_bytes (whole number, default 268435456, at least 1): Bytes that the stream of a topic's rejected events may hold; the oldest go first
        rejected_max_age_days (whole number, default 30, at least 1): Days that rejected events are kept
        ack_wait_seconds (whole number, default 30, at least 1): Seconds after which an event that a consumer has not acknowledged is delivered again
        max_ack_pending (whole number, default 20000, at least 1): Events that a consumer may have in hand
        durability (text, default interval, one of interval, always): `interval` writes to disk every second, `always` with every message (safe against power loss, slower)
      integrations: nats/nats_client/any_consumer, nats/nats_client/any_producer_pull
      file: <catalogue>/nats/definition.yaml
    -- exit 0
    ");
    let (code, json, _) = project.output(&["show", "edr", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((code, &json["schema"], &json["product"]["instances"]), (0, &1.into(), &serde_json::json!(["edr1"])));
    assert_eq!(json["product"]["settings"][2]["items"]["properties"][0]["name"], "port");
}

#[test]
fn instances_come_before_products_unless_asked_for() {
    let project = project();
    assert_snapshot!(project.run(&["show", "siem"]), @"
    -- stdout
    siem (siem)
      plug alerts/edr1/siem
      plug alerts/edr1/siem (pull)
    -- exit 0
    ");
    assert_snapshot!(project.run(&["show", "siem", "--kind", "product"]), @"
    -- stdout
    siem (product of the project)
      can do:
        alerts consumer
        alerts consumer (pull)
      instances: siem
      file: products/siem/definition.yaml
    -- exit 0
    ");
}

#[test]
fn plugs_and_integrations_show_their_settings() {
    let project = project();
    assert_snapshot!(project.run(&["show", "alerts/edr1/siem"]), @"
    -- stdout
    alerts/edr1/siem (plug)
      mode: push (the source sends)
      format: ocsf
      state: down
      batch: 20
      file: instances/edr/edr1/plugs/siem/alerts.yaml
    -- exit 0
    ");
    assert_snapshot!(project.run(&["show", "alerts/edr1/siem_pull", "--json"]), @r#"
    -- stdout
    {
      "plug": {
        "destination": "siem",
        "destination_zone": null,
        "file": "instances/edr/edr1/plugs/siem/alerts_pull.yaml",
        "format": null,
        "mode": "pull",
        "owner": null,
        "settings": {},
        "source": "edr1",
        "source_zone": null,
        "state": "down",
        "topic": "alerts"
      },
      "schema": 1
    }
    -- exit 0
    "#);
    assert_snapshot!(project.run(&["show", "edr/siem/alerts_producer"]), @"
    -- stdout
    edr/siem/alerts_producer (integration)
      Sends in batches
      `edr` produces alerts towards `siem`, by push
      format: ocsf
      settings:
        batch (whole number, default 10)
      file: products/edr/integrations/siem/alerts_producer.yml
    -- exit 0
    ");
    assert_snapshot!(project.run(&["show", "siem/edr/alerts_consumer_pull"]), @"
    -- stdout
    siem/edr/alerts_consumer_pull (integration)
      `siem` consumes alerts towards `edr`, by pull
      format: any
      no file: it follows from what both can do
    -- exit 0
    ");
    assert_snapshot!(project.run(&["show", "edr/siem/alerts_producer_pull", "--json"]), @r#"
    -- stdout
    {
      "integration": {
        "description": null,
        "documentation_url": null,
        "explicit": false,
        "file": null,
        "formats": [
          null
        ],
        "mode": "pull",
        "owns_both": null,
        "product": "edr",
        "role": "producer",
        "settings": [],
        "target": "siem",
        "topic": "alerts"
      },
      "schema": 1
    }
    -- exit 0
    "#);
}

#[test]
fn templates_show_without_a_project() {
    let project = TestProject::empty_folder();
    assert_snapshot!(project.run(&["show", "log_source", "--kind", "template"]), @"
    -- stdout
    log_source (template)
      A program, appliance or cloud service that writes logs and knows nothing of the mesh. Sends lines as syslog, or has them fetched from a file; what they mean is found out further on.
      tags: log source
      can do:
        logs producer (syslog)
        logs producer (pull file)
      settings:
        host (text, required): The host that writes, as its lines name it
        timezone (text, default UTC): Time zone of times that do not say theirs
      files: README.md, definition.yaml, hooks.py, tests/test_hooks.py
    -- stderr
    `resilmesh create product NAME --from log_source` starts a product from it
    -- exit 0
    ");
    assert_snapshot!(project.refused(&["show", "log_surce", "--kind", "template"]), @"
    -- stderr
    error: there is no template `log_surce`
    hint: did you mean `log_source`?
    hint: `resilmesh list templates` shows them all
    -- exit 1
    ");
}

#[test]
fn what_is_not_there_names_what_is_near() {
    let project = project();
    assert_snapshot!(project.refused(&["show", "ed1r"]), @"
    -- stderr
    error: there is nothing called `ed1r`
    hint: did you mean `edr`?
    hint: `resilmesh list` shows what there is
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["show", "edr/siem/alert_producer"]), @"
    -- stderr
    error: there is nothing called `edr/siem/alert_producer`
    hint: did you mean `edr/siem/alerts_producer`?
    hint: `resilmesh list` shows what there is
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["show", "edr", "--kind", "instance"]), @"
    -- stderr
    error: there is no instance `edr`
    hint: did you mean `edr1`?
    hint: `resilmesh list` shows what there is
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["show", "siem/edr/alerts_producer"]), @"
    -- stderr
    error: there is nothing called `siem/edr/alerts_producer`
    hint: did you mean `edr/siem/alerts_producer`?
    hint: `resilmesh list` shows what there is
    -- exit 1
    ");
}
