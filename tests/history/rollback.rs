//! `rollback`: the documents of another time, and the mesh that they mean.

use std::collections::BTreeMap;

use crate::common::TestProject;
use crate::common::python::{hooks, setup, working_pair};
use crate::common::terminal::OnTerminal;

/// Set up and taken down with a note of each.
fn undoing(role: &str) -> String {
    format!("{}@teardown_{role}()\ndef take_down_{role}(plug):\n    note('undo {role}', plug.topic)\n\n\n", setup(role))
}

/// Two ups: with one plug, and with another plug, another instance and another product's file besides.
fn two_ups() -> (TestProject, BTreeMap<String, Vec<u8>>) {
    let project = working_pair();
    project.write("products/sensor/hooks.py", hooks(&undoing("producer")));
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["up"]);
    let first = documents(&project);
    project.must(&["add", "sensor", "s2"]);
    project.must(&["plug", "events", "s2", "l1"]);
    project.write("products/sensor/more/note.md", "new\n");
    project.write("instances/sensor/s1/config.yaml", "name: s1\nproduct: sensor\n# another\n");
    project.must(&["up"]);
    project.forget_trace();
    (project, first)
}

fn documents(project: &TestProject) -> BTreeMap<String, Vec<u8>> {
    let mut files = project.files();
    files.retain(|path, _| path.starts_with("products/") || path.starts_with("instances/"));
    files
}

fn up(project: &TestProject) -> Vec<String> {
    let plugs = project.prints(&["list", "plugs"]);
    plugs.lines().filter(|line| line.ends_with(" up")).map(str::to_owned).collect()
}

#[test]
fn documents_and_mesh_become_what_they_were() {
    let (project, first) = two_ups();
    let second = documents(&project);
    project.write("README.md", "not a document of the mesh");
    assert_eq!(up(&project).len(), 2);
    let said = project.says(&["rollback", "--yes"]);
    for line in ["  instance s2 removed\n", "`resilmesh rollback 2` brings back what the documents were before this"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(documents(&project), first);
    assert!(!project.has("products/sensor/more") && !project.has("instances/sensor/s2"), "empty folders go");
    assert_eq!(up(&project).len(), 1);
    assert_eq!(project.trace(), ["undo producer events"]);
    assert_eq!(project.read("README.md"), "not a document of the mesh");

    project.must(&["rollback", "2", "--yes"]);
    assert_eq!(documents(&project), second);
    assert_eq!(up(&project).len(), 2);
    let table = project.prints(&["history"]);
    let what: Vec<bool> = (table.lines().skip(1).zip(["  rollback 2  done", "  rollback 1  done", "  up  ", "  up  "]))
        .map(|(line, what)| line.contains(what))
        .collect();
    assert_eq!(what, [true; 4], "{table}");
}

#[test]
fn what_was_not_brought_up_yet_is_kept_as_well() {
    let (project, first) = two_ups();
    project.write("instances/sensor/s2/config.yaml", "not: even: YAML");
    project.write("products/own/definition.yaml", "produces: {events: [{}]}\n");
    let mine = documents(&project);
    let said = project.says(&["rollback", "1", "--yes"]);
    assert!(said.contains("`resilmesh rollback 3` brings back"), "{said}");
    assert_eq!(documents(&project), first);
    let table = project.prints(&["history"]);
    assert!(table.contains("keep before rollback 1"), "{table}");
    let said = project.fails(&["rollback", "3", "--yes"]);
    assert!(said.contains("the documents are those of 3 now: `resilmesh up` goes on"), "{said}");
    // Whether its plug is up is no document: it was taken down on the way.
    let is_down = |path: &str, bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("text");
        let s2 = path == "instances/sensor/s2/plugs/l1/events.yaml";
        if s2 { text.replace("status: up\n", "") } else { text }
    };
    let mine: Vec<_> = mine.into_iter().map(|(path, bytes)| (is_down(&path, bytes), path)).collect();
    let back: Vec<_> =
        documents(&project).into_iter().map(|(path, bytes)| (String::from_utf8(bytes).expect("text"), path)).collect();
    assert_eq!(back, mine, "broken as they were, they are back");
    project.must(&["rollback", "2", "--yes"]);
    assert_eq!(up(&project).len(), 2);
}

#[test]
fn a_plan_changes_nothing() {
    let (project, _) = two_ups();
    let before = project.files();
    let said = project.prints(&["rollback", "1", "--plan"]);
    for line in ["instance s2 removed\n", "undo      s2: events/s2/l1", "unplug    events/s2/l1"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&project.prints(&["rollback", "1", "--plan", "--json"])).expect("JSON");
    assert_eq!((json["number"].as_u64(), json["plan"]["steps"][0]["action"].as_str()), (Some(1), Some("undo")));
    assert_eq!(project.files(), before);
    assert_eq!(project.trace(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_gone_back_to_is_refused() {
    let project = working_pair();
    let said = project.refused(&["rollback", "--yes"]);
    assert!(said.contains("there is no earlier `up`"), "{said}");
    let (project, _) = two_ups();
    let outcome = project.run(&["rollback", "1"]);
    assert!(outcome.contains("`--yes` answers yes") && outcome.ends_with("-- exit 2"), "{outcome}");
    for (number, why) in [
        ("9", "nothing in the history has number 9"),
        ("9", "there is 1 to 2"),
        ("2", "the documents are those of 2 already"),
    ] {
        let said = project.fails(&["rollback", number, "--yes"]);
        assert!(said.contains(why), "{why}: {said}");
    }
    assert_eq!(up(&project).len(), 2);
}

#[test]
fn nothing_changes_before_the_question_is_answered_with_yes() {
    let (project, first) = two_ups();
    let second = documents(&project);
    for (answer, becomes, says) in
        [("n", &second, "nothing was changed"), ("y", &first, "4 files are what they were at 1")]
    {
        let home = project.home().as_os_str();
        let mut rollback = OnTerminal::start(&project.root(), &[("HOME", home)], &["rollback", "1"]);
        rollback.wait_for("bring 4 files back to what they were at 1? [y/N]");
        assert_eq!(documents(&project), second);
        rollback.type_line(answer);
        rollback.wait_for(says);
        let ended = rollback.child.wait().expect("it ends");
        assert_eq!((ended.success(), &documents(&project)), (answer == "y", becomes));
    }
}

#[test]
fn in_a_project_of_meshroom_plugs_are_up_when_they_are_up() {
    let (project, _) = two_ups();
    assert!(!project.has("resilmesh.yaml"), "a project of Meshroom");
    let plug = "instances/sensor/s2/plugs/l1/events.yaml";
    assert!(project.read(plug).contains("status: up"));
    project.must(&["rollback", "1", "--yes"]);
    // The documents of 2 say that the plug of `s2` is up, which it is not any more.
    project.forget_trace();
    project.must(&["rollback", "2", "--yes"]);
    assert_eq!(project.trace(), ["consumer events push", "producer events push"], "it is set up again");
    assert!(project.read(plug).contains("status: up"));
}

#[test]
fn code_of_others_that_comes_back_must_be_trusted() {
    let (project, _) = two_ups();
    let commit = |author: &str| {
        for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "Theirs", "--author", author]] {
            let done = std::process::Command::new("git")
                .args(["-c", "user.name=Eve", "-c", "user.email=eve@example.org"])
                .args(arguments)
                .current_dir(project.root())
                .env("HOME", project.home())
                .status()
                .expect("git runs");
            assert!(done.success(), "git {arguments:?}");
        }
    };
    std::fs::write(project.home().join(".gitconfig"), "[user]\n\tname = Ann\n\temail = ann@example.org\n")
        .expect("writable");
    commit("Eve <eve@example.org>");
    project.must(&["trust", "--yes"]);
    let said = project.fails(&["rollback", "1", "--yes"]);
    assert!(said.contains("there is code that is not trusted"), "{said}");
    assert!(said.contains("the documents are those of 1 now: `resilmesh up` goes on"), "{said}");
    assert_eq!(project.trace(), Vec::<String>::new(), "no hook was called");
    project.must(&["trust", "--yes"]);
    project.must(&["up"]);
    assert_eq!(project.trace(), ["undo producer events"]);
}
