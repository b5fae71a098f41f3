//! What is known after a failure, and how it goes on.

use crate::common::TestProject;
use crate::common::python::{sensor_and_lake, setup, working_pair};

#[test]
fn other_plugs_come_up_when_one_fails() {
    let sensor = "\
@setup_producer()
def forward(plug, instance):
    if instance.name == 's2':
        raise RuntimeError('tenant said 503')
    note('forwards', instance.name)
";
    let project = sensor_and_lake(sensor, &setup("consumer"));
    for name in ["s1", "s2", "s3"] {
        project.must(&["add", "sensor", name]);
        project.must(&["plug", "events", name, "l1"]);
    }
    let said = project.fails(&["up"]);
    assert!(said.contains("set up s2: events/s2/l1") && said.contains("tenant said 503"), "{said}");
    assert!(said.contains("hint: `resilmesh up` goes on from there"), "{said}");
    let plugs = project.prints(&["list", "plugs"]);
    let states: Vec<_> = plugs.lines().skip(1).filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!([states[0], states[2]], ["up", "up"], "{plugs}");
    assert_ne!(states[1], "up", "{plugs}");
    let mut trace = project.trace();
    trace.retain(|line| line.starts_with("forwards"));
    trace.sort();
    assert_eq!(trace, ["forwards s1", "forwards s3"]);
}

/// Two plugs' ends; the producer's second step of three fails until `mended` is there.
fn stumbling() -> TestProject {
    let sensor = "\
@setup_producer(order=1)
def one(plug):
    note('one')


@setup_producer(order=2)
def two(plug):
    note('two')
    if not path_in_project('mended').exists():
        raise RuntimeError('tenant said 503')


@setup_producer(order=3)
def three(plug):
    note('three')


@teardown_producer()
def stop(plug):
    note('stopped')
";
    let lake = format!("{}@teardown_consumer()\ndef close(plug):\n    note('closed')\n", setup("consumer"));
    let project = sensor_and_lake(sensor, &lake);
    project.must(&["plug", "events", "s1", "l1"]);
    project.fails(&["up"]);
    assert_eq!(project.trace(), ["consumer events push", "one", "two"]);
    project.forget_trace();
    project
}

#[test]
fn the_next_up_goes_on_at_the_step_that_failed() {
    let project = stumbling();
    project.write("mended", "");
    project.must(&["up"]);
    assert_eq!(project.trace(), ["two", "three"]);
    project.forget_trace();
    assert!(project.says(&["up"]).contains("nothing to do"));
    assert!(project.trace().is_empty());
}

#[test]
fn a_plug_that_is_half_up_says_so_and_can_be_taken_down() {
    let project = stumbling();
    let plugs = project.prints(&["list", "plugs"]);
    let line = plugs.lines().nth(1).expect("a plug");
    assert!(!line.ends_with(" up") && !line.ends_with(" down"), "{plugs}");
    project.must(&["down"]);
    assert_eq!(project.trace(), ["stopped", "closed"]);
    assert!(project.prints(&["list", "plugs"]).lines().nth(1).is_some_and(|line| line.ends_with(" down")));
    // Everything is done anew after that.
    project.forget_trace();
    project.write("mended", "");
    project.must(&["up"]);
    assert_eq!(project.trace(), ["consumer events push", "one", "two", "three"]);
}

#[test]
fn a_removed_instance_takes_its_plugs_along_or_stays() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    assert!(project.refused(&["remove", "l1"]).contains("plugs of other instances lead to `l1`: `events/s1/l1`"));
    let set = |name: &str| assert_eq!(project.output_of(&["secret", "set", name], &[], "hunter-22").0, 0);
    ["lake_l1_token", "s1_l1_events_push_key", "sensor_s1_token", "free"].into_iter().for_each(set);
    let said = project.says(&["remove", "l1", "--cascade"]);
    assert!(!project.has("instances/sensor/s1/plugs") && !project.has("instances/lake"));
    assert!(said.contains("still in the vault: `lake_l1_token`, `s1_l1_events_push_key`"), "{said}");
    project.must(&["up"]);
    project.must(&["add", "lake", "l1"]);
    project.must(&["remove", "l1", "--purge"]);
    assert_eq!(project.prints(&["secret", "list"]), "free\ns1_l1_events_push_key\nsensor_s1_token\n");
}

#[test]
fn the_next_up_takes_down_what_the_last_instance_of_a_product_had() {
    let lake = format!("{}@teardown_consumer()\ndef close(plug):\n    note('closed')\n", setup("consumer"));
    let project = sensor_and_lake(&setup("producer"), &lake);
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["up"]);
    project.forget_trace();
    project.must(&["remove", "l1", "--cascade"]);
    project.must(&["up"]);
    assert_eq!(project.trace(), ["closed"]);
    assert!(project.says(&["up"]).ends_with("nothing to do\n"));
}

#[test]
fn what_is_up_can_be_torn_down_while_it_is_unplugged() {
    let lake = format!("{}@teardown_consumer()\ndef close(plug):\n    note('closed')\n", setup("consumer"));
    let make = || {
        let project = sensor_and_lake(&setup("producer"), &lake);
        project.must(&["plug", "events", "s1", "l1"]);
        project.must(&["up"]);
        project.forget_trace();
        project
    };
    let project = make();
    let said = project.says(&["unplug", "events", "s1", "l1"]);
    assert!(said.contains("warning: plug `events/s1/l1` was up: what its setup hooks made stays"), "{said}");
    assert!(said.contains("`resilmesh unplug --down`"), "{said}");
    assert!(project.trace().is_empty());
    let project = make();
    project.must(&["unplug", "events", "s1", "l1", "--down"]);
    assert_eq!(project.trace(), ["closed"]);
    assert!(!project.has("instances/sensor/s1/plugs"));
}
