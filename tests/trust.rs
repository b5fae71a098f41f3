//! A repository of somebody else: looked at freely, run only after `resilmesh trust`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A product whose every part would leave a canary if it ran: the program of its service, asked for
/// its version too, hooks in Python and in Rust.
const DEFINITION: &str = "produces:\n  alerts:\n  - {}\nservice:\n  ready: {port: web}\n  ports: {web: 18080}\n  embedded: {program: PROGRAM, args: [--serve]}\npermissions:\n  hosts: [api.example.org]\n";

/// Eve's repository, and a clone of it on the user's machine.
struct Place {
    folder: tempfile::TempDir,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.run(&["down"], &[]);
    }
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("temporary folder") };
        std::fs::create_dir_all(place.path("run")).expect("folder");
        std::fs::set_permissions(place.path("run"), std::fs::Permissions::from_mode(0o700)).expect("mode");
        std::fs::create_dir(place.path("eve")).expect("folder");
        place.git("eve", &["init", "-q", "-b", "main"]);
        place.write("eve/resilmesh.yaml", "version: 1\nname: mesh\n");
        let program = place.path("mesh/products/evil/serve").display().to_string();
        place.write("eve/products/evil/definition.yaml", &DEFINITION.replace("PROGRAM", &program));
        let canary = place.path("canary").display().to_string();
        place.write("eve/products/evil/serve", &format!("#!/bin/sh\ntouch '{canary}'\n"));
        place.write("eve/products/evil/hooks.py", &format!("open('{canary}', 'w')\n"));
        place.write("eve/products/evil/hooks/Cargo.toml", "[package]\nname = 'hooks'\nversion = '0.0.0'\n");
        place.write(
            "eve/products/evil/hooks/build.rs",
            &format!("fn main() {{ std::fs::write(\"{canary}\", \"\").unwrap() }}\n"),
        );
        for hook in ["post-checkout", "pre-commit", "fsmonitor-watchman"] {
            place.write(&format!("eve/products/evil/.git_hooks/{hook}"), &format!("#!/bin/sh\ntouch '{canary}'\n"));
        }
        place.write("eve/instances/evil/evil-1/config.yaml", "name: evil-1\nproduct: evil\n");
        let serve = place.path("eve/products/evil/serve");
        std::fs::set_permissions(&serve, std::fs::Permissions::from_mode(0o755)).expect("mode");
        place.commit("eve", "eve");
        place
    }

    /// With the clone that the user makes.
    fn cloned() -> Self {
        let place = Self::new();
        place.git(".", &["clone", "-q", "eve", "mesh"]);
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a file")).expect("folder");
        std::fs::write(path, text).expect("write");
    }

    fn commit(&self, folder: &str, by: &str) {
        self.git(folder, &["add", "-A"]);
        let (name, email) = (format!("user.name={by}"), format!("user.email={by}@example.org"));
        self.git(folder, &["-c", &name, "-c", &email, "commit", "-q", "-m", "change"]);
    }

    fn git(&self, folder: &str, args: &[&str]) {
        let output = self.clean("git").args(args).current_dir(self.path(folder)).output();
        let output = output.unwrap_or_else(|error| panic!("git is needed: {error}"));
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn clean(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.folder.path()).env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("GIT_CONFIG_NOSYSTEM", "1").envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
        let mesh = self.path("mesh");
        let mut command = self.clean(env!("CARGO_BIN_EXE_resilmesh"));
        let output =
            command.args(args).args(["-C", &mesh.display().to_string()]).envs(variables.iter().copied()).output();
        let output = output.expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    fn must(&self, args: &[&str]) -> (String, String) {
        let (code, out, err) = self.run(args, &[]);
        assert_eq!(code, 0, "resilmesh {args:?}\n{out}{err}");
        (out, err)
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.must(args).0).expect("JSON")
    }

    /// `up` refuses, names this, runs nothing and changes nothing.
    fn up_refuses(&self, named: &[&str]) -> String {
        let before = self.state();
        let (code, out, err) = self.run(&["up", "--wait-timeout", "1s"], &[]);
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        for part in named {
            assert!(err.contains(part), "{part}: {err}");
        }
        assert!(!self.canary(), "something ran");
        assert_eq!(self.state(), before, "nothing is changed");
        err
    }

    /// `up` gets as far as running the program, which is none that becomes ready.
    fn up_runs(&self, variables: &[(&str, &str)]) {
        let (code, _, err) = self.run(&["up", "--wait-timeout", "1s"], variables);
        assert!(code == 1 && !err.contains("trust"), "{err}");
        assert!(self.canary(), "the program ran: {err}");
        self.must(&["down"]);
        std::fs::remove_file(self.path("canary")).expect("remove");
    }

    /// Names and times of what `up` keeps.
    fn state(&self) -> Vec<(PathBuf, std::time::SystemTime)> {
        let Ok(entries) = std::fs::read_dir(self.path("mesh/.resilmesh")) else { return Vec::new() };
        let time = |path: &Path| path.metadata().and_then(|seen| seen.modified()).expect("a time");
        let mut state: Vec<_> = entries.flatten().map(|entry| (entry.path(), time(&entry.path()))).collect();
        state.sort();
        state
    }

    fn canary(&self) -> bool {
        self.path("canary").exists()
    }
}

#[test]
fn looking_at_a_clone_runs_nothing_of_it() {
    let place = Place::cloned();
    // No other program runs either, whichever it would be.
    let canary = format!("#!/bin/sh\n: > '{}'\n", place.path("canary").display());
    for program in ["cargo", "cc", "git", "gpg", "nats-server", "pip", "python3", "rustc", "sh", "ssh"] {
        place.write(&format!("bin/{program}"), &canary);
        let program = place.path("bin").join(program);
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).expect("mode");
    }
    let path = place.path("bin").display().to_string();
    place.write("mesh/products/evil/\u{1b}[2Jx.py", "");
    for args in [
        &["list", "products"][..],
        &["list", "instances"],
        &["list", "plugs"],
        &["list", "integrations"],
        &["show", "evil-1"],
        &["status"],
        &["plan"],
        &["up", "--plan"],
        &["trust", "--list"],
        &["logs"],
    ] {
        let (code, out, err) = place.run(args, &[("PATH", &path)]);
        assert!(code == 0 && !place.canary(), "{args:?} ran something: {out}{err}");
        assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'), "{args:?}: {out}{err}");
    }
    let (out, err) = place.must(&["plan"]);
    assert!(out.contains("evil-1") && err.contains("`evil` is not trusted"), "{out}{err}");
    assert!(!place.path("mesh/.resilmesh").exists(), "nothing is written either");
}

#[test]
fn up_refuses_what_is_not_trusted_before_it_changes_anything() {
    let place = Place::cloned();
    let err = place.up_refuses(&[
        "products/evil/definition.yaml:1:1: error: product `evil` is not trusted",
        "the program `",
        "it lies in a project that is shared with",
        "`resilmesh trust evil` shows it",
    ]);
    let (code, out, err_trust) = place.run(&["trust", "evil"], &[]);
    assert_eq!(code, 2, "{err_trust}");
    assert!(err_trust.contains("`--yes` answers yes"), "{err_trust}");
    for part in [
        "hosts: api.example.org",
        "hooks.py  ",
        "hooks/build.rs  ",
        "serve  ",
        "bytes, executable",
        ".git_hooks/pre-commit",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    place.up_refuses(&[]);
    // The same hash in the refusal as in the list.
    let hash = place.json(&["trust", "--list", "--json"])["subjects"][0]["hash"].as_str().expect("hash").to_owned();
    assert!(err.contains(&hash), "{err}");
}

#[test]
fn trust_holds_until_a_byte_changes() {
    let place = Place::cloned();
    place.must(&["trust", "--yes"]);
    place.up_runs(&[]);
    assert_eq!(place.json(&["trust", "--list", "--json"])["subjects"][0]["state"], "trusted");

    let hooks = place.path("mesh/products/evil/hooks.py");
    let text = std::fs::read_to_string(&hooks).expect("read");
    std::fs::write(&hooks, format!("{text}import os \u{1b}[8m\n")).expect("write");
    place.write(
        "mesh/products/evil/definition.yaml",
        &std::fs::read_to_string(place.path("mesh/products/evil/definition.yaml"))
            .expect("read")
            .replace("[api.example.org]", "[api.example.org, \"*\"]"),
    );
    place.up_refuses(&["product `evil` has changed since it was trusted"]);
    let (_, out, _) = place.run(&["trust"], &[]);
    assert!(out.contains("new since") && out.contains("hosts: *\n"), "{out}");
    assert!(out.contains("--- before/hooks.py") && out.contains("\n+import os \\u{1b}[8m\n"), "{out}");
    assert!(!out.contains("/build.rs\n"), "what has not changed is not shown: {out}");

    place.must(&["trust", "evil", "--yes"]);
    place.up_runs(&[]);
    place.must(&["untrust", "evil"]);
    let (code, _, err) = place.run(&["up"], &[]);
    assert!(code == 1 && err.contains("is not trusted"), "{err}");
}

#[test]
fn trust_is_of_this_machine_and_bound_to_the_content() {
    let place = Place::cloned();
    place.must(&["trust", "--yes"]);
    let state = place.path(".local/state/resilmesh/trust");
    let files: Vec<_> = std::fs::read_dir(&state).expect("list").flatten().collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].metadata().expect("file").permissions().mode() & 0o777, 0o600);
    // Moved or cloned again it is the same.
    std::fs::rename(place.path("mesh"), place.path("gone")).expect("move");
    place.git(".", &["clone", "-q", "eve", "mesh"]);
    assert_eq!(place.json(&["trust", "--list", "--json"])["subjects"][0]["state"], "trusted");
    // What a clone brings counts for nothing.
    std::fs::remove_dir_all(&state).expect("remove");
    std::fs::create_dir_all(place.path("mesh/.local/state/resilmesh")).expect("folder");
    place.up_refuses(&["is not trusted"]);
}

#[test]
fn the_environment_can_trust_all_or_exactly_this() {
    let place = Place::cloned();
    let list = place.json(&["trust", "--list", "--json"]);
    let (whole, own) = (list["hash"].as_str().expect("hash"), list["subjects"][0]["hash"].as_str().expect("hash"));
    assert_ne!(whole, own);
    for wrong in [&"0".repeat(64), "yes", "all,all"] {
        let (code, _, err) = place.run(&["up"], &[("RESILMESH_TRUST", wrong)]);
        assert!(code == 1 && err.contains("trust") && !place.canary(), "{wrong}: {err}");
    }
    for right in ["all", whole, own, &format!("{},{own}", "0".repeat(64))] {
        place.up_runs(&[("RESILMESH_TRUST", right)]);
    }
    assert!(!place.path(".local/state/resilmesh/trust").exists(), "nothing is remembered of it");
}

#[test]
fn an_own_folder_needs_no_trust_until_others_commit() {
    let place = Place::new();
    place.git("eve", &["config", "user.email", "eve@example.org"]);
    std::fs::rename(place.path("eve"), place.path("mesh")).expect("move");
    assert_eq!(place.json(&["trust", "--list", "--json"])["subjects"][0]["state"], "own");
    place.up_runs(&[]);
    place.write("mesh/notes", "x");
    place.commit("mesh", "mallory");
    place.up_refuses(&["has commits by mallory@example.org"]);
    // Without a repository it is a folder like any other.
    std::fs::remove_dir_all(place.path("mesh/.git")).expect("remove");
    place.up_runs(&[]);
}

#[test]
fn links_that_lead_out_are_refused_by_name() {
    let place = Place::cloned();
    symlink("/etc/hostname", place.path("mesh/products/evil/data.txt")).expect("link");
    symlink("../../resilmesh.yaml", place.path("mesh/products/evil/other.txt")).expect("link");
    let named = [
        "products/evil/data.txt:1:1: error: a symbolic link leads out of the product, to `/etc/hostname`",
        "products/evil/other.txt",
    ];
    place.up_refuses(&named);
    let (code, _, err) = place.run(&["trust", "--yes"], &[]);
    assert!(code == 1 && named.iter().all(|part| err.contains(part)), "{err}");
    let refused = place.run(&["up"], &[("RESILMESH_TRUST", "all")]).2;
    assert!(refused.contains(named[0]) && !refused.contains("RESILMESH_TRUST"), "nothing makes it trusted: {refused}");
    let (_, err) = place.must(&["plan"]);
    assert!(err.contains("`resilmesh up` refuses until that is mended"), "{err}");
    assert!(!place.canary());
}

#[test]
fn the_texts_of_what_would_run_are_shown_on_demand() {
    let place = Place::cloned();
    place.write("mesh/products/evil/odd.py", "a = 1\u{1b}[2J\n");
    std::fs::write(place.path("mesh/products/evil/x.so"), [0xFF, 0, 1]).expect("writable");
    let (code, out, err) = place.run(&["trust"], &[]);
    assert!(code == 2 && !out.contains("touch"), "{out}");
    assert!(err.contains("let `evil` run on this machine; `--show` shows the texts?"), "{err}");
    let (_, out, _) = place.run(&["trust", "--show"], &[]);
    let canary = place.path("canary").display().to_string();
    assert!(out.contains(&format!("bytes, executable\n    | #!/bin/sh\n    | touch '{canary}'\n")), "{out}");
    assert!(out.contains("x.so  3 bytes\n    (no text, or too long to be kept: look at the file itself)\n"), "{out}");
    assert!(out.contains("    | a = 1") && !out.contains('\u{1b}'), "{out}");
    place.must(&["trust", "--yes"]);
    place.write("mesh/products/evil/odd.py", "a = 2\n");
    let (_, out, _) = place.run(&["trust", "--show"], &[]);
    assert!(out.contains("+a = 2\n") && out.contains("    | #!/bin/sh\n"), "{out}");
}

#[test]
fn the_doctor_says_what_is_not_trusted_and_runs_nothing() {
    let place = Place::cloned();
    let (code, out, err) = place.run(&["doctor"], &[]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("bad   trust     code of `evil` is not trusted; it lies in a project that "), "{out}");
    assert!(out.contains("hint: `resilmesh trust evil` shows it, and asks\n"), "{out}");
    assert!(!place.canary());
    place.must(&["trust", "--yes"]);
    let (_, out, _) = place.run(&["doctor"], &[]);
    assert!(out.contains("ok    trust     all code of products that is in use may run\n"), "{out}");
    assert!(!place.canary());
}

#[test]
fn an_instance_that_names_a_program_needs_trust_too() {
    let place = Place::cloned();
    std::fs::remove_dir_all(place.path("mesh/products/evil")).expect("remove");
    std::fs::remove_dir_all(place.path("mesh/instances/evil")).expect("remove");
    let program = place.path("mesh/tools/nats").display().to_string();
    place.write("mesh/tools/nats", &format!("#!/bin/sh\ntouch '{}'\n", place.path("canary").display()));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("mode");
    place.write(
        "mesh/instances/nats/bus/config.yaml",
        &format!("name: bus\nproduct: nats\nsettings:\n  program: {program}\n"),
    );
    place.must(&["plan"]);
    place.up_refuses(&[
        "instances/nats/bus/config.yaml:4:3: error: instance `bus` is not trusted",
        "resilmesh trust bus",
    ]);
    place.must(&["trust", "bus", "--yes"]);
    place.up_runs(&[]);
    place.write("mesh/tools/nats", "#!/bin/sh\n# another\n");
    place.up_refuses(&["instance `bus` has changed since it was trusted"]);
}

#[test]
fn a_product_runs_its_own_program_by_its_folder() {
    let place = Place::cloned();
    let path = "mesh/products/evil/definition.yaml";
    let own =
        |arg: &str| DEFINITION.replace("PROGRAM", "sh").replace("[--serve]", &format!("[\"{{{{ {arg} }}}}/serve\"]"));
    place.write(path, &own("prodct"));
    let (code, _, err) = place.run(&["plan"], &[]);
    let why = "argument `{{ prodct }}/serve`: undefined value (there is `control`, `data`, `files`, `product`)";
    assert!(code == 1 && err.contains(&format!("`evil-1` cannot be started: {why}")), "{err}");
    place.write(path, &own("product"));
    place.must(&["plan"]);
    place.must(&["trust", "--yes"]);
    place.up_runs(&[]);
}

#[test]
fn what_only_describes_needs_no_trust() {
    let place = Place::cloned();
    std::fs::remove_dir_all(place.path("mesh/products/evil")).expect("remove");
    place.write("mesh/products/evil/definition.yaml", "produces:\n  alerts:\n  - {}\n");
    let (_, err) = place.must(&["up"]);
    assert!(err.ends_with("\nnothing to do\n"), "{err}");
    let (_, err) = place.must(&["trust"]);
    assert!(err.starts_with("nothing to trust"), "{err}");
}

#[test]
fn permissions_are_typed() {
    let place = Place::cloned();
    place.write("mesh/products/evil/definition.yaml", "permissions:\n  host: [a]\n  paths: {a: b}\n");
    let (code, _, err) = place.run(&["plan"], &[]);
    assert_eq!(code, 1);
    assert!(err.contains("products/evil/definition.yaml:2:3: error: `permissions` has no key `host`"), "{err}");
    assert!(err.contains("definition.yaml:3:10: error: `paths` of `permissions` must be a list of texts"), "{err}");
}
