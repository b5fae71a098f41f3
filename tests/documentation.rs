//! Every command that the documentation shows is run: the `console` blocks of a page are one
//! session of a shell in a folder of its own, and each command must succeed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::Command;

/// The commands of a page: lines that start with `$ ` in blocks marked `console`.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line.trim() {
            "```console" => inside = true,
            "```" => inside = false,
            _ => commands.extend(line.strip_prefix("$ ").filter(|_| inside).map(str::to_owned)),
        }
    }
    commands
}

fn runs(page: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join(page)).expect("page");
    let commands = commands(&text);
    assert!(!commands.is_empty(), "{page} shows no commands");
    let home = tempfile::Builder::new().prefix("rm-doc-").tempdir().expect("temporary folder");
    let binary = Path::new(env!("CARGO_BIN_EXE_resilmesh")).parent().expect("folder");
    let path = std::env::var("PATH").unwrap_or_default();
    // `set -v` shows each command before what it prints; whatever happens, nothing stays up.
    let script = format!(
        "set -ev\ntrap 'for p in \"$HOME\"/*/.resilmesh; do [ -d \"$p\" ] && resilmesh -C \"$p/..\" -q down; done' EXIT\n{}\n",
        commands.join("\n")
    );
    std::fs::create_dir(home.path().join("run")).expect("folder");
    let who = "[user]\n\tname = Ann\n\temail = ann@example.org\n";
    std::fs::write(home.path().join(".gitconfig"), who).expect("configuration of git");
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .current_dir(home.path())
        .env_clear()
        .env("PATH", format!("{}:{path}", binary.display()))
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path().join("run"));
    if let Some(server) = std::env::var_os("RESILMESH_NATS_SERVER") {
        command.env("RESILMESH_NATS_SERVER", server);
    }
    let output = command.output().expect("bash runs");
    assert!(
        output.status.success(),
        "{page}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_commands_of_the_readme_run() {
    runs("README.md");
}

#[test]
fn the_commands_of_the_tour_of_sharing_run() {
    runs("docs/sharing.md");
}

#[test]
fn the_commands_of_the_tour_of_making_run() {
    runs("docs/making.md");
}

#[test]
fn the_commands_of_the_page_on_testing_run() {
    runs("docs/testing.md");
}

#[test]
fn the_commands_of_the_page_on_environments_run() {
    runs("docs/profiles.md");
}
