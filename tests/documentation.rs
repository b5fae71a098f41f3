//! Every command that the documentation shows is run: the `console` blocks of a page are one
//! session of a shell in a folder of its own, and each command must succeed. What a page shows below a
//! command is what the command prints; `...` stands for anything. A block with a path behind its
//! language (```` ```python products/edr/hooks.py ````) is a file, written at that moment.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use regex::Regex;

/// What a page has somebody do.
#[derive(Debug, PartialEq)]
enum Step {
    /// Run a command, which prints this, if that is shown.
    Run(String, Vec<String>),
    /// Write a file.
    File(String, Vec<String>),
}

/// The steps of a page, in order.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let block: Vec<String> = lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
        match info.split_once(' ') {
            Some((_, path)) => steps.push(Step::File(path.to_owned(), block)),
            None if info == "console" => {
                block.into_iter().for_each(|line| match (line.strip_prefix("$ "), steps.last_mut()) {
                    (Some(command), _) => steps.push(Step::Run(command.to_owned(), Vec::new())),
                    (None, Some(Step::Run(_, shown))) => shown.push(line),
                    _ => panic!("a console block begins with a command, not with {line:?}"),
                })
            }
            None => {}
        }
    }
    steps
}

/// Stands before what each step prints.
const MARK: &str = "\u{1}step ";

fn script(steps: &[Step]) -> String {
    // Whatever happens, nothing stays up.
    let mut script = "set -e\nexec 2>&1\ntrap 'for p in \"$HOME\"/*/.resilmesh; do [ -e \"$p/journal.json\" ] && resilmesh -C \"$p/..\" -q down || true; done; kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (index, step) in steps.iter().enumerate() {
        writeln!(script, "printf '{MARK}{index}\\n'").expect("a text");
        match step {
            Step::Run(command, _) => writeln!(script, "{command}").expect("a text"),
            Step::File(path, lines) => {
                let folder = Path::new(path).parent().expect("a file").display();
                writeln!(
                    script,
                    "mkdir -p './{folder}'\ncat >'{path}' <<'END-OF-FILE'\n{}\nEND-OF-FILE",
                    lines.join("\n")
                )
                .expect("a text");
            }
        }
    }
    script
}

/// Whether `printed` is what a page shows, `...` standing for anything.
fn is_shown(shown: &[String], printed: &str) -> bool {
    let mut pattern = "^".to_owned();
    for line in shown {
        if line == "..." {
            pattern.push_str("(.*\n)*");
        } else {
            let parts: Vec<String> = line.trim_end().split("...").map(regex::escape).collect();
            writeln!(pattern, "{} *", parts.join(".*")).expect("a text");
        }
    }
    Regex::new(&format!("{pattern}$")).expect("a pattern").is_match(printed)
}

fn runs(page: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join(page)).expect("page");
    let steps = steps(&text);
    assert!(steps.iter().any(|step| matches!(step, Step::Run(..))), "{page} shows no commands");
    let home = tempfile::Builder::new().prefix("rm-doc-").tempdir().expect("temporary folder");
    let binary = Path::new(env!("CARGO_BIN_EXE_resilmesh")).parent().expect("folder");
    let path = std::env::var("PATH").unwrap_or_default();
    std::fs::create_dir(home.path().join("run")).expect("folder");
    let who = "[user]\n\tname = Ann\n\temail = ann@example.org\n[init]\n\tdefaultBranch = main\n";
    std::fs::write(home.path().join(".gitconfig"), who).expect("configuration of git");
    let mut command = Command::new("bash");
    command
        .args(["-c", &script(&steps)])
        .current_dir(home.path())
        .env_clear()
        .env("PATH", format!("{}:{path}", binary.display()))
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path().join("run"))
        // The pages have it installed with pip.
        .env("PYTHONPATH", root.join("sdk/python/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let own = |name: &str| std::env::var(name).ok();
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        // Of who runs the tests: pages have Rust installed.
        command.env(name, own(name).unwrap_or_else(|| format!("{}/{folder}", own("HOME").unwrap_or_default())));
    }
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    if let Some(server) = std::env::var_os("RESILMESH_NATS_SERVER") {
        command.env("RESILMESH_NATS_SERVER", server);
    }
    let output = command.output().expect("bash runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut parts: Vec<(usize, &str)> = Vec::new();
    for part in printed.split(MARK).skip(1) {
        let (index, text) = part.split_once('\n').unwrap_or((part, ""));
        parts.push((index.parse().expect("a number"), text));
    }
    for (index, text) in &parts {
        if let Step::Run(command, shown) = &steps[*index]
            && !shown.is_empty()
            && !is_shown(shown, text)
        {
            panic!("{page}: `{command}` does not print what is shown, but\n{text}");
        }
    }
    let last = parts.last().map(|(index, text)| format!("{:?}\n{text}", steps[*index]));
    assert!(output.status.success(), "{page}: {}\n{}", output.status, last.unwrap_or_default());
    assert_eq!(parts.len(), steps.len(), "{page} was not run to its end");
}

#[test]
fn pages_are_read_as_they_are_meant() {
    let page = "# A\n```console\n$ a b\nout\n\n$ c\n```\ntext\n```python x/y.py\nz = 1\n```\n```yaml\na: 1\n```\n";
    let run = |command: &str, shown: &[&str]| {
        Step::Run(command.to_owned(), shown.iter().map(|line| (*line).to_owned()).collect())
    };
    assert_eq!(
        steps(page),
        [run("a b", &["out", ""]), run("c", &[]), Step::File("x/y.py".to_owned(), vec!["z = 1".to_owned()])]
    );
    let shown = ["one", "...", "port ... is (free)"].map(str::to_owned);
    assert!(is_shown(&shown, "one\ntwo\nthree\nport 1 is (free)\n"));
    assert!(is_shown(&shown, "one  \nport 1 is (free)\n"));
    assert!(!is_shown(&shown, "one\nport 1 is (free)\nmore\n"));
    assert!(!is_shown(&shown, "port 1 is (free)\n"));
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
fn the_commands_of_the_tour_of_operating_run() {
    runs("docs/operating.md");
}

#[test]
fn the_page_about_hooks_in_any_language_runs() {
    runs("docs/hooks-any-language.md");
}

#[test]
fn the_tutorial_for_operators_runs() {
    runs("docs/tutorial-operator.md");
}

#[test]
fn the_tutorial_for_vendors_runs() {
    runs("docs/tutorial-vendor.md");
}

#[test]
fn the_tutorial_for_integrators_runs() {
    runs("docs/tutorial-integrator.md");
}

#[test]
fn the_commands_of_the_page_on_hooks_in_rust_run() {
    runs("docs/rust-hooks.md");
}

#[test]
fn the_commands_of_the_page_on_testing_run() {
    runs("docs/testing.md");
}

#[test]
fn the_commands_of_the_page_on_modules_run() {
    runs("docs/modules.md");
}

#[test]
fn the_commands_of_the_page_on_environments_run() {
    runs("docs/profiles.md");
}

#[test]
fn the_commands_of_the_page_on_zones_run() {
    runs("docs/zones.md");
}
