//! A mistake in one place stops `up` of everything, but not of what it does not concern.

use crate::common::TestProject;
use crate::common::python::working_pair;

/// A sound pair `s1`, `l1`, and a pair `s2`, `l2` beside it; all four are tenants.
fn two_pairs() -> TestProject {
    let project = working_pair();
    project.must(&["add", "sensor", "s2"]);
    project.must(&["add", "lake", "l2"]);
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["plug", "events", "s2", "l2"]);
    project
}

#[test]
fn all_mistakes_are_told_and_nothing_is_brought_up() {
    let project = two_pairs();
    project.write("instances/sensor/s2/plugs/gone/events.yaml", "topic: events\n");
    project.write("instances/lake/broken/config.yaml", "name: [broken\n");
    let said = project.fails(&["up"]);
    assert!(said.contains("names instance `gone`") && said.contains("instances/lake/broken/config.yaml:"), "{said}");
    assert!(said.contains("hint: `resilmesh up INSTANCE` brings up a part that has no mistakes\n"), "{said}");
    assert!(project.trace().is_empty());
}

#[test]
fn a_part_that_has_no_mistake_comes_up_with_warnings() {
    let project = two_pairs();
    project.write("instances/sensor/s2/plugs/gone/events.yaml", "topic: events\n");
    project.write("instances/lake/broken/config.yaml", "name: [broken\n");
    for part in [&["up", "s1"][..], &["up", "s1", "l1"], &["up", "s2", "l2"]] {
        let said = project.says(part);
        assert!(said.contains("warning: plug `events/s2/gone` names instance `gone`"), "{said}");
        assert!(said.contains("instances/lake/broken/config.yaml:2:1: warning: ") && !said.contains("error"), "{said}");
    }
    assert_eq!(project.trace().len(), 4, "both ends of both plugs");
    for part in [&["up", "s2"][..], &["up", "broken"]] {
        let said = project.fails(part);
        assert!(said.contains("error: plug `events/s2/gone` names instance `gone`"), "{said}");
    }
}

#[test]
fn what_is_left_out_stays_as_it_is() {
    let project = two_pairs();
    project.must(&["up"]);
    let up = || project.prints(&["list", "plugs"]).lines().filter(|line| line.ends_with(" up")).count();
    assert_eq!(up(), 2);
    project.must(&["down", "s1", "l1"]);
    project.write("instances/lake/l2/config.yaml", "name: [l2\n");
    project.must(&["up", "s1", "l1"]);
    assert_eq!(up(), 2, "the other one is up still");
}

#[test]
fn a_service_is_not_brought_up_without_a_plug_that_it_is_rendered_from() {
    let project = TestProject::new();
    project.must(&["add", "nats", "bus"]);
    project.must(&["add", "vector", "collector"]);
    project.must(&["plug", "ecs_events", "collector", "bus"]);
    project.write("instances/vector/collector/plugs/gone/ecs_events.yaml", "topic: ecs_events\n");
    project.write("instances/nats/other/config.yaml", "name: other\nsettings: {port: none}\n");
    for part in [&["plan", "bus"][..], &["plan", "collector", "bus"], &["plan", "other"]] {
        let said = project.fails(part);
        assert!(said.contains("names instance `gone`") && said.contains("setting `port`"), "{said}");
    }
}
