//! `up --rollback-on-failure`: one hook fails, and everything is as before.

use serde_json::Value;

use crate::common::TestProject;
use crate::common::python::sensor_and_lake;

/// Hooks that note what they do; that of an instance named in the file `closed` fails.
fn noting(role: &str, other: &str) -> String {
    format!(
        "\
@setup_{role}()
def set_up(plug, instance):
    closed = path_in_project('closed')
    if closed.exists() and instance.name in closed.read_text().split():
        raise OSError(f'{{instance.name}} is closed')
    note('set up', instance.name, 'for', plug.{other}_instance)


@teardown_{role}()
def take_down(plug, instance):
    stuck = path_in_project('stuck')
    if stuck.exists():
        raise OSError(f'{{instance.name}} is stuck')
    note('take down', instance.name, 'for', plug.{other}_instance)
"
    )
}

fn mesh() -> TestProject {
    let project = sensor_and_lake(&noting("producer", "dst"), &noting("consumer", "src"));
    project.must(&["add", "sensor", "s2"]);
    project.must(&["add", "sensor", "s3"]);
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["up"]);
    project.forget_trace();
    project
}

fn journal(project: &TestProject) -> Value {
    assert!(!project.has(".resilmesh/journal.changes"), "the journal is whole");
    serde_json::from_str(&project.read(".resilmesh/journal.json")).expect("JSON")
}

#[test]
fn what_was_new_is_taken_down_again() {
    let project = mesh();
    let before = journal(&project);
    project.must(&["plug", "events", "s2", "l1"]);
    project.must(&["plug", "events", "s3", "l1"]);
    project.write("closed", "s3");
    let said = project.fails(&["up", "--rollback-on-failure"]);
    for line in [
        "going back to what was there before",
        "error: set up s3: events/s3/l1: 1 (set_up): OSError: s3 is closed",
        "the mesh is as it was before this `up`; the documents stay as you wrote them",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
    assert!(!said.contains("goes on from there"), "{said}");
    assert_eq!(journal(&project), before);
    assert!(project.has("instances/sensor/s3/plugs/l1/events.yaml"), "the documents stay");
    let (done, undone): (Vec<String>, Vec<String>) =
        project.trace().into_iter().partition(|line| line.starts_with("set up"));
    assert!(done.iter().any(|line| line == "set up s2 for l1"), "{done:?}");
    assert!(done.len() >= 2 && !done.iter().any(|line| line.starts_with("set up s3")), "{done:?}");
    assert_eq!(undone.iter().filter(|line| line.starts_with("take down s2")).count(), 1, "{undone:?}");
    let history = project.prints(&["history"]);
    assert!(history.contains("failed, taken back"), "{history}");

    project.write("closed", "");
    project.must(&["up", "--rollback-on-failure"]);
    assert_eq!(project.prints(&["list", "plugs"]).matches(" up\n").count(), 3);
}

#[test]
fn what_was_taken_down_is_set_up_again() {
    let project = mesh();
    let before = journal(&project);
    std::fs::remove_file(project.root().join("instances/sensor/s1/plugs/l1/events.yaml")).expect("there");
    project.must(&["plug", "events", "s2", "l1"]);
    project.write("closed", "s2");
    project.fails(&["up", "--rollback-on-failure"]);
    assert_eq!(journal(&project), before);
    let trace = project.trace();
    for line in ["take down s1 for l1", "set up s1 for l1"] {
        assert!(trace.iter().any(|noted| noted == line), "{line}: {trace:?}");
    }
    assert!(!project.has("instances/sensor/s1/plugs/l1/events.yaml"), "the documents stay");
}

#[test]
fn what_cannot_be_taken_back_is_told() {
    let project = mesh();
    project.must(&["plug", "events", "s2", "l1"]);
    project.must(&["plug", "events", "s3", "l1"]);
    project.write("closed", "s3");
    project.write("stuck", "");
    let said = project.fails(&["up", "--rollback-on-failure"]);
    assert!(
        said.contains("OSError: s3 is closed") && said.contains("not everything could be taken back: undo "),
        "{said}"
    );
    assert!(said.contains("`resilmesh up` goes on from there, `resilmesh down` takes it away"), "{said}");
    assert!(!said.contains("the mesh is as it was"), "{said}");
    assert!(!project.prints(&["history"]).contains("taken back"));
    std::fs::remove_file(project.root().join("stuck")).expect("there");
    project.must(&["down"]);
}

#[test]
fn steps_of_the_way_back_say_so_in_json() {
    let project = mesh();
    project.must(&["plug", "events", "s2", "l1"]);
    project.write("closed", "s2");
    let (code, out, _) = project.output(&["up", "--rollback-on-failure", "--json"]);
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let back: Vec<&Value> = events.iter().filter(|event| event["rollback"] == true).collect();
    assert_eq!(code, 1);
    assert!(!back.is_empty() && back.len() < events.len(), "{out}");
    let (begun, ended): (Vec<_>, Vec<_>) = back.into_iter().partition(|event| event["state"] == "begun");
    assert_eq!(begun.len(), ended.len(), "{out}");
    assert!(ended.iter().all(|event| event["ended"] == "done"), "{out}");
}
