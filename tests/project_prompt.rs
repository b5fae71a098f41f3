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
    terminal.wait_for("added `edr`");
    assert!(terminal.child.wait().expect("it ends").success());
    assert_eq!(project.read("instances/edr/edr/config.yaml"), "name: edr\nproduct: edr\nsettings:\n  port: 514\n");
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
