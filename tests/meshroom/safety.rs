//! Several commands at once, and code of vendors that goes beyond its part.

use std::thread;

use crate::common::TestProject;
use crate::common::background::Background;
use crate::common::python::{sensor_and_lake, setup, working_pair};

#[test]
fn commands_at_the_same_time_lose_nothing() {
    let project = working_pair();
    // The key and the vault are made by the first.
    let set = |name: &str| project.output_of(&["secret", "set", name], &[], &format!("value of {name}"));
    assert_eq!(set("first").0, 0);
    thread::scope(|scope| {
        for number in 0..6 {
            let (project, set) = (&project, &set);
            scope.spawn(move || project.must(&["add", "sensor", &format!("many{number}")]));
            scope.spawn(move || {
                let (code, _, err) = set(&format!("secret{number}"));
                assert_eq!(code, 0, "{err}");
            });
        }
    });
    let instances = project.prints(&["list", "instances"]);
    for number in 0..6 {
        assert!(instances.contains(&format!("many{number}")), "{instances}");
        let name = format!("secret{number}");
        assert_eq!(project.prints(&["secret", "get", &name]), format!("value of {name}\n"));
    }
}

#[test]
fn a_second_up_is_told_who_is_at_it() {
    let slow = "\
@setup_producer()
def forward(plug):
    note('begun')
    while not path_in_project('go').exists():
        time.sleep(0.01)
";
    let project = sensor_and_lake(slow, &setup("consumer"));
    project.must(&["plug", "events", "s1", "l1"]);
    let first = Background::start(&project, &["up"]);
    project.wait_for_trace("begun");
    let said = project.fails(&["up"]);
    assert!(said.contains("this mesh is being changed by process ") && said.contains("resilmesh up"), "{said}");
    assert_eq!(project.trace(), ["consumer events push", "begun"]);
    project.write("go", "");
    let (code, _, err) = first.end();
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn code_of_a_product_runs_once_and_apart() {
    let rude = "\
note('loaded')
os.environ['HOME'] = '/nowhere'
os.chdir('/')


@setup_producer(order=1)
def leave(plug):
    sys.argv.clear()
    sys.modules.pop('json', None)
    note('one')


@setup_producer(order=2)
def after(plug):
    note('two')


@setup_producer(order=3)
def quit(plug):
    sys.exit(0)
";
    let project = sensor_and_lake(rude, &setup("consumer"));
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.fails(&["up"]);
    assert!(said.contains("the hook called sys.exit(0)"), "{said}");
    assert_eq!(project.trace().iter().filter(|line| *line == "loaded").count(), 1, "{:?}", project.trace());
    let plugs = project.prints(&["list", "plugs"]);
    assert!(!plugs.contains(" up\n"), "{plugs}");
}

#[test]
fn a_hook_that_takes_too_long_is_ended() {
    let project = sensor_and_lake("@setup_producer()\ndef forward(plug):\n    time.sleep(1000)\n", &setup("consumer"));
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.fails(&["up", "--wait-timeout", "500ms"]);
    assert!(said.contains("set up s1: events/s1/l1") && said.contains("500ms"), "{said}");
}

#[test]
fn a_project_may_be_moved_with_its_secrets() {
    let project = working_pair();
    let set = |args: &[&str], value: &str| project.output_of(args, &[], value);
    assert_eq!(set(&["secret", "set", "one"], "first").0, 0);
    let keys = |project: &TestProject| {
        let folder = project.home().join(".local/share/resilmesh/keys");
        std::fs::read_dir(folder).expect("keys").count()
    };
    let before = keys(&project);
    let moved = project.home().join("elsewhere");
    std::fs::rename(project.root(), &moved).expect("it can be moved");
    std::fs::create_dir(project.root()).expect("writable");
    let (code, out, err) = project.output(&["-C", "../elsewhere", "secret", "get", "one"]);
    assert_eq!((code, out.as_str()), (0, "first\n"), "{err}");
    let (code, _, err) = set(&["-C", "../elsewhere", "secret", "set", "two"], "second");
    assert!(code == 0 && !err.contains("made your key"), "{err}");
    assert_eq!(project.prints(&["-C", "../elsewhere", "secret", "get", "one"]), "first\n");
    assert_eq!(project.prints(&["-C", "../elsewhere", "secret", "get", "two"]), "second\n");
    assert_eq!(keys(&project), before);
}
