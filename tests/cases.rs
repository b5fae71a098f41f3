//! `resilmesh test`: cases of the mesh and of products, as people see them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::process::Command;

use common::TestProject;
use insta::assert_snapshot;
use serde_json::Value;

const PRODUCT: &str = "description: reads numbers\n";
const PROGRAM: &str = ".n = to_int!(.message)\nif .n == 0 { abort }\n.odd = mod(int!(.n), 2) == 1\n";

fn with_program(cases: &str) -> TestProject {
    TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        ("products/numbers/definition.yaml", PRODUCT),
        ("products/numbers/templates/read.vrl", PROGRAM),
        ("products/numbers/tests/read.yaml", cases),
    ])
}

/// The times that cases took differ each time.
fn without_times(outcome: &str) -> String {
    let mut document: Value = serde_json::from_str(outcome).expect("JSON");
    for case in document["cases"].as_array_mut().expect("cases") {
        assert!(case["milliseconds"].is_u64(), "{case}");
        case["milliseconds"] = 0.into();
    }
    serde_json::to_string_pretty(&document).expect("JSON")
}

#[test]
fn the_programs_of_the_catalogue_do_what_their_tests_say() {
    let outcome = Command::new(env!("CARGO_BIN_EXE_resilmesh"))
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "test", "vector"])
        .env_clear()
        .env("HOME", "/nonexistent")
        .output()
        .expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&outcome.stdout), String::from_utf8_lossy(&outcome.stderr));
    assert!(outcome.status.success(), "{out}{err}");
    assert!(err.contains("9 cases passed"), "{err}");
}

#[test]
fn the_example_does_what_its_tests_say_and_nothing_is_left_behind() {
    let project = TestProject::example("soapa");
    let before = project.files();
    assert_snapshot!(project.run(&["test"]));
    assert_eq!(project.files(), before, "a test changes nothing");
}

#[test]
fn a_failure_shows_what_was_expected_and_what_came() {
    let project = with_program(
        "\
schema: 1
transform: read.vrl
cases:
  - name: an odd number
    line: '7'
    expect: {n: 7, odd: false, more: 1}
  - name: a whole event
    given: [{message: '8'}]
    expect:
      - exactly: {message: '8', n: 9, odd: false}
  - name: conditions
    given: ['1', '2']
    expect:
      - conditions: [.n == 1, 'assert_eq!(.odd, false, message: \"it is odd\")']
      - absent: [n]
  - name: no number
    line: seven
    expect: {n: 7}
  - name: refused as expected
    given: [seven, '0']
    rejected: [to_int, aborted]
  - name: nobody has said
    line: '7'
  - name: a number of events
    given: ['1', '2']
    count: 3
",
    );
    assert_snapshot!(project.run(&["test"]));
    assert_snapshot!(project.run(&["test", "numbers", "--filter", "refused"]), @r"
    -- stdout
    ok    products/numbers/tests/read.yaml:19:5: refused as expected
    -- stderr
    1 case passed
    -- exit 0
    ");
    let (code, out, _) = project.output(&["test", "--json", "products/numbers/tests/read.yaml", "--filter", "odd"]);
    assert_eq!(code, 1);
    assert_snapshot!(without_times(&out));
}

#[test]
fn an_update_writes_what_comes_out_and_keeps_the_rest() {
    let text = "\
# Numbers.
schema: 1
transform: read.vrl
cases:
  # one that is odd
  - name: odd
    line: '7' # seven
    expect: {n: 8, odd: true} # as it is
  - name: nobody has said
    given: ['1', '2']
";
    let project = with_program(text);
    let outcome = project.run(&["test", "--update"]);
    assert!(outcome.ends_with("2 cases passed, 2 expectations updated\n-- exit 0"), "{outcome}");
    assert_snapshot!(project.read("products/numbers/tests/read.yaml"));
    assert!(project.run(&["test"]).ends_with("2 cases passed\n-- exit 0"));
}

#[test]
fn mistakes_are_told_all_at_once_and_nothing_is_run() {
    let project = with_program(
        "\
schema: 2
transform: read.vlr
casess: []
cases:
  - line: x
  - name: nothing given
    expect: {a: 1}
  - name: both
    line: x
    expect: {fields: {a: 1}, b: 2}
    count: 1
  - name: of a mesh
    at: a -> b
    line: x
",
    );
    project.write(
        "tests/mesh.yaml",
        "schema: 1\ncases:\n- {name: nowhere, line: x}\n- {name: odd, at: a to b, line: x}\n",
    );
    assert_snapshot!(project.refused(&["test"]));
    project.write("tests/mesh.yaml", "schema: 1\ncases: []\n");
    let wrong = "schema: 1\ntransform: read.vlr\ncases:\n- name: a\n  line: x\n  expect: {conditions: [.a, 'x(']}\n";
    project.write("products/numbers/tests/read.yaml", wrong);
    assert_snapshot!(project.refused(&["test"]));
}

#[test]
fn programs_that_cannot_be_run_are_told() {
    let project = with_program(
        "schema: 1\ncases:\n- {name: a, transform: read.vrl, line: x}\n- {name: b, transform: made.vrl, line: x}\n",
    );
    project.write("products/numbers/templates/read.vrl", ".n = 1\n.m = to_int(.message)\n.o = nonsense(1)\n");
    project.write("products/numbers/templates/made.vrl", ".n = {{ settings.n }}\n");
    assert_snapshot!(project.refused(&["test"]));
}

#[test]
fn names_of_the_mesh_are_checked() {
    let project = TestProject::example("soapa");
    project.write(
        "tests/mesh.yaml",
        "\
schema: 1
cases:
  - {name: a, at: sender -> store, line: x}
  - {name: b, at: store -> senders, line: x}
  - {name: c, instance: collector, transform: logs_to_ecs, line: x}
  - {name: d, instance: bus, transform: x, line: x}
",
    );
    assert_snapshot!(project.refused(&["test"]));
    assert_snapshot!(project.refused(&["test", "vectr"]));
}

#[test]
fn the_report_for_ci_is_written() {
    let project = with_program(
        "schema: 1\ntransform: read.vrl\ncases:\n- {name: a <b>, line: '7', expect: {n: 8}}\n- {name: c, line: '7', expect: {n: 7}}\n",
    );
    project.fails(&["test", "--junit", "report.xml"]);
    let report = project.read("report.xml");
    for part in [
        "<testsuites name=\"resilmesh\" tests=\"2\" skipped=\"0\" failures=\"1\" errors=\"0\">",
        "<testcase name=\"a &lt;b&gt;\" classname=\"products/numbers/tests/read.yaml\"",
        "<failure message=\"n: expected 8, got 7\">n: expected 8, got 7</failure>",
        "<testcase name=\"c\"",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }
}
