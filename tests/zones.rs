//! Network zones and the conduits between them (docs/zones.md). What is wrong with them, place by place, is
//! in `tests/invalid/*zone*`.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::TestProject;
use insta::assert_snapshot;
use resilmesh::mesh::sound;
use resilmesh::project::load::load;
use serde_json::Value;

const ZONES: &str = "\
version: 1
name: soapa
zones:
  plant:
    description: What is logged on
    conduits: {dmz: [logs]}
  dmz:
    conduits:
      core: [ecs_events]
  core:
    description: Where events are kept
";

/// The example with its instances in zones, all of them with a conduit.
fn zoned() -> TestProject {
    let project = TestProject::example("soapa");
    project.write("resilmesh.yaml", ZONES);
    for (instance, zone) in [
        ("senders", "plant"),
        ("packages", "plant"),
        ("collector", "dmz"),
        ("bus", "core"),
        ("enrichment", "core"),
        ("indexer", "core"),
        ("store", "core"),
    ] {
        project.must(&["configure", instance, "--zone", zone]);
    }
    project
}

#[test]
fn what_goes_through_a_conduit_is_right() {
    let project = zoned();
    assert_snapshot!(project.run(&["check", "--strict"]), @"
    -- stderr
    no mistakes in 7 instances and 7 plugs
    delivery to the end, where it is weakest: exactly once from 1 source, at most once from 1 source (`resilmesh check --guarantees` tells more)
    -- exit 0
    ");
    assert_snapshot!(project.run(&["list", "zones"]), @"
    -- stdout
    Name   Instances                        Conduits            Description
    core   bus, enrichment, indexer, store  -                   Where events are kept
    dmz    collector                        ecs_events -> core  -
    plant  packages, senders                logs -> dmz         What is logged on
    -- exit 0
    ");
    assert_snapshot!(project.run(&["list", "instances", "s"]), @"
    -- stdout
    Name      Product        Zone   Plugs
    store     elasticsearch  core   -
    packages  logfile        plant  logs -> collector
    bus       nats           core   ecs_events -> enrichment, enriched_events -> indexer
    senders   syslog         plant  logs -> collector
    -- exit 0
    ");
    assert_snapshot!(project.run(&["list", "zones", "--json", "dm"]), @r#"
    -- stdout
    {
      "schema": 1,
      "zones": [
        {
          "name": "dmz",
          "description": null,
          "instances": [
            "collector"
          ],
          "conduits": [
            {
              "to": "core",
              "topics": [
                "ecs_events"
              ]
            }
          ]
        }
      ]
    }
    -- exit 0
    "#);
    assert!(project.prints(&["show", "bus"]).contains("\n  in zone core\n"));
    let shown: Value = serde_json::from_str(&project.prints(&["show", "bus", "--json"])).expect("JSON");
    assert_eq!(shown["zone"], "core");
    let plug = project.prints(&["show", "ecs_events/collector/bus"]);
    assert!(plug.contains("\n  crosses: from zone dmz to zone core\n"), "{plug}");
    assert!(!project.prints(&["show", "enriched_events/indexer/store"]).contains("crosses"));
}

#[test]
fn every_topic_is_said() {
    let project = zoned();
    project.write("resilmesh.yaml", ZONES.replace("[logs]", "'*'").replace("[ecs_events]", "any"));
    project.must(&["check", "--strict"]);
}

#[test]
fn a_mesh_gets_its_zones_one_instance_after_the_other() {
    let project = TestProject::example("soapa");
    project.write("resilmesh.yaml", ZONES);
    assert_snapshot!(project.run(&["configure", "store", "--zone", "core"]), @"
    -- stderr
    instances/vector/indexer/plugs/store/enriched_events.yaml:3:1: error: plug `enriched_events/indexer/store` goes into zone `core`, but `indexer` at its other end is in no zone (IEC 62443-3-3 SR 5.2, zone boundary protection) [no-conduit]
      3 | dst_instance: store
        | ^
      hint: `resilmesh configure indexer --zone ZONE`; there is `core`, `dmz`, `plant`
    configured `store`
    -- exit 0
    ");
    assert!(project.read("instances/elasticsearch/store/config.yaml").contains("zone: core"));
    assert_snapshot!(project.refused(&["configure", "indexer", "--zone", "cor"]), @"
    -- stderr
    instances/vector/indexer/config.yaml:5:7: error: `indexer` is in zone `cor`, which this project does not have [unknown-zone]
      5 | zone: cor
        |       ^
      hint: did you mean `core`?
    error: nothing is changed: the project would have a mistake with it
    -- exit 1
    ");
    // Nothing but crossings is let through.
    let both = project.refused(&["configure", "indexer", "--zone", "core", "--runtime", "nowhere"]);
    assert!(both.contains("runtime `nowhere` is unknown"), "{both}");
    project.must(&["configure", "indexer", "--zone", "core"]);
    project.must(&["configure", "store", "--zone="]);
    assert!(!project.read("instances/elasticsearch/store/config.yaml").contains("zone:"));
}

#[test]
fn a_new_plug_needs_a_conduit() {
    let project = zoned();
    project.must(&["add", "nats_client", "viewer", "--zone", "dmz"]);
    assert_snapshot!(project.refused(&["plug", "enriched_events", "bus", "viewer", "-m", "pull"]), @"
    -- stderr
    instances/nats/bus/plugs/viewer/enriched_events_pull.yaml:2:1: error: plug `enriched_events/bus/viewer (pull)` goes from zone `core` (instances/nats/bus/config.yaml:5:7) to zone `dmz` (instances/nats_client/viewer/config.yaml:4:7) where no conduit does (IEC 62443-3-3 SR 5.2, zone boundary protection) [no-conduit]
      2 | dst_instance: viewer
        | ^
      hint: if it is to pass, add `dmz: [enriched_events]` below `conduits` of zone `core` (resilmesh.yaml:10:3)
    error: nothing is changed: the project would have a mistake with it
    -- exit 1
    ");
    project.write("resilmesh.yaml", format!("{ZONES}    conduits: {{dmz: enriched_events}}\n"));
    project.must(&["plug", "enriched_events", "bus", "viewer", "-m", "pull"]);
}

#[test]
fn a_crossing_concerns_what_it_is_plugged_to_and_nothing_else() {
    let project = zoned();
    project.write("products/edr/definition.yaml", "produces: {alerts: [{owns_both: true}]}\n");
    project.write("products/siem/definition.yaml", "consumes: {alerts: [{}]}\n");
    for (product, zone) in [("edr", "plant"), ("siem", "core")] {
        project.write(&format!("instances/{product}/{product}/config.yaml"), format!("zone: {zone}\n"));
    }
    project.write("instances/edr/edr/plugs/siem/alerts.yaml", "topic: alerts\n");
    let files = load(&project.root()).expect("a project");
    let around = |instance: &str| sound::around(&files, &[instance], |_| false);
    let sound = around("store").expect("the rest is sound");
    assert_eq!(sound.left_out.plugs.len(), 1, "{:?}", sound.left_out);
    assert!(sound::around(&files, &[], |id| id.topic == "alerts").is_none());
}
