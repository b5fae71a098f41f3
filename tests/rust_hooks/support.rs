//! Products whose hooks are a crate, built in a folder that all these tests share.

use std::path::{Path, PathBuf};

use crate::common::TestProject;

/// A crate without anything but the SDK.
pub(crate) const MANIFEST: &str = "[package]\nname = \"sensor-hooks\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\nresilmesh-sdk = \"0.1\"\nserde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n\n[lints.rust]\nunsafe_code = \"forbid\"\n";

/// What each file of hooks begins with. `note` writes a line to `trace.log` in the project.
pub(crate) const HEAD: &str = "\
use resilmesh_sdk::*;

resilmesh_sdk::main!();

#[allow(dead_code)]
fn note(ctx: &Context, text: &str) {
    use std::io::Write;
    let path = ctx.project().join(\"trace.log\");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, \"{text}\").unwrap();
}

";

/// Where crates are built: the SDK once for all tests.
pub(crate) fn builds() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-hooks")
}

/// What the program needs to find cargo, and to build quickly.
pub(crate) fn variables() -> Vec<(String, String)> {
    let own = |name: &str| std::env::var(name).ok();
    let home = own("HOME").unwrap_or_default();
    let below_home = |name: &str, folder: &str| own(name).unwrap_or_else(|| format!("{home}/{folder}"));
    [
        ("PATH", own("PATH").unwrap_or_default()),
        ("CARGO_HOME", below_home("CARGO_HOME", ".cargo")),
        ("RUSTUP_HOME", below_home("RUSTUP_HOME", ".rustup")),
        ("RESILMESH_BUILD", builds().display().to_string()),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// The same, to be handed on.
pub(crate) fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// What a command did: exit code, standard output, standard error.
pub(crate) fn output(project: &TestProject, args: &[&str]) -> (i32, String, String) {
    project.output_with(args, &borrowed(&variables()))
}

/// Runs a command, which must succeed: what it prints, and what it says.
pub(crate) fn does(project: &TestProject, args: &[&str]) -> (String, String) {
    let (code, out, err) = output(project, args);
    assert_eq!(code, 0, "resilmesh {}\n{out}{err}", args.join(" "));
    (out, err)
}

/// Runs a command, which must fail: what it says.
pub(crate) fn fails(project: &TestProject, args: &[&str]) -> String {
    let (code, out, err) = output(project, args);
    assert_eq!(code, 1, "resilmesh {}\n{out}{err}", args.join(" "));
    err
}

/// A product `name` that produces events, with an instance `s1`, whose hooks are these; and a `lake` in Python
/// that consumes them, with an instance `l1`. Names differ from test to test: each is built once.
pub(crate) fn sensor(name: &str, hooks: &str) -> TestProject {
    let manifest = MANIFEST.replace("sensor-hooks", &format!("{name}-hooks"));
    let product = |path: &str| format!("products/{name}/{path}");
    TestProject::with(&[
        (
            &product("definition.yaml"),
            "produces: {events: [{}]}\ntriggers: {isolate: [{}]}\nexecutes: {isolate: [{}]}\n",
        ),
        (&product("hooks/Cargo.toml"), &manifest),
        (&product("hooks/src/main.rs"), &format!("{HEAD}{hooks}")),
        (&format!("instances/{name}/s1/config.yaml"), "name: s1\n"),
        ("products/lake/definition.yaml", "consumes: {events: [{}]}\nexecutes: {isolate: [{}]}\n"),
        ("products/lake/hooks.py", &crate::common::python::hooks(&crate::common::python::setup("consumer"))),
        ("instances/lake/l1/config.yaml", "name: l1\n"),
    ])
}
