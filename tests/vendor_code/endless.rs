//! Hooks that do not come to an end.

use nix::sys::signal::Signal;

use crate::common::TestProject;
use crate::common::background::{Background, until};
use crate::common::python::{sensor_and_lake, setup};

/// Several sensors plugged; the hook of `s2` does this after it noted its process id.
fn waits(how: &str) -> TestProject {
    let sensor = format!(
        "@setup_producer()\ndef forward(plug, instance):\n    if instance.name == 's2':\n        note('pid', os.getpid())\n{how}    note('forwards', instance.name)\n"
    );
    let project = sensor_and_lake(&sensor, &setup("consumer"));
    for name in ["s1", "s2", "s3"] {
        project.must(&["add", "sensor", name]);
        project.must(&["plug", "events", name, "l1"]);
    }
    project
}

/// The process that hooks ran in.
fn host(project: &TestProject) -> i32 {
    let noted = project.trace().into_iter().find_map(|line| line.strip_prefix("pid ")?.parse().ok());
    noted.expect("a process id was noted")
}

/// Its number may be seen until its parent has taken note.
fn assert_gone(process: i32) {
    let is_gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.split(") ").nth(1).is_none_or(|rest| rest.starts_with('Z'))
    };
    until(|| format!("process {process} is still there"), is_gone);
}

fn state(project: &TestProject, source: &str) -> String {
    let plugs = project.prints(&["list", "plugs", source]);
    plugs.lines().nth(1).and_then(|line| line.split_whitespace().last()).unwrap_or_default().to_owned()
}

/// `up` with a limit ends by itself; the others are up.
fn assert_limited(project: &TestProject) {
    let said = project.fails(&["up", "--wait-timeout", "2s"]);
    assert!(said.contains("set up s2: events/s2/l1: 1 (forward): no answer within 2s"), "{said}");
    assert!(said.contains("`--wait-timeout` lets it take longer"), "{said}");
    assert_gone(host(project));
    assert_eq!([state(project, "s1"), state(project, "s3")], ["up", "up"]);
    assert_ne!(state(project, "s2"), "up");
}

#[test]
fn one_that_sleeps_is_ended() {
    assert_limited(&waits("        time.sleep(1000)\n"));
}

#[test]
fn one_that_computes_is_ended() {
    assert_limited(&waits("        while True: pass\n"));
}

#[test]
fn one_that_hangs_in_a_call_of_the_system_is_ended() {
    assert_limited(&waits("        import ctypes\n        ctypes.CDLL(None).sleep(1000)\n"));
}

#[test]
fn one_that_hangs_in_a_call_that_stops_all_of_python_is_ended() {
    assert_limited(&waits("        import ctypes\n        ctypes.PyDLL(None).sleep(1000)\n"));
}

#[test]
fn one_that_catches_everything_is_ended() {
    let stubborn = "        while True:\n            try:\n                time.sleep(1000)\n            except BaseException:\n                pass\n";
    assert_limited(&waits(stubborn));
}

#[test]
fn what_it_has_started_is_ended_with_it() {
    let project = waits(
        "        import subprocess\n        note('pid', subprocess.Popen(['sleep', '1000']).pid)\n        time.sleep(1000)\n",
    );
    let path = std::env::var("PATH").unwrap_or_default();
    let (code, _, err) = project.output_with(&["up", "--wait-timeout", "2s"], &[("PATH", &path)]);
    assert_eq!(code, 1, "{err}");
    let noted: Vec<i32> = project.trace().iter().filter_map(|line| line.strip_prefix("pid ")?.parse().ok()).collect();
    assert_eq!(noted.len(), 2, "{:?}", project.trace());
    noted.into_iter().for_each(assert_gone);
}

#[test]
fn ctrl_c_ends_it_and_the_next_up_goes_on() {
    let project = waits("        while not path_in_project('mended').exists(): time.sleep(0.01)\n");
    let up = Background::start(&project, &["up"]);
    project.wait_for(|trace| trace.iter().any(|line| line.starts_with("pid ")));
    up.signal(Signal::SIGINT);
    let (code, _, err) = up.end();
    assert_eq!(code, Some(130), "{err}");
    assert!(err.contains("`resilmesh up` goes on from there") && !err.contains("Traceback"), "{err}");
    assert_gone(host(&project));
    project.write("mended", "");
    project.forget_trace();
    project.must(&["up"]);
    let trace = project.trace();
    let set_up: Vec<&str> = trace.iter().filter_map(|line| line.strip_prefix("forwards ")).collect();
    assert_eq!(set_up, ["s2", "s3"]);
    assert_eq!(trace.iter().filter(|line| line.starts_with("consumer")).count(), 1, "only for s3: {trace:?}");
}

#[test]
fn ctrl_c_ends_a_watch_and_a_command() {
    let project = sensor_and_lake(
        "@watch('events')\ndef see():\n    note('pid', os.getpid())\n    yield 'one'\n    time.sleep(1000)\n\n\n@trigger('isolate')\ndef fire():\n    note('pid', os.getpid())\n    time.sleep(1000)\n",
        "",
    );
    for (args, expected, shown) in
        [(&["watch", "events", "s1"][..], Some(0), "one\n"), (&["trigger", "isolate", "s1"], Some(130), "")]
    {
        project.forget_trace();
        let running = Background::start(&project, args);
        project.wait_for(|trace| !trace.is_empty());
        if !shown.is_empty() {
            running.wait_for_output(shown);
        }
        running.signal(Signal::SIGINT);
        let (code, out, err) = running.end();
        assert_eq!((code, out.as_str()), (expected, shown), "{args:?}: {err}");
        assert_gone(host(&project));
    }
}

#[test]
fn code_that_calls_itself_through_commands_comes_to_an_end() {
    let project = sensor_and_lake("@trigger('isolate')\ndef fire():\n    get_instance('s1').trigger('isolate')\n", "");
    let said = project.fails(&["trigger", "isolate", "s1"]);
    assert!(said.contains("deep"), "{said}");
}
