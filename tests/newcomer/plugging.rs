//! Plugs that are there, and plugs that nobody sets up.

use insta::assert_snapshot;

use crate::common::TestProject;
use crate::common::python::hooks;

fn formats() -> TestProject {
    let project = TestProject::with(&[
        (
            "products/edr/definition.yaml",
            "produces: {alerts: [{format: cef, owns_both: true}, {format: ocsf, owns_both: true}]}\n",
        ),
        ("products/siem/definition.yaml", "consumes: {alerts: [{}]}\n"),
        ("instances/edr/e1/config.yaml", "name: e1\n"),
        ("instances/siem/s1/config.yaml", "name: s1\n"),
    ]);
    project.must(&["plug", "alerts", "e1", "s1", "-f", "cef"]);
    project
}

#[test]
fn another_format_changes_a_plug_that_is_there() {
    let project = formats();
    let file = "instances/edr/e1/plugs/s1/alerts.yaml";
    let before = project.read(file);
    assert!(before.contains("format: cef"), "{before}");
    project.write(file, format!("# ours\n{before}"));
    let said = project.says(&["plug", "alerts", "e1", "s1", "-f", "ocsf"]);
    assert!(said.contains("changed plug `e1` -> `s1`: alerts (push, ocsf)"), "{said}");
    assert_eq!(project.read(file), format!("# ours\n{before}").replace("cef", "ocsf"));
    let said = project.says(&["plug", "alerts", "e1", "s1", "-f", "ocsf"]);
    assert!(said.contains("is there already"), "{said}");
}

#[test]
fn a_format_that_does_not_go_changes_nothing() {
    let outcome = formats().refused(&["plug", "alerts", "e1", "s1", "-f", "leef"]);
    assert!(outcome.contains("error: formats differ: `alerts` cannot go as `leef`"), "{outcome}");
}

#[test]
fn an_integration_that_lacks_a_hook_is_not_made_again() {
    let project = TestProject::with(&[
        ("products/edr/definition.yaml", "produces: {alerts: [{}]}\n"),
        ("products/edr/integrations/siem/alerts_producer.yml", "format: cef\n"),
        ("products/siem/definition.yaml", "consumes: {alerts: [{}]}\n"),
        ("products/siem/hooks.py", &hooks("@setup_consumer()\ndef inlet(plug):\n    pass\n")),
        ("instances/edr/e1/config.yaml", "name: e1\n"),
        ("instances/siem/s1/config.yaml", "name: s1\n"),
    ]);
    assert_snapshot!(project.refused(&["plug", "alerts", "e1", "s1"]), @"
    -- stderr
    error: nobody sets up the ends of `alerts` between `e1` and `s1`: neither both products set up their own, nor one of them both
    hint: `resilmesh create hook edr setup alerts producer --target siem` begins a setup hook in the integration that is there; `renders` does as well
    -- exit 1
    ");
    project.must(&["create", "hook", "edr", "setup", "alerts", "producer", "--target", "siem"]);
    project.must(&["plug", "alerts", "e1", "s1"]);
}

#[test]
fn what_takes_commands_is_an_executor() {
    let project = TestProject::with(&[
        ("products/soar/definition.yaml", "triggers: {isolate: [{}]}\n"),
        ("products/siem/definition.yaml", "executes: {islate: [{}]}\n"),
        ("instances/soar/o1/config.yaml", "name: o1\n"),
        ("instances/siem/s1/config.yaml", "name: s1\n"),
    ]);
    assert_snapshot!(project.refused(&["plug", "isolate", "o1", "s1"]), @"
    -- stderr
    error: `s1` cannot be the executor of `isolate`: product `siem` does not have that topic
    hint: did you mean `islate`?
    -- exit 1
    ");
    project.write("products/siem/definition.yaml", "executes: {isolate: [{}]}\n");
    let outcome = project.refused(&["plug", "isolate", "o1", "s1"]);
    assert!(outcome.contains("`resilmesh create integration soar siem isolate trigger` begins one"), "{outcome}");
}
