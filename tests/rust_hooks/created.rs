//! `create product --lang rust` and `create hook --lang rust`: crates that compile, and whose own tests pass.

use std::process::Command;

use crate::common::TestProject;
use crate::support::{borrowed, builds, does, fails, variables};

/// Runs the tests of a product's crate as its vendor does.
fn tests_pass(project: &TestProject, product: &str) {
    let manifest = project.root().join(format!("products/{product}/hooks/Cargo.toml"));
    let output = Command::new("cargo")
        .args(["test", "--offline", "--manifest-path"])
        .arg(manifest)
        .env_clear()
        .envs(borrowed(&variables()))
        .env("CARGO_TARGET_DIR", builds().join("tests"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{product}: {}{said}", String::from_utf8_lossy(&output.stdout));
    assert!(!said.contains("warning: unused"), "{said}");
}

#[test]
fn products_of_templates_compile_and_their_own_tests_pass() {
    let project = TestProject::new();
    // Producers, consumers, executors and triggers.
    for template in ["edr", "siem", "soar", "cti_feed"] {
        let product = format!("my_{template}");
        does(&project, &["create", "product", &product, "--from", template, "--lang", "rust"]);
        assert!(!project.has(&format!("products/{product}/hooks.py")));
        let (listed, said) = does(&project, &["hooks", "list", &product]);
        assert!(listed.contains("rust") && !listed.contains("python"), "{listed}");
        assert!(!said.contains("warning"), "{said}");
        tests_pass(&project, &product);
    }
    let (check, said) = does(&project, &["check"]);
    assert!(!said.contains("warning"), "{check}{said}");
}

#[test]
fn a_hook_is_added_to_a_crate_or_starts_one() {
    let project = TestProject::with(&[("products/mine/definition.yaml", "produces: {events: [{}]}\n")]);
    let create = ["create", "hook", "mine", "setup", "events", "producer", "--lang", "rust"];
    let (_, said) = does(&project, &create);
    assert!(said.contains("created `products/mine/hooks/Cargo.toml`"), "{said}");
    // From now on Rust is what its hooks are written in.
    for hook in [&["produce", "events"][..], &["watch", "events"], &["teardown", "events", "producer"], &["pull"]] {
        does(&project, &[&["create", "hook", "mine"], hook].concat());
    }
    let (_, again) = does(&project, &create);
    assert!(again.contains("has a function `setup_events_producer` already"), "{again}");
    let (listed, _) = does(&project, &["hooks", "list", "mine"]);
    assert_eq!(listed.lines().filter(|line| line.contains(" rust ")).count(), 5, "{listed}");
    tests_pass(&project, "mine");
    project.write("instances/mine/m1/config.yaml", "name: m1\n");
    let said = fails(&project, &["watch", "events", "m1"]);
    assert!(said.contains("watch_events: say where to look"), "{said}");
    assert!(said.contains("products/mine/hooks/src/main.rs:"), "{said}");
}

#[test]
fn hooks_are_built_without_being_called() {
    let project = TestProject::new();
    let said = fails(&project, &["hooks", "build"]);
    assert!(said.contains("there are no hooks in Rust to build"), "{said}");
    does(&project, &["create", "product", "built", "--from", "edr", "--lang", "rust"]);
    let (out, _) = does(&project, &["hooks", "build", "built", "--json"]);
    let programs: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let program = programs["programs"][0]["program"].as_str().expect("a path");
    assert!(std::path::Path::new(program).is_file(), "{program}");
}
