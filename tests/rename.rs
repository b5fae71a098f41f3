//! `resilmesh rename`: an instance gets another name everywhere, or nothing changes.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::TestProject;
use insta::assert_snapshot;

/// An instance that others are plugged to, and that is plugged to others.
fn project() -> TestProject {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        (
            "products/edr/definition.yaml",
            "settings: [{name: key, secret: true, required: false}]\n\
             produces: {alerts: [{owns_both: true}]}\nconsumes: {alerts: [{owns_both: true}]}\n",
        ),
    ]);
    for name in ["a", "a_b", "c", "d"] {
        project.must(&["add", "edr", name]);
    }
    for (source, destination) in [("a", "d"), ("c", "a"), ("c", "a_b")] {
        project.must(&["plug", "alerts", source, destination]);
    }
    project.write(
        "instances/edr/c/plugs/a/alerts.yaml",
        "# ours\nsrc_instance: c\ndst_instance: a # the old one\ntopic: alerts\nowner: a\n",
    );
    project.write("instances/edr/a/notes.txt", "a stays a\n");
    project
}

fn yaml_files(project: &TestProject) -> Vec<String> {
    project.files().into_keys().filter(|path| path.starts_with("instances/") && !path.ends_with(".gitkeep")).collect()
}

#[test]
fn the_name_changes_everywhere() {
    let project = project();
    assert_snapshot!(project.run(&["rename", "a", "first"]), @"
    -- stderr
    changed `instances/edr/c/plugs/first/alerts.yaml`
    changed `instances/edr/first/config.yaml`
    changed `instances/edr/first/plugs/d/alerts.yaml`
    renamed `a` to `first`
    -- exit 0
    ");
    assert_snapshot!(yaml_files(&project).join("\n"), @"
    instances/edr/a_b/config.yaml
    instances/edr/c/config.yaml
    instances/edr/c/plugs/a_b/alerts.yaml
    instances/edr/c/plugs/first/alerts.yaml
    instances/edr/d/config.yaml
    instances/edr/first/config.yaml
    instances/edr/first/notes.txt
    instances/edr/first/plugs/d/alerts.yaml
    ");
    assert_snapshot!(project.read("instances/edr/c/plugs/first/alerts.yaml"), @"
    # ours
    src_instance: c
    dst_instance: first # the old one
    topic: alerts
    owner: first
    ");
    assert_snapshot!(project.read("instances/edr/first/config.yaml"), @"
    # yaml-language-server: $schema=../../../.resilmesh/schema/instances/edr.json
    name: first
    product: edr
    ");
    assert_snapshot!(project.run(&["list", "plugs"]), @"
    -- stdout
    Src Instance  Dst Instance  Topic   Mode  Format  State
    c             a_b           alerts  push  -       down
    c             first         alerts  push  -       down
    first         d             alerts  push  -       down
    -- exit 0
    ");
    assert_eq!(project.read("instances/edr/first/notes.txt"), "a stays a\n");
    let before = project.files();
    project.must(&["rename", "first", "first"]);
    assert_eq!(project.files(), before);
    assert_snapshot!(project.run(&["rename", "first", "a", "--json", "-q"]), @r#"
    -- stdout
    {
      "files": [
        "instances/edr/a/config.yaml",
        "instances/edr/a/plugs/d/alerts.yaml",
        "instances/edr/c/plugs/a/alerts.yaml"
      ],
      "instance": "a",
      "schema": 1,
      "secrets": [],
      "was": "first"
    }
    -- exit 0
    "#);
}

#[test]
fn test_cases_follow() {
    let project = project();
    let cases = "at: c -> a/alerts\ncases:\n  - {name: a to d, at: a -> d, line: a}\n  - {name: one, line: x}\n";
    project.write("tests/mesh.yaml", format!("# ours\n{cases}"));
    project.write("tests/other.yaml", "at: c -> a_b\ncases: []\n");
    project.write("tests/notes.txt", "a\n");
    let said = project.says(&["rename", "a", "first"]);
    assert!(said.contains("changed `tests/mesh.yaml`\n") && !said.contains("other.yaml"), "{said}");
    assert_snapshot!(project.read("tests/mesh.yaml"), @"
    # ours
    at: c -> first/alerts
    cases:
      - {name: a to d, at: first -> d, line: a}
      - {name: one, line: x}
    ");
    assert_eq!(project.read("tests/other.yaml"), "at: c -> a_b\ncases: []\n");
    assert_eq!(project.read("tests/notes.txt"), "a\n");
}

#[test]
fn a_name_that_cannot_be_changes_nothing() {
    let project = project();
    assert_snapshot!(project.refused(&["rename", "a", "c"]), @"
    -- stderr
    error: instance `c` is there already, of product `edr`
    hint: names are unique in a mesh: give another one
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["rename", "a", "../x"]), @"
    -- stderr
    error: instance name `../x` must start with a letter, a digit or `_`
    hint: names have letters, digits, `_`, `-` and `.`, and start with a letter, a digit or `_`
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["rename", "b", "x"]), @"
    -- stderr
    error: there is no instance `b`
    hint: did you mean `a`?
    -- exit 1
    ");
    // A folder that is no instance is in the way.
    project.write("instances/edr/x/keep.txt", "");
    assert_snapshot!(project.refused(&["rename", "a", "x"]), @"
    -- stderr
    error: the project cannot be changed: `[PLACE]/mesh/instances/edr/x` is there already
    -- exit 1
    ");
}

#[test]
fn what_is_up_keeps_its_name() {
    let project = project();
    let journal = |what: &str| format!("{{\"version\": 1, {what}}}");
    project.write(
        ".resilmesh/journal.json",
        journal(
            "\"plugs\": {\"alerts/c/a\": {\"plug\": {\"source\": \"c\", \"destination\": \"a\", \"topic\": \"alerts\", \"mode\": \"push\"}, \"digest\": \"x\"}}",
        ),
    );
    assert_snapshot!(project.refused(&["rename", "a", "first"]), @"
    -- stderr
    error: `a` is up, and what runs has that name
    hint: `resilmesh down` takes the mesh down; rename it then, and bring the mesh up again
    -- exit 1
    ");
    project.must(&["rename", "a_b", "second"]);
    project.write(".resilmesh/journal.json", journal("\"data\": [\"a\"]"));
    assert_snapshot!(project.refused(&["rename", "a", "first"]), @"
    -- stderr
    error: `a` has data on this machine, which lies under that name
    hint: `resilmesh down --volumes` deletes the data of all; `--leave-data` leaves it behind, unused
    -- exit 1
    ");
    project.must(&["rename", "a", "first", "--leave-data"]);
}

#[test]
fn secrets_are_renamed_with_it() {
    let project = project();
    for (name, value) in [
        ("edr_a_key", "of the instance"),
        ("edr_a_minted", "made by a hook"),
        ("c_a_alerts_push_token", "of a plug"),
        ("edr_a_b_key", "of another instance"),
        ("free", "of nobody"),
    ] {
        let set = project.run_with(&["secret", "set", name, "-"], value);
        assert!(set.ends_with("-- exit 0"), "{set}");
    }
    assert_snapshot!(project.run(&["rename", "a", "first"]), @"
    -- stderr
    warning: secret `edr_a_b_key` may be another's and keeps its name; if it is this one's, give it as `edr_first_b_key` (`resilmesh secret set edr_first_b_key`)
    changed `instances/edr/c/plugs/first/alerts.yaml`
    changed `instances/edr/first/config.yaml`
    changed `instances/edr/first/plugs/d/alerts.yaml`
    renamed secret `c_a_alerts_push_token` to `c_first_alerts_push_token`
    renamed secret `edr_a_key` to `edr_first_key`
    renamed secret `edr_a_minted` to `edr_first_minted`
    renamed `a` to `first`
    -- exit 0
    ");
    assert_snapshot!(project.run(&["secret", "list"]), @"
    -- stdout
    c_first_alerts_push_token
    edr_a_b_key
    edr_first_key
    edr_first_minted
    free
    -- exit 0
    ");
    assert_eq!(project.output(&["secret", "get", "edr_first_key"]).1, "of the instance\n");
    project.must(&["rename", "first", "last", "--keep-secrets"]);
    assert_eq!(project.output(&["secret", "get", "edr_first_key"]).1, "of the instance\n");
    project.run_with(&["secret", "set", "edr_d_key", "-"], "of the other");
    project.run_with(&["secret", "set", "edr_e_key", "-"], "left behind");
    assert_snapshot!(project.refused(&["rename", "d", "e"]), @"
    -- stderr
    error: there is a secret `edr_e_key` already, which `edr_d_key` would take the place of
    hint: take out the one that is not needed (`resilmesh secret rm edr_e_key`)
    hint: `--keep-secrets` renames the instance alone, without its secrets
    -- exit 1
    ");
}
