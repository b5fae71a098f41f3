//! Names that are none, or that two have, and plugs that hang in the air.

use crate::common::python::{sensor_and_lake, setup, working_pair};

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let project = working_pair();
    for name in ["../x", "a/b", "a b", "..", ".", "-x", "a\nb", "a\\b"] {
        for args in [
            &["add", "--", "sensor", name][..],
            &["plug", "--", name, "s1", "l1"],
            &["create", "product", "--", name],
            &["create", "capability", "--", "sensor", name, "producer"],
            &["create", "integration", "--", "sensor", "lake", name, "producer"],
            &["create", "integration", "--", "sensor", name, "events", "producer"],
        ] {
            let outcome = project.refused(args);
            assert!(outcome.ends_with("-- exit 1") && outcome.contains("error: "), "{args:?}: {outcome}");
        }
    }
}

#[test]
fn hooks_cannot_write_outside_of_the_project_by_names() {
    let pull = "\
@pull()
def fetch(path):
    for make in (
        lambda: create_product('../evil'),
        lambda: create_instance('sensor', '../../evil'),
        lambda: plug('../../evil', 's1', 'l1'),
        lambda: Integration(product='sensor', target_product='../evil', topic='events', role='producer').save(),
        lambda: Integration(product='sensor', target_product='lake', topic='../../evil', role='producer').save(),
        lambda: path_in_project('../evil'),
        lambda: path_in_project('/etc/passwd'),
    ):
        try:
            make()
            note('was made')
        except ValueError as error:
            note('refused')
";
    let project = sensor_and_lake(pull, "");
    project.must(&["pull", "sensor"]);
    assert_eq!(project.trace(), ["refused"; 7]);
    let around: Vec<_> =
        std::fs::read_dir(project.home()).expect("readable").flatten().map(|entry| entry.file_name()).collect();
    assert!(around.iter().all(|name| !name.to_string_lossy().contains("evil")), "{around:?}");
}

#[test]
fn two_instances_of_one_name_are_named_and_told_apart() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    project.write("instances/lake/s1/config.yaml", "name: s1\n");
    let said = project.fails(&["up"]);
    assert!(said.contains("instances/") && said.contains("`s1`"), "{said}");
    assert!(project.trace().is_empty());
    let (code, out, _) = project.output(&["list", "instances"]);
    assert_eq!((code, out.matches("s1").count()), (0, 2), "{out}");
    project.must(&["remove", "s1", "lake"]);
    project.must(&["up"]);
    assert_eq!(project.trace(), ["consumer events push", "producer events push"]);
}

#[test]
fn a_plug_whose_instance_was_removed_is_named_with_its_file() {
    let project = sensor_and_lake(&setup("producer"), &setup("consumer"));
    project.must(&["plug", "events", "s1", "l1"]);
    std::fs::remove_dir_all(project.root().join("instances/lake")).expect("it was there");
    for args in [&["up"][..], &["plan"]] {
        let said = project.fails(args);
        assert!(said.contains("instances/sensor/s1/plugs/l1/events.yaml:"), "{args:?}: {said}");
        assert!(said.contains("`l1`"), "{args:?}: {said}");
    }
    let (code, out, _) = project.output(&["list", "plugs"]);
    assert!(code == 0 && out.contains("s1"), "{out}");
    project.must(&["unplug", "events", "s1", "l1"]);
    project.must(&["up"]);
}
