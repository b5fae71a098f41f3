//! A hook that raises: the vendor's own lines, and nothing of ours.

use crate::common::python::{sensor_and_lake, setup};

const RAISING: &str = "\
def call_the_tenant(url):
    raise ConnectionError(f'{url} is not there')


@setup_producer(title='Ask the tenant for a token')
def forward(plug):
    call_the_tenant('https://tenant.example')
";

#[test]
fn the_title_the_reason_and_the_vendors_lines_are_told() {
    let project = sensor_and_lake(RAISING, &setup("consumer"));
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.fails(&["up"]);
    let error = "error: set up s1: events/s1/l1: 1 (Ask the tenant for a token): ConnectionError: https://tenant.example is not there";
    assert!(said.lines().any(|line| line == error), "{said}");
    for line in [
        "  products/sensor/hooks.py:17 in forward: call_the_tenant('https://tenant.example')",
        "  products/sensor/hooks.py:12 in call_the_tenant: raise ConnectionError(f'{url} is not there')",
        "hint: `resilmesh up` goes on from there",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
    assert!(!said.contains("Traceback") && !said.contains("calls.py"), "{said}");
}

#[test]
fn debug_tells_the_whole() {
    let project = sensor_and_lake(RAISING, &setup("consumer"));
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.fails(&["--debug", "up"]);
    assert!(said.contains("Traceback (most recent call last):") && said.contains("in call_the_tenant"), "{said}");
}

#[test]
fn several_that_fail_are_all_told() {
    let project = sensor_and_lake(
        "@setup_producer()\ndef forward(plug, instance):\n    raise OSError(f'{instance.name} is closed')\n",
        &setup("consumer"),
    );
    for name in ["s1", "s2", "s3"] {
        project.must(&["add", "sensor", name]);
        project.must(&["plug", "events", name, "l1"]);
    }
    let said = project.fails(&["up"]);
    let told = said.split("error: ").last().unwrap_or_default();
    for name in ["s1", "s2", "s3"] {
        assert!(told.contains(&format!("OSError: {name} is closed")), "{name}: {said}");
    }
}

#[test]
fn words_of_a_hook_cannot_play_tricks_on_the_terminal() {
    let project = sensor_and_lake(
        "@setup_producer()\ndef forward(plug):\n    print('\\x1b[2J\\x1b]0;owned\\x07up')\n    raise OSError('\\x1b[1A\\rall is well\\nerror: none')\n",
        &setup("consumer"),
    );
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.fails(&["up"]);
    assert!(!said.contains('\u{1b}') && !said.contains('\r') && !said.contains('\u{7}'), "{said:?}");
    assert!(said.contains("all is well"), "{said}");
}
