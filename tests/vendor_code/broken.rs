//! Products that cannot be read or imported: others are unaffected.

use crate::common::TestProject;
use crate::common::python::{hooks, sensor_and_lake, setup, working_pair};

/// Everything with the working pair still works; it is plugged now.
fn assert_others_work(project: &TestProject) {
    for args in [&["list", "products"][..], &["list", "integrations"], &["list", "instances"], &["hooks", "list"]] {
        let (code, out, err) = project.output(args);
        assert_eq!(code, 0, "{args:?}: {err}");
        assert!(out.contains("sensor") && out.contains("lake"), "{args:?}: {out}");
    }
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["up"]);
    assert_eq!(project.trace(), ["consumer events push", "producer events push"]);
    project.must(&["down"]);
}

#[test]
fn a_definition_with_wrong_types_is_named_with_its_places() {
    let project = working_pair();
    let broken = "description: 5\ntags: {a: b}\nsettings: [{name: [x]}, {type: colour, name: c}]\nproduces: [events]\n";
    project.write("products/odd/definition.yaml", broken);
    let said = project.output(&["list", "products"]).2;
    for place in ["products/odd/definition.yaml:3:", "products/odd/definition.yaml:4:"] {
        assert!(said.contains(place), "{place}: {said}");
    }
    assert_others_work(&project);
    assert_eq!(project.read("products/odd/definition.yaml"), broken);
    let refused = project.refused(&["add", "odd"]);
    assert!(refused.contains("products/odd/definition.yaml:"), "{refused}");
}

#[test]
fn a_definition_that_is_no_yaml_is_named_with_its_place() {
    let project = working_pair();
    project.write("products/odd/definition.yaml", "produces:\n  events: [\n");
    project.write("products/binary/definition.yaml", b"\xff\xfe\x00");
    let said = project.output(&["list", "products"]).2;
    assert!(said.contains("products/odd/definition.yaml:3:1:") && said.contains("not valid YAML"), "{said}");
    assert!(said.contains("products/binary/definition.yaml:1:1:") && said.contains("not UTF-8"), "{said}");
    assert_others_work(&project);
}

#[test]
fn a_syntax_error_in_a_hook_file_is_a_warning_with_its_place() {
    let project = working_pair();
    project.write("products/odd/definition.yaml", "produces: {events: [{}]}\n");
    project.write("products/odd/hooks.py", "@setup_producer()\ndef forward(plug)\n    pass\n");
    let said = project.output(&["list", "products"]).2;
    assert!(said.contains("products/odd/hooks.py:2:"), "{said}");
    assert_others_work(&project);
}

#[test]
fn a_missing_module_is_named_with_the_file_that_installs_it() {
    let project = sensor_and_lake(
        "from vendors_own_client import Client\n\n\n@setup_producer()\ndef forward(plug):\n    pass\n",
        &setup("consumer"),
    );
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.fails(&["up"]);
    assert!(said.contains("the module vendors_own_client is not installed"), "{said}");
    assert!(said.contains("products/sensor/requirements.txt"), "{said}");
    assert!(said.contains("hooks.py:11: from vendors_own_client import Client"), "{said}");
    assert!(!said.contains("Traceback"), "{said}");
    assert_eq!(project.trace(), ["consumer events push"]);
}

#[test]
fn a_module_that_fails_while_it_is_imported_fails_its_own_plugs_only() {
    let project = working_pair();
    project.write("products/odd/definition.yaml", "produces: {events: [{}]}\n");
    project.write("products/odd/hooks.py", hooks(&format!("{}TENANT = os.environ['TENANT']\n", setup("producer"))));
    project.must(&["add", "odd"]);
    project.must(&["plug", "events", "odd", "l1"]);
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.fails(&["up"]);
    assert!(said.contains("set up odd: events/odd/l1") && said.contains("KeyError: 'TENANT'"), "{said}");
    assert!(project.trace().contains(&"producer events push".to_owned()));
    assert!(project.prints(&["list", "plugs", "s1"]).contains(" up\n"));
}
