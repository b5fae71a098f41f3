//! What is asked on a terminal, and only there.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::TestProject;
use common::terminal::OnTerminal;

#[test]
fn a_required_setting_is_asked_for_until_the_answer_fits() {
    let project = TestProject::with(&[(
        "products/edr/definition.yaml",
        "settings:\n- {name: port, type: integer, required: true, description: Where it listens}\n- {name: region, required: true, default: eu}\n",
    )]);
    let mut terminal = OnTerminal::start(&project.root(), &[], &["add", "edr"]);
    terminal.wait_for("Where it listens");
    terminal.wait_for("port");
    terminal.type_line("many");
    terminal.wait_for("must be a whole number");
    terminal.type_line("514");
    terminal.wait_for("region [eu]");
    terminal.type_line("");
    terminal.wait_for("added `edr`");
    assert!(terminal.child.wait().expect("it ends").success());
    assert_eq!(
        project.read("instances/edr/edr/config.yaml"),
        "name: edr\nproduct: edr\nsettings:\n  port: 514\n  region: eu\n"
    );
}

#[test]
fn nothing_is_asked_that_is_said() {
    let project = TestProject::with(&[(
        "products/edr/definition.yaml",
        "settings:\n- {name: port, type: integer, required: true}\n",
    )]);
    let mut terminal = OnTerminal::start(&project.root(), &[], &["add", "edr", "-c", "port=1"]);
    terminal.wait_for("added `edr`");
    let mut terminal = OnTerminal::start(&project.root(), &[], &["configure", "edr", "--zone", "dmz"]);
    terminal.wait_for("configured `edr`");
    assert!(terminal.child.wait().expect("it ends").success());
}

/// Settings of every type, as a vendor would declare them.
const ALL_TYPES: &str = "\
settings:
- {name: region, default: eu1, enum: [eu1, us2]}
- {name: key, secret: true}
- {name: port, type: [integer, 'null']}
- {name: tls, type: boolean, default: true}
- {name: zones, type: array, items: string}
- name: deep
  type: object
  title: Deep things
  properties:
  - {name: a, default: one}
  - {name: b, type: integer, title: The second}
- name: rules
  type: array
  items: {type: object, properties: {port: {type: integer, required: true}, open: {type: boolean}}}
- {name: weight, type: number}
";

/// Answers each question as it comes.
fn answer(terminal: &mut OnTerminal, answers: &[(&str, &str)]) {
    for (question, answer) in answers {
        if question.starts_with("Secret") {
            terminal.wait_for_hidden(question);
        } else {
            terminal.wait_for(question);
        }
        terminal.seen.clear();
        terminal.type_line(answer);
    }
}

#[test]
fn a_new_instance_is_asked_for_everything_in_the_order_declared() {
    let project = TestProject::with(&[("products/edr/definition.yaml", ALL_TYPES)]);
    let home = project.root();
    let variables = [("HOME", home.as_os_str())];
    let mut terminal = OnTerminal::start(&project.root(), &variables, &["add", "edr"]);
    answer(
        &mut terminal,
        &[
            ("region (eu1, us2) [eu1]", "eu3"),
            ("must be one of `eu1`, `us2`, but is `eu3`", "us2"),
            ("Secret `key` of `edr` (Enter leaves it out)", ""),
            ("port", "many"),
            ("must be a whole number", "514"),
            ("tls", "n"),
            ("zones, a line each, the last one blank", "x"),
            ("...", "y"),
            ("...", ""),
            ("  a [one]", ""),
            ("  The second", "5"),
            ("an item for rules?", "y"),
            ("  port", ""),
            ("it is needed", "1"),
            ("  open", "y"),
            ("another item for rules?", "n"),
            ("weight", ""),
        ],
    );
    terminal.wait_for("added `edr`");
    assert!(terminal.child.wait().expect("it ends").success());
    insta::assert_snapshot!(project.read("instances/edr/edr/config.yaml"), @r#"
    name: edr
    product: edr
    settings:
      deep:
        a: one
        b: 5
      port: 514
      region: us2
      rules:
      - open: true
        port: 1
      tls: false
      zones:
      - x
      - "y"
    "#);
    assert!(!project.has("secrets"), "no secret was given");

    // Enter keeps everything, also what is false, and lists.
    let before = project.read("instances/edr/edr/config.yaml");
    let mut terminal = OnTerminal::start(&project.root(), &variables, &["configure", "edr"]);
    answer(
        &mut terminal,
        &[
            ("region (eu1, us2) [us2]", ""),
            ("Secret `key`", ""),
            ("port [514]", ""),
            ("tls", ""),
            ("zones is x, y", ""),
            ("  a [one]", ""),
            ("  The second [5]", ""),
            ("an item for rules?", ""),
            ("weight", "0.5"),
        ],
    );
    terminal.wait_for("configured `edr`");
    assert_eq!(project.read("instances/edr/edr/config.yaml"), format!("{before}  weight: 0.5\n"));
}

#[test]
fn yes_takes_the_defaults() {
    let project = TestProject::with(&[("products/edr/definition.yaml", ALL_TYPES)]);
    let mut terminal = OnTerminal::start(&project.root(), &[], &["--yes", "add", "edr"]);
    terminal.wait_for("added `edr`");
    assert_eq!(project.read("instances/edr/edr/config.yaml"), "name: edr\nproduct: edr\n");
}

#[test]
fn a_new_plug_is_asked_for_its_settings() {
    let project = TestProject::with(&[
        ("products/edr/definition.yaml", "produces: {alerts: [{owns_both: true}]}\n"),
        (
            "products/edr/integrations/siem/alerts_producer.yml",
            "settings: [{name: stream, required: true}, {name: batch, type: integer, default: 10}]\n",
        ),
        ("products/siem/definition.yaml", "consumes: {alerts: [{}]}\n"),
    ]);
    project.must(&["add", "edr"]);
    project.must(&["add", "siem"]);
    let mut terminal = OnTerminal::start(&project.root(), &[], &["plug", "alerts", "edr", "siem"]);
    answer(&mut terminal, &[("stream", ""), ("it is needed", "main"), ("batch [10]", "20")]);
    terminal.wait_for("plugged `edr` -> `siem`");
    insta::assert_snapshot!(project.read("instances/edr/edr/plugs/siem/alerts.yaml"), @"
    dst_instance: siem
    mode: push
    src_instance: edr
    topic: alerts
    settings:
      batch: 20
      stream: main
    ");
    let mut terminal = OnTerminal::start(&project.root(), &[], &["plug", "alerts", "edr", "siem"]);
    terminal.wait_for("is there already");
}

#[test]
fn trust_is_asked_for_and_no_means_no() {
    let project = TestProject::with(&[("products/edr/definition.yaml", "{}\n"), ("products/edr/hooks.py", "x = 1\n")]);
    let repository = git2::Repository::init(project.root()).expect("a repository");
    repository.remote("origin", "https://example.org/mesh.git").expect("a remote");
    let home = project.root();
    let start = || OnTerminal::start(&project.root(), &[("HOME", home.as_os_str())], &["trust"]);
    let mut terminal = start();
    terminal.wait_for("is shared with https://example.org/mesh.git");
    terminal.wait_for("hooks.py  6 bytes");
    terminal.wait_for("let `edr` run on this machine; `--show` shows the texts? [y/N] ");
    assert!(
        !terminal.seen.contains("\u{1b}[?25l"),
        "whatever ends it now, the terminal is as it was: {}",
        terminal.seen
    );
    terminal.type_line("n");
    terminal.wait_for("nothing was trusted");
    assert_eq!(terminal.child.wait().expect("it ends").code(), Some(1));
    let mut terminal = start();
    terminal.wait_for("[y/N] ");
    terminal.type_line("yes");
    terminal.wait_for("trusted `edr`");
    assert!(terminal.child.wait().expect("it ends").success());
}
