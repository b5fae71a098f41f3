//! What is chosen when there are several possibilities, and in which order things happen.

use crate::common::TestProject;
use crate::common::python::{hooks, sensor_and_lake, setup, working_pair};

#[test]
fn a_plug_without_a_mode_is_push_every_time() {
    for _ in 0..3 {
        let project = working_pair();
        assert!(project.says(&["plug", "events", "s1", "l1"]).contains("plugged `s1` -> `l1`: events (push)"));
        project.must(&["up"]);
        assert_eq!(project.trace(), ["consumer events push", "producer events push"]);
    }
}

#[test]
fn a_plug_that_is_refused_leaves_no_file() {
    let project = sensor_and_lake(&setup("producer"), "");
    project.refused(&["plug", "events", "s1", "l1"]);
    project.must(&["up"]);
    assert!(project.trace().is_empty());
}

#[test]
fn hooks_without_a_mode_serve_both() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1", "-m", "push"]);
    project.must(&["plug", "events", "s1", "l1", "-m", "pull"]);
    project.must(&["up", "s1", "l1", "events", "push"]);
    project.must(&["up", "s1", "l1", "events", "pull"]);
    let expected = ["consumer events push", "producer events push", "producer events pull", "consumer events pull"];
    assert_eq!(project.trace(), expected);
}

#[test]
fn hooks_without_an_order_run_in_the_order_of_files_and_lines() {
    let one = |name: &str| format!("@setup_producer()\ndef {name}(plug):\n    note('{name}')\n\n\n");
    let project = sensor_and_lake("", &setup("consumer"));
    project.write("products/sensor/hooks.py", hooks(&[one("zulu"), one("alpha"), one("mike")].concat()));
    project.write("products/sensor/a_first_file.py", hooks(&one("yankee")));
    project.write("products/sensor/z_last_file.py", hooks(&one("bravo")));
    project.must(&["plug", "events", "s1", "l1"]);
    for _ in 0..3 {
        project.forget_trace();
        project.must(&["up"]);
        assert_eq!(project.trace()[1..], ["yankee", "zulu", "alpha", "mike", "bravo"]);
        project.must(&["down"]);
    }
}

#[test]
fn hooks_with_the_same_title_all_run() {
    let sensor = "\
@setup_producer(title='Open a port')
def first(plug):
    note('first')


@setup_producer(title='Open a port')
def second(plug):
    note('second')
";
    let project = sensor_and_lake(sensor, &setup("consumer"));
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.says(&["up"]);
    assert_eq!(project.trace()[1..], ["first", "second"]);
    assert_eq!(said.matches("Open a port").count(), 2, "{said}");
}

#[test]
fn formats_are_told_apart_and_the_most_specific_is_taken() {
    let project = working_pair();
    let formats = "{events: [{format: cef}, {format: ecs}, {}]}\n";
    project.write("products/sensor/definition.yaml", format!("produces: {formats}"));
    project.write("products/lake/definition.yaml", "consumes: {events: [{}, {format: ecs}]}\n");
    let listed = project.prints(&["list", "integrations", "sensor"]);
    let push: Vec<&str> = listed.lines().filter(|line| line.contains(" events ") && line.contains(" push ")).collect();
    assert_eq!(push.len(), 3, "{listed}");
    for format in ["cef", "ecs", "-"] {
        assert!(push.iter().any(|line| line.split_whitespace().nth(5) == Some(format)), "{format}: {listed}");
    }
    assert!(project.says(&["plug", "events", "s1", "l1"]).contains("events (push, ecs)"));
    project.must(&["unplug", "events", "s1", "l1"]);
    assert!(project.says(&["plug", "events", "s1", "l1", "-f", "cef"]).contains("events (push, cef)"));
}

#[test]
fn plugs_come_up_in_the_order_of_their_names_whichever_was_made_first() {
    let plan = |order: [&str; 3]| {
        let project = working_pair();
        for name in order {
            project.must(&["add", "sensor", name]);
            project.must(&["plug", "events", name, "l1"]);
        }
        project.prints(&["plan"])
    };
    let one = plan(["m2", "z3", "a1"]);
    assert_eq!(one, plan(["z3", "a1", "m2"]));
    let place = |name: &str| one.find(&format!("{name}: events/{name}/l1")).unwrap_or_else(|| panic!("{one}"));
    assert!(place("a1") < place("m2") && place("m2") < place("z3"), "{one}");
}

#[test]
fn the_hooks_of_the_owner_that_a_plug_names_are_run() {
    let both = |role: &str| {
        format!(
            "@setup_{role}(owns_both=True)\ndef all_of_it(plug, instance):\n    note('set up by', instance.name)\n\n\n@teardown_{role}(owns_both=True)\ndef nothing_of_it(plug, instance):\n    note('torn down by', instance.name)\n"
        )
    };
    for owner in ["s1", "l1"] {
        let project = sensor_and_lake(&both("producer"), &both("consumer"));
        project.must(&["plug", "events", "s1", "l1"]);
        let file = "instances/sensor/s1/plugs/l1/events.yaml";
        project.write(file, format!("{}owner: {owner}\n", without_owner(&project.read(file))));
        project.must(&["up"]);
        assert_eq!(project.trace(), [format!("set up by {owner}")]);
        assert!(project.prints(&["show", "events/s1/l1"]).contains(owner));
    }
}

fn without_owner(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("owner:")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn tags_stay_in_the_order_in_which_somebody_wrote_them() {
    let pull = "\
@pull()
def fetch(path):
    product = get_product('sensor')
    product.description = 'changed by a hook'
    product.save()
";
    let project = TestProject::with(&[
        ("products/sensor/definition.yaml", "tags: [zeta, alpha, mike, bravo, yankee]\n"),
        ("products/sensor/hooks.py", &hooks(pull)),
    ]);
    let tags = |project: &TestProject| {
        let text = project.read("products/sensor/definition.yaml");
        text.replace(['[', ']', ',', '-'], " ")
            .split_whitespace()
            .filter(|word| ["zeta", "alpha", "mike", "bravo", "yankee"].contains(word))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let written = tags(&project);
    assert_eq!(written.len(), 5);
    project.must(&["create", "capability", "sensor", "events", "producer"]);
    assert_eq!(tags(&project), written);
    for _ in 0..3 {
        project.must(&["pull", "sensor"]);
        assert!(project.read("products/sensor/definition.yaml").contains("changed by a hook"));
        assert_eq!(tags(&project), written);
    }
}
