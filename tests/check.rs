//! `resilmesh check`. Each folder of `tests/invalid` is a project with something wrong, named after
//! it; what `check` does with it stands beside it in `expected.snap`.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{SOAPA, TestProject};
use insta::assert_snapshot;
use resilmesh::project::code::Code;
use serde_json::Value;

const SNAPSHOT: &str = "expected.snap";

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the cases are there").map(|entry| entry.expect("readable").path()).collect();
    cases.sort();
    cases
}

/// Copies a case as it stands, links as links.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("writable");
    for entry in std::fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_symlink() {
            std::os::unix::fs::symlink(path.read_link().expect("a link"), target).expect("writable");
        } else if path.is_dir() {
            copy(&path, &target);
        } else if !path.ends_with(SNAPSHOT) {
            std::fs::copy(&path, target).expect("writable");
        }
    }
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let cases = cases();
    assert!(cases.len() > 100, "the cases are there");
    for case in cases {
        let name = case.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let project = TestProject::empty_folder();
        copy(&case, &project.root());
        let outcome = project.run(&["check"]);
        assert!(outcome.starts_with("-- stdout\n"), "{name}: nothing is found\n{outcome}");
        let code = if name.starts_with("warning-") { "-- exit 0" } else { "-- exit 1" };
        assert!(outcome.ends_with(code), "{name}:\n{outcome}");
        insta::with_settings!({snapshot_path => &case, prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!("expected", outcome);
        });
    }
}

#[test]
fn the_example_is_without_mistakes() {
    let project = TestProject::example("soapa");
    let before = project.files();
    assert_snapshot!(project.run(&["check", "--strict", "--pipelines"]), @"
    -- stderr
    no mistakes in 7 instances and 7 plugs
    delivery to the end, where it is weakest: exactly once from 1 source, at most once from 1 source (`resilmesh check --guarantees` tells more)
    -- exit 0
    ");
    assert_eq!(project.files(), before, "nothing is written");
}

#[test]
fn warnings_are_mistakes_only_when_asked_for() {
    let project = TestProject::with(&[("resilmesh.yaml", "version: 1\n"), ("instances/syslog/s/config.yaml", "")]);
    assert_snapshot!(project.run(&["check"]), @"
    -- stdout
    instances/syslog/s/config.yaml:1:1: warning: nothing is plugged to `s` [unplugged]
      hint: `resilmesh plug TOPIC SOURCE DESTINATION` connects it
    -- stderr
    no mistakes in 1 instance and 0 plugs, 1 warning
    -- exit 0
    ");
    assert_snapshot!(project.run(&["check", "--strict"]), @"
    -- stdout
    instances/syslog/s/config.yaml:1:1: warning: nothing is plugged to `s` [unplugged]
      hint: `resilmesh plug TOPIC SOURCE DESTINATION` connects it
    -- stderr
    error: the project has 1 warning, which `--strict` does not allow
    -- exit 1
    ");
}

#[test]
fn findings_can_be_read_by_machines() {
    let project = TestProject::with(&[("resilmesh.yaml", "version: 1\n"), ("instances/natz/bus/config.yaml", "")]);
    let (code, out, err) = project.output(&["check", "--json"]);
    assert_eq!(code, 1, "{err}");
    assert_snapshot!(out, @r#"
    {
      "findings": [
        {
          "code": "unknown-product",
          "column": 1,
          "file": "instances/natz/bus/config.yaml",
          "hint": "did you mean `nats`?",
          "line": 1,
          "severity": "error",
          "what": "instance `bus` is of product `natz`, which does not exist",
          "why": "products come from the project, from catalogues in `resilmesh.lock`, and from those built in"
        }
      ],
      "schema": 1
    }
    "#);
    let document: Value = serde_json::from_str(&out).expect("JSON");
    let code = document["findings"][0]["code"].as_str().expect("a code");
    assert!(project.prints(&["check", "--explain", code]).contains("products come from the project"));
    for code in Code::ALL {
        let explained: Value =
            serde_json::from_str(&project.prints(&["check", "--json", "--explain", code.word()])).expect("JSON");
        assert_eq!(explained["why"], code.why());
    }
    let all = project.prints(&["check", "--explain"]);
    assert_eq!(all.lines().count(), Code::ALL.len());
    assert!(all.contains(&format!("{}: {}\n", Code::SettingValue.word(), Code::SettingValue.why())), "{all}");
    let all: Value = serde_json::from_str(&project.prints(&["check", "--explain", "--json"])).expect("JSON");
    assert_eq!(all["codes"].as_array().map(Vec::len), Some(Code::ALL.len()));
    assert_snapshot!(project.run(&["check", "--explain", "unknown-produkt"]), @"
    -- stderr
    error: no finding has the code `unknown-produkt`
    hint: did you mean `unknown-product`?
    -- exit 2
    ");
}

#[test]
fn only_what_is_in_the_named_files_is_told() {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        ("instances/natz/bus/config.yaml", ""),
        ("instances/nats/other/config.yaml", "settings: {prt: 1}\n"),
    ]);
    let (_, of_one, _) = project.output(&["check", "instances/natz"]);
    assert!(of_one.contains("natz/bus") && !of_one.contains("nats/other"), "{of_one}");
    let (code, of_file, _) = project.output(&["-C", "instances", "check", "nats/other/config.yaml"]);
    assert!(code == 1 && of_file.contains("nats/other") && !of_file.contains("natz"), "{of_file}");
    let (code, _, _) = project.output(&["check", "resilmesh.yaml"]);
    assert_eq!(code, 0, "nothing is wrong with that file");
    assert_snapshot!(project.run(&["check", "missing"]), @"
    -- stderr
    error: `missing` cannot be opened: No such file or directory (os error 2)
    hint: PATH is a file or folder of the project, as it is called from here
    -- exit 2
    ");
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let outside = elsewhere.path().to_string_lossy().into_owned();
    let (code, _, err) = project.output(&["check", "resilmesh.yaml", &outside]);
    assert!(code == 2 && err.contains("is not in the project"), "{err}");
}

#[test]
fn from_outside_a_path_names_the_project() {
    let project = TestProject::with(&[("resilmesh.yaml", "version: 1\n"), ("instances/natz/bus/config.yaml", "")]);
    let place = project.home().to_string_lossy().into_owned();
    let (code, out, err) = project.output(&["-C", &place, "check", "mesh"]);
    assert!(code == 1 && out.starts_with("instances/natz/bus/config.yaml:1:1: error"), "{out}{err}");
}

/// Whoever may not read a file is told so. Root may read everything, so it becomes somebody else.
#[test]
fn a_file_without_rights_is_told() {
    let project = TestProject::with(&[("resilmesh.yaml", "version: 1\n"), ("instances/nats/bus/config.yaml", "")]);
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its owner may");
    };
    mode(project.home(), 0o755);
    mode(&project.root().join("instances/nats/bus/config.yaml"), 0o000);
    let mut program = PathBuf::from(env!("CARGO_BIN_EXE_resilmesh"));
    let root = is_root();
    if root {
        // Its own folder may be closed to others.
        let copied = project.home().join("resilmesh");
        std::fs::copy(&program, &copied).expect("a copy");
        program = copied;
    }
    let mut command = Command::new(&program);
    command.arg("check").current_dir(project.root()).env_clear().env("HOME", project.home());
    if root {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().expect("it runs");
    let out = String::from_utf8_lossy(&output.stdout);
    assert_snapshot!(out.trim_end(), @"
    instances/nats/bus/config.yaml:1:1: error: cannot be read: Permission denied (os error 13) [unreadable]
      hint: give yourself the right to read it: `chmod u+r`, or `chown`
    ");
    assert_eq!(output.status.code(), Some(1));
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

#[test]
fn a_file_that_is_too_large_is_told() {
    let project = TestProject::with(&[("resilmesh.yaml", "version: 1\n")]);
    project.write("instances/nats/bus/config.yaml", format!("# {}\n", "x".repeat(1 << 20)));
    assert_snapshot!(project.run(&["check"]), @"
    -- stdout
    instances/nats/bus/config.yaml:1:1: error: larger than 1024 KiB [unreadable]
      hint: put large data elsewhere, and its path into a setting
    -- stderr
    error: the project has 1 mistake
    hint: `resilmesh check --explain CODE` says why one of a code in brackets is one
    -- exit 1
    ");
}

#[test]
fn no_secret_that_stands_in_the_project_is_repeated() {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        (
            "products/edr/definition.yaml",
            "settings:\n- {name: token, secret: true}\n- name: tls\n  type: object\n  properties: [{name: key, secret: true}]\n",
        ),
        (
            "instances/edr/a/config.yaml",
            "settings:\n  token: hunter2\n  tokn: hunter2\n  tls: {key: hunter2}\napi_key: hunter2\n",
        ),
        ("instances/edr/b/config.yaml", "settings: {token: hunter2}\napi: hunter2\napi: hunter2\n"),
    ]);
    for command in [&["check"][..], &["check", "--json"], &["plan"], &["show", "a"]] {
        let outcome = project.run(command);
        assert!(!outcome.contains("hunter2"), "{outcome}");
    }
}

#[test]
fn a_wrong_pipeline_is_told_when_asked_for() {
    let project = TestProject::example("soapa");
    let (code, out, _) = project.output(&["check", "--pipelines"]);
    assert!(code == 0 && out.is_empty(), "{out}");
    // A product of the project goes before the built-in one.
    let products = Path::new(env!("CARGO_MANIFEST_DIR")).join("products/vector");
    copy(&products, &project.root().join("products/vector"));
    project
        .write("products/vector/templates/transforms/in_syslog.yaml", "type: remap\ninputs: [none]\nsource: '.a = '\n");
    let (code, out, _) = project.output(&["check"]);
    assert_eq!(code, 0, "a template that renders is none of the engine's business: {out}");
    let (code, out, _) = project.output(&["check", "--pipelines"]);
    assert_eq!(code, 1);
    assert!(out.contains("error: the configuration of `collector` is wrong: "), "{out}");
    assert!(out.contains("in_logs__senders.yaml") && out.contains("[configuration]"), "{out}");
}

#[test]
fn a_pipeline_that_remembers_events_cannot_have_replicas() {
    let project = TestProject::example("soapa");
    project.write("instances/vector/indexer/config.yaml", "name: indexer\nproduct: vector\nreplicas: 3\n");
    let (code, out, _) = project.output(&["check", "--pipelines"]);
    assert!(code == 0 && out.is_empty(), "{out}");
    let products = Path::new(env!("CARGO_MANIFEST_DIR")).join("products/vector");
    copy(&products, &project.root().join("products/vector"));
    let template = "products/vector/templates/transforms/pre_elasticsearch.yaml";
    let text = project.read(template);
    let (head, _) = text.split_once("\n#").expect("a comment before the program");
    project.write(template, head.replace("remap", "dedupe") + "\nfields: {match: [event.id]}\n");
    let (code, out, _) = project.output(&["check", "--pipelines"]);
    assert_eq!(code, 1);
    assert!(
        out.starts_with("instances/vector/indexer/config.yaml:3:11: error: `indexer` cannot have 3 replicas"),
        "{out}"
    );
    assert!(out.contains("pre_enriched_events__store`: it remembers the events"), "{out}");
    assert!(out.contains("[replicas]"), "{out}");
    project.write("instances/vector/indexer/config.yaml", "name: indexer\nproduct: vector\n");
    assert_eq!(project.output(&["check", "--pipelines"]).0, 0, "alone it can");
}

#[test]
fn the_delivery_of_every_plug_and_way_is_told() {
    let project = TestProject::example("soapa");
    assert_snapshot!(project.run(&["check", "--guarantees"]), @"
    -- stdout
    Plug                                Delivery       Because
    ecs_events/bus/enrichment (pull)    at least once  an event is acknowledged when its enriched form is stored, and delivered again until then
    enriched_events/bus/indexer (pull)  at least once  an event is acknowledged when the next hop has it, and delivered again until then
    ecs_events/collector/bus            at least once  an event is sent again until the stream has answered, each time under its id
    enriched_events/enrichment/bus      at least once  an event is sent again until the stream has answered, each time under its id
    enriched_events/indexer/store       exactly once   an event is created under its id; one that comes again is refused as known
    logs/packages/collector (pull)      at least once  the offset moves only when the next hop has the line; a line read again keeps its id
    logs/senders/collector              at most once   syslog has no acknowledgement, and over UDP a datagram can be lost anywhere (`transport: tcp` waits instead)

    From      To     Delivery                 Weakest hop
    packages  store  exactly once in `store`  logs/packages/collector (pull) (at least once)
    senders   store  at most once             logs/senders/collector (at most once)
    -- stderr
    no mistakes in 7 instances and 7 plugs
    -- exit 0
    ");
    let document: Value = serde_json::from_str(&project.prints(&["check", "--guarantees", "--json"])).expect("JSON");
    let ways = document["guarantees"]["ways"].as_array().expect("a list");
    let way = |source: &str| ways.iter().find(|way| way["source"] == source).expect("a way");
    assert_eq!(way("packages")["delivery"], "exactly_once");
    assert_eq!(way("senders")["delivery"], "at_most_once");
    assert_eq!(way("senders")["weakest"]["plug"]["topic"], "logs");
    assert_eq!(way("senders")["hops"].as_array().map(Vec::len), Some(6));
    assert_eq!(document["guarantees"]["plugs"].as_array().map(Vec::len), Some(7));
}

#[test]
fn other_commands_tell_mistakes_the_same_way() {
    let project = TestProject::new();
    for command in SOAPA {
        project.must(command);
    }
    project.write("instances/nats/bus/config.yaml", "name: bus\nsettings: {durability: sometimes}\n");
    let (_, out, _) = project.output(&["check"]);
    let finding = out.trim_end();
    assert!(finding.contains("^"), "{finding}");
    for command in [&["plan"][..], &["up"], &["show", "bus"], &["show", "store"]] {
        let outcome = project.run(command);
        assert!(outcome.contains(finding), "resilmesh {}:\n{outcome}", command.join(" "));
    }
}

#[test]
fn modules_side_by_side_and_hooks_of_other_topics_are_warned_of() {
    let project = TestProject::example("soapa");
    // Beside the enrichment of the example.
    project.must(&["create", "product", "second", "--from", "module"]);
    project.must(&["add", "second"]);
    project.must(&["plug", "ecs_events", "bus", "second", "-m", "pull"]);
    project.must(&["plug", "enriched_events", "second", "bus"]);
    let path = "products/second/process.py";
    project.write(path, project.read(path).replace("\"ecs_events\"", "\"ecs_event\""));
    assert_snapshot!(project.run(&["check"]), @r#"
    -- stdout
    instances/second/second/plugs/bus/enriched_events.yaml:2:1: warning: `enrichment` and `second` both make `enriched_events` of `ecs_events`: of each event the bus keeps the result that comes first, since both have its id [module]
      2 | dst_instance: bus
        | ^
      hint: one behind the other, both work on it: let the first give to a topic of its own, and the second take that
    products/second/process.py:6:1: warning: the hook takes `ecs_event`, but the definition says nothing of that topic: plugs go by it [module]
      6 | @process("ecs_event", "enriched_events")
        | ^
      hint: let `consumes`, `produces` and the hook name the same topics
    -- stderr
    no mistakes in 8 instances and 9 plugs, 2 warnings
    delivery to the end, where it is weakest: exactly once from 1 source, at most once from 1 source (`resilmesh check --guarantees` tells more)
    -- exit 0
    "#);
    project.write(path, project.read(path).replace("@process", "@proces"));
    assert_snapshot!(project.run(&["check"]), @"
    -- stdout
    instances/nats/bus/plugs/second/ecs_events_pull.yaml:2:1: error: plug `ecs_events/bus/second (pull)` cannot work: its product has no `process` hook; `resilmesh hooks list` shows which it has [configuration]
      2 | dst_instance: second
        | ^
    instances/second/second/config.yaml:2:1: error: `second` cannot work: its product has no `process` hook; `resilmesh hooks list` shows which it has [configuration]
      2 | name: second
        | ^
    instances/second/second/plugs/bus/enriched_events.yaml:2:1: error: plug `enriched_events/second/bus` cannot work: its product has no `process` hook; `resilmesh hooks list` shows which it has [configuration]
      2 | dst_instance: bus
        | ^
    instances/second/second/plugs/bus/enriched_events.yaml:2:1: warning: `enrichment` and `second` both make `enriched_events` of `ecs_events`: of each event the bus keeps the result that comes first, since both have its id [module]
      2 | dst_instance: bus
        | ^
      hint: one behind the other, both work on it: let the first give to a topic of its own, and the second take that
    -- stderr
    error: the project has 3 mistakes, 1 warning
    hint: `resilmesh check --explain CODE` says why one of a code in brackets is one
    -- exit 1
    ");
}
