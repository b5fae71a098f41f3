//! What is asked on a terminal, and only there.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::TestProject;

/// Far more than it takes, on a loaded machine too.
const DEADLINE: Duration = Duration::from_secs(30);

/// A program on a terminal of its own.
struct OnTerminal {
    child: std::process::Child,
    keyboard: File,
    screen: mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl OnTerminal {
    fn start(project: &TestProject, args: &[&str]) -> Self {
        let pair = nix::pty::openpty(None, None).expect("a terminal");
        let terminal = File::from(pair.slave);
        let stdio = || Stdio::from(terminal.try_clone().expect("the terminal can be shared"));
        let child = Command::new(env!("CARGO_BIN_EXE_resilmesh"))
            .args(args)
            .current_dir(project.root())
            .env_clear()
            .env("TERM", "xterm")
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .expect("the program can be started");
        let keyboard = File::from(pair.master);
        let mut picture = keyboard.try_clone().expect("the terminal can be shared");
        let (sender, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut part = [0; 1024];
            // Reading fails when the program has ended and the terminal is closed.
            while let Ok(length) = picture.read(&mut part) {
                if length == 0 || sender.send(part[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, screen, seen: String::new() }
    }

    fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.seen.contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            let part = self.screen.recv_timeout(left);
            let part = part.unwrap_or_else(|_| panic!("never saw `{text}`, only:\n{}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&part));
        }
    }

    fn type_line(&mut self, text: &str) {
        write!(self.keyboard, "{text}\r").expect("the terminal takes it");
    }
}

#[test]
fn a_required_setting_is_asked_for_until_the_answer_fits() {
    let project = TestProject::with(&[(
        "products/edr/definition.yaml",
        "settings:\n- {name: port, type: integer, required: true, description: Where it listens}\n- {name: region, required: true, default: eu}\n",
    )]);
    let mut terminal = OnTerminal::start(&project, &["add", "edr"]);
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
    let mut terminal = OnTerminal::start(&project, &["add", "edr", "-c", "port=1"]);
    terminal.wait_for("added `edr`");
    let mut terminal = OnTerminal::start(&project, &["configure", "edr", "--zone", "dmz"]);
    terminal.wait_for("configured `edr`");
    assert!(terminal.child.wait().expect("it ends").success());
}

#[test]
fn trust_is_asked_for_and_no_means_no() {
    let project = TestProject::with(&[("products/edr/definition.yaml", "{}\n"), ("products/edr/hooks.py", "x = 1\n")]);
    let repository = git2::Repository::init(project.root()).expect("a repository");
    repository.remote("origin", "https://example.org/mesh.git").expect("a remote");
    let mut terminal = OnTerminal::start(&project, &["trust"]);
    terminal.wait_for("is shared with https://example.org/mesh.git");
    terminal.wait_for("hooks.py  6 bytes");
    terminal.wait_for("let `edr` run on this machine?");
    terminal.type_line("n");
    terminal.wait_for("nothing was trusted");
    assert_eq!(terminal.child.wait().expect("it ends").code(), Some(1));
}
