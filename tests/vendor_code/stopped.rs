//! `resilmesh` itself is killed in the middle of it.

use nix::sys::signal::Signal;

use crate::common::background::Background;
use crate::common::python::{sensor_and_lake, setup};

const PLUGS: usize = 12;

#[test]
fn after_a_kill_the_next_up_repeats_no_finished_step() {
    let sensor = "\
@setup_producer(order=1)
def one(plug, instance):
    note('one', instance.name)


@setup_producer(order=2)
def two(plug, instance):
    if instance.name == 'n6' and not path_in_project('go').exists():
        note('waits')
        time.sleep(1000)
    note('two', instance.name)
";
    let project = sensor_and_lake(sensor, &setup("consumer"));
    for number in 0..PLUGS {
        let name = format!("n{number}");
        project.must(&["add", "sensor", &name]);
        project.must(&["plug", "events", &name, "l1"]);
    }
    let up = Background::start(&project, &["up"]);
    project.wait_for_trace("waits");
    let before = project.files();
    up.signal(Signal::SIGKILL);
    let (code, ..) = up.end();
    assert_eq!(code, None);
    for (path, bytes) in project.files().iter().filter(|(path, _)| path.ends_with(".yaml")) {
        assert_eq!(before.get(path), Some(bytes), "{path}");
    }
    let known = project.prints(&["list", "plugs"]);
    assert_eq!(known.matches(" up\n").count(), 8, "those before n6 by name: {known}");
    project.write("go", "");
    project.must(&["up"]);
    let trace = project.trace();
    for number in 0..PLUGS {
        for step in ["one", "two"] {
            let line = format!("{step} n{number}");
            assert_eq!(trace.iter().filter(|noted| **noted == line).count(), 1, "{line}: {trace:?}");
        }
    }
    assert_eq!(project.prints(&["list", "plugs"]).matches(" up\n").count(), PLUGS);
}
