//! Settings of a plug that somebody edits while it is up: what was set up by the former ones is taken down by
//! them, and set up anew. What hooks save themselves is no edit.

use crate::common::TestProject;
use crate::common::python::sensor_and_lake;

const PLUG: &str = "instances/sensor/s1/plugs/l1/events.yaml";

const SENSOR: &str = "\
@setup_producer()
def begin(plug, instance):
    plug.settings['id'] = 'id-of-' + plug.settings.get('rate', '-')
    note('up', plug.settings.get('rate'), instance.settings.get('level'))


@teardown_producer()
def end(plug):
    note('down', plug.settings.get('rate'), plug.settings.get('id'))
    plug.settings['ended'] = 'yes'
";

/// The other end, which notes nothing.
fn quiet() -> String {
    "@setup_consumer()\ndef inlet(plug):\n    pass\n".to_owned()
}

/// A plug between two tenants that is up, with hooks that save settings of it.
fn up() -> TestProject {
    let project = sensor_and_lake(SENSOR, &quiet());
    project.must(&["plug", "events", "s1", "l1"]);
    let text = project.read(PLUG) + "settings: {rate: slow, key: hunter2}\n";
    project.write(PLUG, text);
    project.must(&["up"]);
    assert_eq!(project.trace(), ["up slow None"]);
    project.forget_trace();
    project
}

fn edit(project: &TestProject, from: &str, to: &str) {
    let text = project.read(PLUG);
    assert!(text.contains(from), "{text}");
    project.write(PLUG, text.replace(from, to));
}

fn nothing_to_do(project: &TestProject) -> bool {
    project.says(&["plan"]).contains("nothing to do")
}

#[test]
fn what_setup_hooks_save_is_no_edit() {
    let project = up();
    assert!(project.read(PLUG).contains("id-of-slow"), "{}", project.read(PLUG));
    assert!(nothing_to_do(&project));
    project.must(&["up"]);
    assert!(project.trace().is_empty());
}

#[test]
fn an_edit_takes_it_down_by_the_former_settings_and_sets_it_up_by_the_new_ones() {
    let project = up();
    edit(&project, "slow", "fast");
    edit(&project, "hunter2", "hunter3");
    let plan = project.prints(&["plan"]);
    assert!(plan.contains("settings edited: id, key, rate") && !plan.contains("hunter"), "{plan}");
    assert!(plan.contains("undo") && plan.contains("set up"), "{plan}");
    assert!(!project.run(&["up"]).contains("hunter"));
    assert_eq!(project.trace(), ["down slow id-of-slow", "up fast None"]);
    let text = project.read(PLUG);
    assert!(text.contains("fast") && text.contains("hunter3") && text.contains("ended"), "{text}");
    assert!(nothing_to_do(&project), "{}", project.prints(&["plan"]));
    project.must(&["down"]);
    assert_eq!(project.trace()[2..], ["down fast id-of-fast"]);
    assert!(!project.root().join(".resilmesh/saved/s1%l1%events%push.json").exists());
}

#[test]
fn down_goes_by_what_was_set_up_also_when_the_file_was_edited_or_is_gone() {
    let project = up();
    edit(&project, "slow", "fast");
    project.must(&["down"]);
    assert_eq!(project.trace(), ["down slow id-of-slow"]);
    assert!(project.read(PLUG).contains("fast"), "{}", project.read(PLUG));
    project.must(&["up"]);
    std::fs::remove_file(project.root().join(PLUG)).expect("it is there");
    project.must(&["up"]);
    assert_eq!(project.trace()[1..], ["up fast None", "down fast id-of-fast"]);
}

#[test]
fn what_was_set_up_before_this_was_known_is_taken_as_it_is() {
    let project = up();
    let saved = project.root().join(".resilmesh/saved");
    std::fs::remove_dir_all(&saved).expect("it is there");
    edit(&project, "slow", "fast");
    assert!(nothing_to_do(&project));
    assert!(!saved.exists(), "a plan writes nothing");
    project.must(&["up"]);
    assert!(project.trace().is_empty());
    edit(&project, "fast", "faster");
    assert!(project.prints(&["plan"]).contains("settings edited"));
}

#[test]
fn hooks_see_what_the_profile_in_force_gives_and_do_not_write_it_into_the_instance() {
    let project = sensor_and_lake(
        "@setup_producer()\ndef begin(plug, instance):\n    same = get_instance(instance.name)\n    note(instance.settings.get('level'), instance.settings.get('zone'), same.settings.get('level'))\n    instance.settings['seen'] = 'yes'\n    instance.save()\n",
        &quiet(),
    );
    const FILE: &str = "instances/sensor/s1/config.yaml";
    project.write(FILE, "name: s1\nsettings: {level: low, zone: here}\n");
    project.write("resilmesh.yaml", "version: 1\nname: mesh\n");
    project.write("profiles/prod.yaml", "version: 1\ninstances:\n  s1: {settings: {level: high, zone: null}}\n");
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["up", "--profile", "prod"]);
    assert_eq!(project.trace(), ["high None high"]);
    let text = project.read(FILE);
    assert!(text.contains("low") && text.contains("here") && text.contains("seen") && !text.contains("high"), "{text}");
    project.must(&["down"]);
    project.must(&["up", "--profile", "none"]);
    assert_eq!(project.trace()[1..], ["low here low"]);
    project.must(&["down"]);
}
