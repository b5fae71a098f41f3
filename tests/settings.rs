//! Settings given without a terminal: on the command line, in files, on standard input.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::TestProject;
use insta::assert_snapshot;

const EDR: &str = "\
settings:
- {name: region, default: eu1}
- {name: port, type: integer}
- {name: zones, type: array, items: string}
- name: deep
  type: object
  properties:
  - {name: a, default: one}
  - {name: b, type: integer}
- {name: token, secret: true}
- {name: pin, secret: true}
- {name: extra, secret: true, required: false}
produces:
  alerts:
  - owns_both: true
";

fn project() -> TestProject {
    TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        ("products/edr/definition.yaml", EDR),
        (
            "products/edr/integrations/siem/alerts_producer.yml",
            "settings:\n- {name: stream, required: true}\n- {name: batch, type: integer, default: 10}\n",
        ),
        (
            "products/siem/definition.yaml",
            "consumes: {alerts: [{}]}\nsettings: [{name: zones, type: array, items: string}, {name: deep, type: object, properties: {a: {default: one}, b: {type: integer}}}, {name: label}]\n",
        ),
    ])
}

#[test]
fn a_new_instance_needs_its_secrets_before_anything_is_written() {
    let project = project();
    assert_snapshot!(project.refused(&["add", "edr"]), @"
    -- stderr
    error: `edr` needs secrets `pin`, `token`
    hint: `-s token` reads it from standard input; `resilmesh secret set edr_edr_token` sets it alone
    hint: `-s pin` reads it from standard input; `resilmesh secret set edr_edr_pin` sets it alone
    hint: a secret that one can do without says `required: false` where it is declared
    -- exit 1
    ");
    let before = project.files();
    assert_snapshot!(project.run_with(&["add", "edr", "-s", "token"], "t\n"), @"
    -- stderr
    error: `edr` needs secret `pin`
    hint: `-s pin` reads it from standard input; `resilmesh secret set edr_edr_pin` sets it alone
    hint: a secret that one can do without says `required: false` where it is declared
    -- exit 1
    ");
    assert_eq!(project.files(), before);
}

#[test]
fn entries_of_maps_are_set_one_by_one() {
    let project = project();
    project.must(&["add", "siem", "-c", "deep.b=5", "-c", "zones=x", "-c", "zones=y"]);
    assert_snapshot!(project.read("instances/siem/siem/config.yaml"), @r#"
    # yaml-language-server: $schema=../../../.resilmesh/schema/instances/siem.json
    name: siem
    product: siem
    settings:
      deep:
        a: one
        b: 5
      zones:
      - x
      - "y"
    "#);
    project.must(&["configure", "siem", "-c", "deep.a=two", "-c", "zones="]);
    assert_snapshot!(project.read("instances/siem/siem/config.yaml"), @"
    # yaml-language-server: $schema=../../../.resilmesh/schema/instances/siem.json
    name: siem
    product: siem
    settings:
      deep:
        a: two
        b: 5
    ");
    assert_snapshot!(project.refused(&["configure", "siem", "-c", "deep.c=1", "-c", "deep.b=x"]), @"
    -- stderr
    error: setting `deep.b` must be a whole number, but is the text `x`
    hint: also: product `siem` has no setting `deep.c`
    hint: did you mean `deep.a`?
    -- exit 1
    ");
}

#[test]
fn settings_come_from_files_and_standard_input() {
    let project = project();
    project.write("label.txt", "of two\nlines\n");
    project.write("all.yaml", "zones: [x, y]\ndeep: {b: 7}\nlabel: from the file\n");
    project.must(&["add", "siem", "-c", "@all.yaml", "-c", "label=@label.txt"]);
    assert_snapshot!(project.read("instances/siem/siem/config.yaml"), @r#"
    # yaml-language-server: $schema=../../../.resilmesh/schema/instances/siem.json
    name: siem
    product: siem
    settings:
      deep:
        a: one
        b: 7
      label: "of two\nlines"
      zones:
      - x
      - "y"
    "#);
    assert_snapshot!(project.run_with(&["configure", "siem", "-c", "@-"], "label: piped\n"), @"
    -- stderr
    configured `siem`
    -- exit 0
    ");
    assert!(project.read("instances/siem/siem/config.yaml").contains("label: piped\n"));
    project.run_with(&["configure", "siem", "-c", "zones=@-"], "a\nb\n");
    assert!(project.read("instances/siem/siem/config.yaml").contains("zones:\n  - a\n  - b\n"));
    project.must(&["configure", "siem", "-c", "label=@@home"]);
    assert!(project.read("instances/siem/siem/config.yaml").contains("label: \"@home\"\n"));
}

#[test]
fn what_cannot_be_read_changes_nothing() {
    let project = project();
    project.must(&["add", "siem"]);
    project.write("list.yaml", "- 1\n");
    project.write("broken.yaml", "a: [\n");
    project.write("odd.yaml", "lable: x\n");
    assert_snapshot!(project.refused(&["configure", "siem", "-c", "@nowhere.yaml"]), @"
    -- stderr
    error: file `nowhere.yaml` of option `-c @nowhere.yaml` cannot be read: No such file or directory (os error 2)
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["configure", "siem", "-c", "label=@home"]), @"
    -- stderr
    error: file `home` of option `-c label=@home` cannot be read: No such file or directory (os error 2)
    hint: a text that starts with `@` is given as `@@home`
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["configure", "siem", "-c", "@list.yaml"]), @"
    -- stderr
    error: `list.yaml` must be a map of settings, but is a list
    hint: it has a line `KEY: VALUE` for each setting
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["configure", "siem", "-c", "@broken.yaml"]), @"
    -- stderr
    broken.yaml:2:1: error: not valid YAML: while parsing a node, did not find expected node content [not-yaml]
    error: settings cannot be read from `broken.yaml`
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["configure", "siem", "-c", "@odd.yaml"]), @"
    -- stderr
    error: product `siem` has no setting `lable`
    hint: did you mean `label`?
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["configure", "siem", "-c", "@-", "-c", "label=@-"]), @"
    -- stderr
    error: standard input cannot be for `-c @-` and for `-c label=@-`
    hint: put one of them into a file
    -- exit 2
    ");
}

#[test]
fn a_plug_has_settings_of_its_own() {
    let project = project();
    project.write("products/edr/definition.yaml", "produces: {alerts: [{owns_both: true}]}\n");
    project.must(&["add", "edr"]);
    project.must(&["add", "siem"]);
    assert_snapshot!(project.refused(&["plug", "alerts", "edr", "siem"]), @"
    -- stderr
    instances/edr/edr/plugs/siem/alerts.yaml:1:1: error: setting `stream` of plug `alerts/edr/siem` is required [missing-setting]
    error: nothing is changed: the project would have a mistake with it
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["plug", "alerts", "edr", "siem", "-c", "steam=x"]), @"
    -- stderr
    error: plug `alerts/edr/siem` has no setting `steam`
    hint: did you mean `stream`?
    -- exit 1
    ");
    assert_snapshot!(project.run(&["plug", "alerts", "edr", "siem", "-c", "stream=main", "-c", "batch=10"]), @"
    -- stderr
    plugged `edr` -> `siem`: alerts (push)
    -- exit 0
    ");
    assert_snapshot!(project.read("instances/edr/edr/plugs/siem/alerts.yaml"), @"
    # yaml-language-server: $schema=../../../../../.resilmesh/schema/plug.json
    dst_instance: siem
    mode: push
    src_instance: edr
    topic: alerts
    settings:
      stream: main
    ");
    // What stands in the file stays when one setting changes.
    let file = "instances/edr/edr/plugs/siem/alerts.yaml";
    project.write(file, format!("# ours\n{}status: up\n", project.read(file)));
    assert_snapshot!(project.run(&["plug", "alerts", "edr", "siem", "-c", "batch=20"]), @"
    -- stderr
    changed plug `edr` -> `siem`: alerts (push)
    -- exit 0
    ");
    assert_snapshot!(project.read(file), @"
    # ours
    # yaml-language-server: $schema=../../../../../.resilmesh/schema/plug.json
    dst_instance: siem
    mode: push
    src_instance: edr
    topic: alerts
    settings:
      stream: main
      batch: 20
    status: up
    ");
}

#[test]
fn values_that_no_service_would_take_are_named_where_they_stand() {
    let project = TestProject::new();
    project.must(&["add", "nats", "bus"]);
    project.must(&["add", "elasticsearch", "store", "-c", "max_age=30d"]);
    assert_snapshot!(project.refused(&["configure", "store", "-c", "max_age=-5d"]), @"
    -- stderr
    error: setting `max_age` must be a time with `s`, `m`, `h`, `d` or `w`, such as `30d`, but is `-5d`
    -- exit 1
    ");
    let file = "instances/elasticsearch/store/config.yaml";
    project.write(file, project.read(file).replace("30d", "7 parsecs"));
    let file = "instances/nats/bus/config.yaml";
    project.write(file, format!("{}settings:\n  max_payload: huge\n  port: 70000\n", project.read(file)));
    assert_snapshot!(project.run(&["check"]), @r#"
    -- stdout
    instances/elasticsearch/store/config.yaml:5:12: error: setting `max_age` must be a time with `s`, `m`, `h`, `d` or `w`, such as `30d`, but is `7 parsecs` [setting-value]
      5 |   max_age: "7 parsecs"
        |            ^
    instances/nats/bus/config.yaml:5:16: error: setting `max_payload` must be a text such as `8MB`, but is `huge` [setting-value]
      5 |   max_payload: huge
        |                ^
    instances/nats/bus/config.yaml:6:9: error: setting `port` must be from 1 to 65535, but is `70000` [setting-value]
      6 |   port: 70000
        |         ^
    -- stderr
    error: the project has 3 mistakes
    hint: `resilmesh check --explain CODE` says why one of a code in brackets is one
    -- exit 1
    "#);
}
