//! `up` of a part speaks of that part.

use crate::common::python::working_pair;

#[test]
fn only_the_part_is_said_to_be_up() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.says(&["up", "s1", "l1"]);
    assert!(said.contains("this part of `mesh` is up after "), "{said}");
    project.must(&["down"]);
    let said = project.says(&["up"]);
    assert!(said.lines().any(|line| line.starts_with("`mesh` is up after ")), "{said}");
}

#[test]
fn one_step_that_was_skipped_is_one() {
    let project = crate::common::python::sensor_and_lake(
        "@setup_producer(order=1)\ndef first(plug):\n    raise OSError('closed')\n",
        &crate::common::python::setup("consumer"),
    );
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.fails(&["up"]);
    assert!(said.contains("1 step that waits for that was skipped; the rest is done"), "{said}");
}
