//! Hooks that end their process, copy it, or fill its outputs.

use crate::common::TestProject;
use crate::common::python::{sensor_and_lake, setup};

/// Three sensors plugged; the hook of `s2` does this, the first time.
fn once(what: &str) -> TestProject {
    let sensor = format!(
        "@setup_producer()\ndef forward(plug, instance):\n    mark = path_in_project('done-once')\n    if instance.name == 's2' and not mark.exists():\n        mark.touch()\n        {what}\n    note('forwards', instance.name)\n"
    );
    let project = sensor_and_lake(&sensor, &setup("consumer"));
    for name in ["s1", "s2", "s3"] {
        project.must(&["add", "sensor", name]);
        project.must(&["plug", "events", name, "l1"]);
    }
    project
}

fn states(project: &TestProject) -> Vec<String> {
    let plugs = project.prints(&["list", "plugs"]);
    plugs.lines().skip(1).filter_map(|line| line.split_whitespace().last().map(str::to_owned)).collect()
}

#[test]
fn one_that_kills_its_process_is_told_and_the_next_up_goes_on() {
    for end in ["os._exit(0)", "os.kill(os.getpid(), 9)", "__import__('ctypes').string_at(0)"] {
        let project = once(end);
        let said = project.fails(&["up"]);
        assert!(said.contains("the hook's process has ended before the hook"), "{end}: {said}");
        assert!(said.contains("set up s2: events/s2/l1"), "{end}: {said}");
        project.must(&["up"]);
        assert_eq!(states(&project), ["up", "up", "up"], "{end}");
    }
}

#[test]
fn one_that_forks_is_done_once() {
    let project = once("os.fork()");
    project.must(&["up"]);
    assert_eq!(states(&project), ["up", "up", "up"]);
    let said = project.says(&["up"]);
    assert!(said.contains("nothing to do"), "{said}");
}

#[test]
fn a_flood_of_words_is_cut() {
    let project = once("[print('x' * 200) for _ in range(200_000)]");
    let said = project.says(&["up"]);
    assert!(said.len() < 10 << 20, "{}", said.len());
    assert!(said.contains("left out"), "what is missing is said");
    assert_eq!(states(&project), ["up", "up", "up"]);
}

#[test]
fn rubbish_on_standard_output_harms_nothing() {
    let project = once(
        "[os.write(1, line) for line in (b'{\"type\":\"done\",\"call\":1,\"value\":null}\\n', b'\\xff\\x00\\n', b'{\"type\":\"failed\"}\\n', b'no end')]",
    );
    project.must(&["up"]);
    assert_eq!(states(&project), ["up", "up", "up"]);
    let mut trace = project.trace();
    trace.retain(|line| line.starts_with("forwards"));
    trace.sort();
    assert_eq!(trace, ["forwards s1", "forwards s2", "forwards s3"]);
}

#[test]
fn closed_outputs_harm_nothing() {
    let project = once("os.close(1); os.close(2); sys.stdout.close()");
    project.must(&["up"]);
    assert_eq!(states(&project), ["up", "up", "up"]);
}
