//! Trust in a product lasts when its own hooks have a document of it written.

use std::process::Command;

use crate::common::TestProject;
use crate::common::python::sensor_and_lake;

/// The same project, shared with others, with everything trusted as it is.
fn shared(project: TestProject) -> TestProject {
    for args in [&["init", "-q"][..], &["remote", "add", "origin", "https://git.example.org/mesh.git"]] {
        let done = Command::new("git").args(args).current_dir(project.root()).env("HOME", project.home()).status();
        assert!(done.is_ok_and(|status| status.success()), "git {args:?} works");
    }
    project.must(&["trust", "--yes"]);
    project
}

fn stands(project: &TestProject, product: &str) -> String {
    let list = project.prints(&["trust", "--list"]);
    let line = list.lines().find(|line| line.split_whitespace().nth(1) == Some(product));
    line.and_then(|line| line.split_whitespace().nth(2)).unwrap_or("nowhere").to_owned()
}

const DESCRIBING: &str = "\
@scaffold_producer()
def describe(integration):
    integration.description = 'From sensors'


@publish()
def offer(integration):
    integration.vendor_id = 7
    integration.save()


";

#[test]
fn documents_that_hooks_have_written_are_trusted() {
    let project = shared(sensor_and_lake(DESCRIBING, ""));
    project.must(&["create", "integration", "sensor", "lake", "events", "producer"]);
    assert!(project.read("products/sensor/integrations/lake/events_producer.yml").contains("From sensors"));
    assert_eq!(stands(&project, "sensor"), "trusted");
    project.must(&["create", "integration", "sensor", "lake", "alerts", "producer"]);
    project.must(&["publish"]);
    project.must(&["publish"]);
    assert_eq!((stands(&project, "sensor").as_str(), stands(&project, "lake").as_str()), ("trusted", "trusted"));
}

#[test]
fn nothing_is_written_when_the_hooks_may_not_run() {
    let project = shared(sensor_and_lake(DESCRIBING, ""));
    project.write("products/sensor/more.py", "x = 1\n");
    let outcome = project.refused(&["create", "integration", "sensor", "lake", "events", "producer"]);
    assert!(outcome.contains("product `sensor` has changed since it was trusted"), "{outcome}");
}

#[test]
fn code_that_hooks_write_is_asked_for_again() {
    for writes in [
        "open(os.path.join(os.path.dirname(__file__), 'more.py'), 'w').write('x = 1')",
        "open(os.path.join(os.path.dirname(__file__), 'definition.yaml'), 'a').write('vendor: Acme\\n')",
        "integration.add_setup_step('open an inlet', 'def inlet(plug):\\n    pass\\n')",
    ] {
        let project =
            shared(sensor_and_lake(&format!("@scaffold_producer()\ndef more(integration):\n    {writes}\n"), ""));
        let said = project.says(&["create", "integration", "sensor", "lake", "events", "producer"]);
        assert!(said.contains("`resilmesh trust sensor` shows it, and asks"), "{writes}: {said}");
        assert_eq!(stands(&project, "sensor"), "changed", "{writes}");
    }
}

#[test]
fn a_document_that_changes_what_runs_is_asked_for_again() {
    let project = shared(sensor_and_lake(
        "@pull()\ndef fetch(path):\n    own = get_product('sensor')\n    own.service = {'embedded': {'program': 'sh', 'args': ['-c', 'id']}, 'ready': {'port': 'web'}, 'ports': {'web': 18080}}\n    own.save()\n",
        "",
    ));
    let said = project.says(&["pull", "sensor"]);
    assert!(said.contains("`resilmesh trust sensor` shows it, and asks"), "{said}");
    assert_eq!(stands(&project, "sensor"), "changed");
}
