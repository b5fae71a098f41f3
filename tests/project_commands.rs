//! The commands that edit a project, each as a user sees it.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::{SOAPA, TestProject};
use insta::assert_snapshot;
use resilmesh::mesh::compile::compile;
use resilmesh::mesh::model::Mesh;
use resilmesh::project::load::load;
use resilmesh::project::position::{Mark, Position};

/// Products in Meshroom's style, as a vendor would write them.
const EDR: (&str, &str) = (
    "products/edr/definition.yaml",
    "settings:\n- name: region\n  default: eu1\n- name: port\n  type: integer\n- name: token\n  secret: true\n  required: false\n- name: tenant\n  required: true\n  description: Name of your tenant\nproduces:\n  alerts:\n  - format: cef\n    owns_both: true\n    renders: [{template: a.txt, to: a.txt}]\n  - mode: pull\n",
);
const SIEM: (&str, &str) = ("products/siem/definition.yaml", "consumes:\n  alerts:\n  - {}\n  - mode: pull\n");
const TEMPLATE: (&str, &str) = ("products/edr/templates/a.txt", "{{ instance.name }}\n");

fn vendors() -> TestProject {
    TestProject::with(&[EDR, SIEM, TEMPLATE, ("resilmesh.yaml", "version: 1\n")])
}

fn mesh(project: &TestProject) -> Mesh {
    let files = load(&project.root()).expect("the project can be opened");
    let (mut mesh, _) = compile(&files).expect("the project compiles");
    // Comments move lines.
    for at in mesh.instances.values_mut().map(|own| &mut own.at).chain(mesh.plugs.iter_mut().map(|own| &mut own.at)) {
        *at = Position::new(&at.file, Mark::START);
    }
    // A value may be written that is the default.
    mesh.instances.values_mut().for_each(|own| own.written.clear());
    mesh
}

#[test]
fn the_soapa_mesh_is_made_from_nothing() {
    let project = TestProject::new();
    project.write("resilmesh.yaml", "version: 1\nname: soapa\n");
    for command in SOAPA {
        project.must(command);
    }
    let (made, example) = (mesh(&project), mesh(&TestProject::example("soapa")));
    assert_eq!(made, example);
    assert_snapshot!(project.read("instances/logfile/packages/plugs/collector/logs_pull.yaml"), @"
    # yaml-language-server: $schema=../../../../../.resilmesh/schema/plug.json
    dst_instance: collector
    format: file
    mode: pull
    src_instance: packages
    topic: logs
    ");
}

#[test]
fn init_makes_a_project_that_git_can_keep() {
    let project = TestProject::empty_folder();
    assert_snapshot!(project.run(&["init", "--no-key", "soc"]), @r#"
    -- stderr
    made project `soc`
    made a git repository in `soc`
    warning: nothing is committed yet: git does not know who you are
    say who you are: `git config --global user.name "NAME"` and `git config --global user.email ADDRESS`; `resilmesh share` commits
    -- exit 0
    "#);
    let files: Vec<String> = project.files().into_keys().filter(|path| !path.contains("/schema/")).collect();
    assert_eq!(
        files,
        [
            "soc/.gitattributes",
            "soc/.gitignore",
            "soc/.resilmesh/.gitignore",
            "soc/README.md",
            "soc/instances/.gitkeep",
            "soc/products/.gitkeep",
            "soc/resilmesh.yaml"
        ]
    );
    assert_eq!(
        project.read("soc/resilmesh.yaml"),
        "# yaml-language-server: $schema=.resilmesh/schema/project.json\nname: soc\nversion: 1\n"
    );
    assert!(project.read("soc/.gitignore").contains("/.resilmesh/\n"));
    assert_snapshot!(project.run(&["init", "--no-key", "soc"]), @"
    -- stderr
    `soc` is a project already
    -- exit 0
    ");
}

#[test]
fn init_leaves_a_foreign_folder_alone() {
    let project = TestProject::with(&[("notes.txt", "mine\n")]);
    assert_snapshot!(project.refused(&["init"]), @"
    -- stderr
    error: folder `.` is not empty
    hint: give another one: `resilmesh init PATH`
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["init", "new", "--from", "soap"]), @"
    -- stderr
    error: there is no example `soap`
    hint: there is `soapa`
    -- exit 1
    ");
}

#[test]
fn without_a_project_every_command_says_how_to_make_one() {
    let project = TestProject::empty_folder();
    for command in [
        &["list", "plugs"][..],
        &["add", "nats"],
        &["configure", "bus"],
        &["remove", "bus"],
        &["plug", "a", "b", "c"],
        &["unplug", "a", "b", "c"],
    ] {
        assert_eq!(
            project.refused(command),
            "-- stderr\nerror: no project in `.`, nor in a folder above it\n\
             hint: `resilmesh init` makes one here; `-C DIR` names another folder\n-- exit 1"
        );
    }
    assert_snapshot!(project.refused(&["-C", "missing", "list", "plugs"]), @"
    -- stderr
    error: folder `missing` cannot be opened: No such file or directory (os error 2)
    -- exit 1
    ");
}

#[test]
fn a_project_is_found_from_a_folder_below() {
    let project = TestProject::example("soapa");
    let from_below = project.output(&["-C", "instances/nats/bus", "list", "instances"]);
    assert_eq!(from_below, project.output(&["list", "instances"]));
    assert_eq!(from_below.0, 0);
}

#[test]
fn add_types_settings_and_leaves_defaults_out() {
    let project = vendors();
    project.must(&[
        "add",
        "edr",
        "edr-1",
        "-c",
        "region=us=2",
        "-c",
        "port=8080",
        "-c",
        "tenant=acme",
        "--zone",
        "dmz",
    ]);
    assert_snapshot!(project.read("instances/edr/edr-1/config.yaml"), @r#"
    # yaml-language-server: $schema=../../../.resilmesh/schema/instances/edr.json
    name: edr-1
    product: edr
    settings:
      port: 8080
      region: "us=2"
      tenant: acme
    zone: dmz
    "#);
    project.must(&["add", "edr", "edr-2", "-c", "region=eu1", "-c", "tenant=acme"]);
    assert_snapshot!(project.read("instances/edr/edr-2/config.yaml"), @"
    # yaml-language-server: $schema=../../../.resilmesh/schema/instances/edr.json
    name: edr-2
    product: edr
    settings:
      tenant: acme
    ");
}

#[test]
fn add_refuses_what_does_not_fit_and_leaves_nothing_behind() {
    let project = vendors();
    assert_snapshot!(project.refused(&["add", "erd"]), @"
    -- stderr
    error: there is no product `erd`
    hint: did you mean `edr`?
    hint: `resilmesh list products` shows them all
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["add", "edr", "-c", "regoin=x", "-c", "port=many", "-c", "token=x", "-c", "tenant"]), @"
    -- stderr
    error: `tenant` has no `=`
    hint: settings are given as KEY=VALUE
    hint: also: setting `port` must be a whole number, but is the text `many`
    hint: also: product `edr` has no setting `regoin`
    hint: did you mean `region`?
    hint: also: setting `token` is secret and must not stand on a command line or in the project
    hint: `-s token` asks for it, or reads it from standard input
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["add", "edr"]), @"
    -- stderr
    instances/edr/edr/config.yaml:1:1: error: setting `tenant` of product `edr` is required [missing-setting]
      hint: Name of your tenant
    error: nothing is changed: the project would have a mistake with it
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["add", "edr", "a b", "-c", "tenant=x"]), @"
    -- stderr
    error: instance name `a b` has ` ` in it
    hint: names have letters, digits, `_`, `-` and `.`, and start with a letter, a digit or `_`
    -- exit 1
    ");
    project.must(&["add", "siem", "a.b"]);
    assert_snapshot!(project.refused(&["add", "siem", "a_b"]), @"
    -- stderr
    instances/siem/a_b/config.yaml:2:1: error: instances `a.b` and `a_b` both become `a_b` in names of components [names-clash]
      2 | name: a_b
        | ^
      hint: rename one of them
    error: nothing is changed: the project would have a mistake with it
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["add", "edr", "a.b", "-c", "tenant=x"]), @"
    -- stderr
    error: instance `a.b` is there already, of product `siem`
    hint: names are unique in a mesh: give another one
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["add", "siem", "--runtime", "docker"]), @"
    -- stderr
    instances/siem/siem/config.yaml:4:10: error: runtime `docker` is unknown [unknown-runtime]
      4 | runtime: docker
        |          ^
      hint: there is `embedded`
    error: nothing is changed: the project would have a mistake with it
    -- exit 1
    ");
}

#[test]
fn add_again_and_configure_change_settings_and_keep_comments() {
    let project = TestProject::example("soapa");
    project.must(&["add", "vector", "collector", "-c", "listen=0.0.0.0"]);
    assert_snapshot!(project.read("instances/vector/collector/config.yaml"), @r#"
    # yaml-language-server: $schema=../../../.resilmesh/schema/instances/vector.json
    # Takes log lines and makes ECS events of them.
    name: collector
    product: vector
    settings:
      # 0.0.0.0 takes lines of other machines as well.
      listen: "0.0.0.0"
    "#);
    project.must(&["configure", "enrichment", "-c", "providers=[local]"]);
    project.must(&["configure", "store", "-c", "index="]);
    assert!(!project.read("instances/elasticsearch/store/config.yaml").contains("index"));
    assert_snapshot!(project.refused(&["configure", "stroe", "-c", "index=x"]), @"
    -- stderr
    error: there is no instance `stroe`
    hint: did you mean `store`?
    -- exit 1
    ");
}

#[test]
fn a_file_that_cannot_be_read_is_never_written_over() {
    let project = TestProject::with(&[SIEM, ("instances/siem/siem-1/config.yaml", "name: [\n")]);
    assert!(project.refused(&["add", "siem", "siem-1"]).contains("config.yaml:"));
    assert!(project.refused(&["configure", "siem-1", "--zone", "dmz"]).contains("cannot be read"));
}

#[test]
fn plug_takes_the_mode_and_format_that_both_ends_have() {
    let project = vendors();
    project.must(&["add", "edr", "edr-1", "-c", "tenant=acme"]);
    project.must(&["add", "siem", "siem-1"]);
    assert_snapshot!(project.run(&["plug", "alerts", "edr-1", "siem-1"]), @"
    -- stderr
    plugged `edr-1` -> `siem-1`: alerts (push, cef)
    -- exit 0
    ");
    assert_snapshot!(project.run(&["plug", "alerts", "edr-1", "siem-1", "--mode", "push"]), @"
    -- stderr
    plug `alerts/edr-1/siem-1` is there already
    -- exit 0
    ");
    assert_snapshot!(project.run(&["list", "plugs"]), @"
    -- stdout
    Src Instance  Dst Instance  Topic   Mode  Format  State
    edr-1         siem-1        alerts  push  cef     down
    -- exit 0
    ");
    assert_snapshot!(project.run(&["unplug", "alerts", "edr-1", "siem-1"]), @"
    -- stderr
    instances/edr/edr-1/config.yaml:2:1: warning: nothing is plugged to `edr-1` [unplugged]
      2 | name: edr-1
        | ^
      hint: `resilmesh plug TOPIC SOURCE DESTINATION` connects it
    instances/siem/siem-1/config.yaml:2:1: warning: nothing is plugged to `siem-1` [unplugged]
      2 | name: siem-1
        | ^
      hint: `resilmesh plug TOPIC SOURCE DESTINATION` connects it
    unplugged `edr-1` -> `siem-1`: alerts
    -- exit 0
    ");
    assert!(!project.has("instances/edr/edr-1/plugs"), "empty folders go as well");
}

#[test]
fn plug_says_which_side_lacks_what() {
    let project = vendors();
    project.must(&["add", "edr", "edr-1", "-c", "tenant=acme"]);
    project.must(&["add", "siem", "siem-1"]);
    let refused = |args: &[&str]| project.refused(&[&["plug"], args].concat());
    assert_snapshot!(refused(&["alert", "edr-1", "siem-1"]), @"
    -- stderr
    error: `edr-1` cannot be the producer of `alert`: product `edr` does not have that topic
    hint: did you mean `alerts`?
    -- exit 1
    ");
    assert_snapshot!(refused(&["alerts", "siem-1", "edr-1"]), @"
    -- stderr
    error: `siem-1` cannot be the producer of `alerts`: product `siem` does not have that topic
    hint: `siem` produces nothing
    -- exit 1
    ");
    assert_snapshot!(refused(&["alerts", "edr-1", "siem-1", "-m", "pull"]), @"
    -- stderr
    error: nobody sets up the ends of `alerts` between `edr-1` and `siem-1`: neither both products set up their own, nor one of them both
    hint: `resilmesh create integration edr siem alerts producer --mode pull` begins one, with setup hooks or `renders`
    -- exit 1
    ");
    assert_snapshot!(refused(&["alerts", "edr-1", "siem-1", "-f", "leef", "-m", "push"]), @"
    -- stderr
    error: formats differ: `alerts` cannot go as `leef`, since `edr-1` gives `cef` and `siem-1` takes any format
    hint: put something between them that takes the one and gives the other
    -- exit 1
    ");
    assert_snapshot!(refused(&["alerts", "edr-1", "siem-9"]), @"
    -- stderr
    error: there is no instance `siem-9`
    hint: did you mean `siem-1`?
    -- exit 1
    ");
    assert_snapshot!(refused(&["alerts_pull", "edr-1", "siem-1"]), @"
    -- stderr
    error: topic `alerts_pull` ends in `_pull`, which says the mode in the name of a plug's file
    hint: names have letters, digits, `_`, `-` and `.`, and start with a letter, a digit or `_`
    -- exit 1
    ");
    assert!(refused(&["alerts", "edr-1", "siem-1", "-m", "sideways"]).ends_with("-- exit 2"));
}

#[test]
fn what_others_build_on_is_not_taken_out() {
    let project = TestProject::example("soapa");
    assert_snapshot!(project.refused(&["unplug", "ecs_events", "collector", "bus"]), @"
    -- stderr
    instances/nats/bus/plugs/enrichment/ecs_events_pull.yaml:3:1: error: `enrichment` takes `ecs_events` from `bus`, but nobody puts it in [loose-topic]
      3 | dst_instance: enrichment
        | ^
      hint: there is `enriched_events`
    error: nothing is changed: the project would have a mistake with it
    hint: take out first what builds on it, or use `--force`
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["remove", "collector"]), @"
    -- stderr
    error: plugs of other instances lead to `collector`: `logs/packages/collector (pull)`, `logs/senders/collector`
    hint: `--cascade` takes them out as well
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["unplug", "logs", "senders", "collector", "-m", "pull"]), @"
    -- stderr
    error: there is no plug of `logs` by pull from `senders` to `collector`
    hint: there is `logs/senders/collector`
    -- exit 1
    ");
    project.must(&["remove", "store", "--cascade"]);
    assert!(!project.has("instances/elasticsearch"));
    assert!(!project.has("instances/vector/indexer/plugs"));
    project.must(&["remove", "collector", "--cascade", "--force"]);
    assert!(!project.has("instances/vector/collector"));
    assert!(!project.has("instances/syslog/senders/plugs"));
}

#[test]
fn an_old_mistake_does_not_keep_a_project_from_being_edited() {
    let project = TestProject::with(&[SIEM, ("instances/nosuch/x/config.yaml", "name: x\n")]);
    project.must(&["add", "siem", "siem-1"]);
    assert!(project.has("instances/siem/siem-1/config.yaml"));
}

#[test]
fn lists_have_meshrooms_columns() {
    let project = TestProject::example("soapa");
    assert_snapshot!(project.run(&["list", "plugs"]));
    assert_snapshot!(project.run(&["list", "instances"]));
    assert_snapshot!(project.run(&["list", "instances", "-p", "vector", "ind"]));
    assert_snapshot!(project.run(&["list", "products", "--wide"]));
    assert_snapshot!(project.run(&["list", "integrations", "vector"]));
    assert_snapshot!(project.run(&["list", "--json", "plugs", "-t", "logs"]));
    for what in ["products", "integrations", "instances"] {
        let (code, out, _) = project.output(&["--json", "list", what]);
        let data: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!((code, &data["schema"]), (0, &1.into()));
        assert!(data[what].as_array().is_some_and(|rows| !rows.is_empty()), "{what}");
    }
    assert!(project.refused(&["list", "integrations", "vectro"]).contains("did you mean `vector`?"));
}

#[test]
fn a_broken_project_is_listed_as_far_as_it_can_be_read() {
    let project = TestProject::example("soapa");
    project.write("instances/vector/indexer/config.yaml", "name: [\n");
    let (code, out, err) = project.output(&["list", "instances"]);
    assert_eq!(code, 0);
    assert!(out.contains("collector") && !out.contains("indexer  "), "{out}");
    assert!(err.starts_with("instances/vector/indexer/config.yaml:"), "{err}");
}

#[test]
fn meshroom_projects_list_their_own_products_first() {
    let project = TestProject::with(&[EDR, SIEM, TEMPLATE]);
    assert_snapshot!(project.run(&["list", "products"]), @"
    -- stdout
    Name  Tags  Nb integrations  Instances
    edr   -     2                -
    siem  -     2                -
    -- exit 0
    ");
    assert!(project.run(&["list", "products", "--all"]).contains("vector"));
}

#[test]
fn the_completion_scripts_ask_the_program() {
    let project = TestProject::example("soapa");
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, err) = project.output(&["completion", shell]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("COMPLETE"), "{out}");
    }
}

#[test]
fn names_of_the_project_are_completed() {
    let project = TestProject::example("soapa");
    let complete = |words: &[&str]| {
        let args = [&["--", "resilmesh"], words].concat();
        let (code, out, err) = project.output_with(&args, &[("COMPLETE", "fish")]);
        assert_eq!((code, err.as_str()), (0, ""));
        out.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["plug", "e"]), ["ecs_events", "enriched_events"]);
    assert_eq!(complete(&["plug", "logs", "se"]), ["senders"]);
    assert_eq!(complete(&["add", "nats"]), ["nats", "nats_client"]);
    assert_eq!(complete(&["init", "--from", ""]), ["soapa"]);
}

#[test]
fn the_commands_of_the_examples_readme_are_those_tested_here() {
    let readme = TestProject::example("soapa").read("README.md");
    let told: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("resilmesh "))
        .filter(|line| line.starts_with("add ") || line.starts_with("plug "))
        .collect();
    assert_eq!(told, SOAPA.map(|command| command.join(" ")));
}

#[test]
fn what_is_up_is_shown_and_not_forgotten_without_a_word() {
    let project = TestProject::example("soapa");
    project.write(
        ".resilmesh/journal.json",
        r#"{"version": 1, "services": {"store": {"identity": "x", "needs": []}},
            "plugs": {"enriched_events/indexer/store": {"digest": "x", "plug":
                {"source": "indexer", "destination": "store", "topic": "enriched_events", "mode": "push"}}}}"#,
    );
    assert!(project.run(&["list", "plugs", "indexer"]).contains("push  -       up\n"));
    assert_snapshot!(project.run(&["unplug", "enriched_events", "indexer", "store"]), @"
    -- stderr
    warning: the plug is still up: the next `resilmesh up` or `resilmesh down` takes it down
    unplugged `indexer` -> `store`: enriched_events
    -- exit 0
    ");
    assert_snapshot!(project.run(&["remove", "store"]), @"
    -- stderr
    warning: `store` still runs: the next `resilmesh up` or `resilmesh down` stops it
    removed `store`
    -- exit 0
    ");
    project.write(".resilmesh/journal.json", "{");
    let (code, out, err) = project.output(&["list", "plugs"]);
    assert_eq!((code, out.lines().count()), (0, 7));
    assert!(err.starts_with("warning: what is up is not known: journal "), "{err}");
}

#[test]
fn who_searches_a_mesh_that_is_down_is_told_so() {
    let project = TestProject::new();
    project.must(&["add", "elasticsearch", "store"]);
    assert_snapshot!(project.refused(&["search", "alert"]), @"
    -- stderr
    error: `store` is not running
    hint: `resilmesh up` starts it
    -- exit 1
    ");
}
