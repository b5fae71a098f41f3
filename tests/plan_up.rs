//! `plan`, `up`, `show` and `down` on a small mesh of one real nats-server, as commands.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

const BUS: &str = "name: bus\nproduct: nats\n";
const SENDER: &str = "name: sender\nproduct: nats_client\n";
const LAB: &str = "name: lab\nproduct: nats_client\n";
const INTO: &str = "src_instance: sender\ndst_instance: bus\ntopic: events\nmode: push\n";
const OUT_OF: &str = "src_instance: bus\ndst_instance: lab\ntopic: events\nmode: pull\n";

/// A project whose mesh is taken down when the test ends.
struct Place {
    folder: tempfile::TempDir,
    /// Where programs are looked for; none = where this test's are.
    path: Option<&'static str>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let place = Self { folder, path: None };
        std::fs::create_dir_all(place.root().join("products")).expect("folder");
        std::fs::create_dir(place.folder.path().join("run")).expect("folder");
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(place.folder.path().join("run"), private).expect("mode");
        place.write("instances/nats/bus/config.yaml", BUS);
        place.write("instances/nats_client/sender/config.yaml", SENDER);
        place.write("instances/nats_client/lab/config.yaml", LAB);
        place.write("instances/nats_client/sender/plugs/bus/events.yaml", INTO);
        place.write("instances/nats/bus/plugs/lab/events_pull.yaml", OUT_OF);
        place
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("mesh")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().expect("a file")).expect("folder");
        std::fs::write(path, text).expect("write");
    }

    /// Exit code, standard output, standard error.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resilmesh"));
        command.args(args).current_dir(self.root()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.folder.path()).env("XDG_RUNTIME_DIR", self.folder.path().join("run"));
        match self.path {
            Some(path) => {
                command.env("PATH", path);
            }
            None => {
                command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
                command.envs(std::env::var_os("NATS_SERVER").map(|server| ("RESILMESH_NATS_SERVER", server)));
            }
        }
        let output = command.output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    fn must(&self, args: &[&str]) -> (String, String) {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "resilmesh {args:?}\n{out}{err}");
        (out, err)
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.must(args).0).expect("JSON")
    }
}

#[test]
fn a_mesh_goes_up_once_and_down_without_a_trace() {
    let place = Place::new();
    let (out, _) = place.must(&["plan"]);
    assert!(out.contains("start     bus -- new"), "{out}");
    assert!(!place.root().join(".resilmesh").exists(), "a plan changes nothing");
    assert_eq!(place.run(&["plan", "--detailed-exitcode"]).0, 2);

    place.must(&["up"]);
    let status = place.json(&["status", "--json"]);
    assert_eq!(status["services"][0]["state"], "ready", "{status}");
    let (_, err) = place.must(&["up"]);
    assert_eq!(err, "nothing to do\n");
    assert_eq!(place.run(&["plan", "--detailed-exitcode"]).0, 0);

    let credentials = place.json(&["show", "lab", "--credentials", "--json"]);
    let file = PathBuf::from(credentials["credentials"][0]["password_file"].as_str().expect("a path"));
    assert_eq!(std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
    assert_eq!(credentials["credentials"][0]["takes"][0]["consumer"], "lab");

    // A plug that is gone is undone while the rest stays up.
    let pid = status["services"][0]["pid"].clone();
    std::fs::remove_file(place.root().join("instances/nats/bus/plugs/lab/events_pull.yaml")).expect("remove");
    let (_, err) = place.must(&["up"]);
    assert!(err.contains("deleted consumer `lab` of stream `events`"), "{err}");
    assert_eq!(place.json(&["status", "--json"])["services"][0]["pid"], pid, "the bus was not restarted");

    // Down needs no readable project.
    place.write("resilmesh.yaml", ": [");
    let (code, _, err) = place.run(&["down", "--volumes"]);
    assert!(code != 0 && err.contains("`--yes` answers yes"), "{err}");
    assert!(place.root().join(".resilmesh/data/bus").exists(), "nothing is deleted unasked");
    place.must(&["down", "--volumes", "--yes"]);
    assert!(!place.root().join(".resilmesh/data/bus").exists());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(place.must(&["down"]).1, "nothing to do\n");
}

#[test]
fn a_port_that_is_asked_for_and_taken_is_named_with_its_holder() {
    let place = Place::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("address").port();
    place.write("instances/nats/bus/config.yaml", &format!("{BUS}settings:\n  port: {port}\n"));
    let (code, _, err) = place.run(&["up"]);
    assert_eq!(code, 1);
    let expected =
        format!("port {port}, which setting `port` of `bus` asks for, is taken by process {}", std::process::id());
    assert!(err.contains(&expected) && err.contains("instances/nats/bus/config.yaml:4:3: error: "), "{err}");
    assert!(err.contains(&format!("  port: {port}\n")), "the line is shown: {err}");
    assert!(!place.root().join(".resilmesh/journal.json").exists(), "nothing was begun");
}

#[test]
fn a_program_that_is_not_to_be_had_is_an_error_before_anything_starts() {
    let mut place = Place::new();
    place.path = Some("/nowhere");
    let (code, _, err) = place.run(&["up"]);
    assert_eq!(code, 1);
    assert!(err.contains("`nats-server` is not to be had"), "{err}");
    assert!(!place.root().join(".resilmesh/journal.json").exists(), "nothing was begun");
}

#[test]
fn a_damaged_journal_is_an_error_that_says_what_to_do() {
    let place = Place::new();
    place.write(".resilmesh/journal.json", "{\"version\": 1, \"serv");
    for command in ["up", "down", "plan"] {
        let (code, _, err) = place.run(&[command]);
        assert_eq!(code, 1, "{command}");
        assert!(err.contains("is damaged") && err.contains("journal.json.damaged"), "{command}: {err}");
    }
    std::fs::remove_file(place.root().join(".resilmesh/journal.json")).expect("remove");
}

#[test]
fn what_a_pipeline_cannot_run_is_shown_with_its_place_before_anything_starts() {
    let place = Place::new();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/products/vector");
    let own = place.root().join("products/vector");
    std::fs::create_dir_all(own.parent().expect("parent")).expect("folder");
    assert!(std::process::Command::new("cp").args(["-r", shipped]).arg(&own).status().expect("cp runs").success());
    // A product that does not say what the setting must be.
    let definition = std::fs::read_to_string(own.join("definition.yaml")).expect("readable");
    place.write(
        "products/vector/definition.yaml",
        &definition.replace("type: integer, minimum: 1, default", "type: integer, default"),
    );
    let settings = "settings: {max_line_bytes: -5}";
    place.write("instances/vector/collector/config.yaml", &format!("name: collector\nproduct: vector\n{settings}\n"));
    place.write("instances/syslog/senders/config.yaml", "name: senders\nproduct: syslog\n");
    for (path, plug) in [
        (
            "vector/collector/plugs/bus/ecs_events.yaml",
            "src_instance: collector\ndst_instance: bus\ntopic: ecs_events\n",
        ),
        ("syslog/senders/plugs/collector/logs.yaml", "src_instance: senders\ndst_instance: collector\ntopic: logs\n"),
        (
            "nats/bus/plugs/lab/ecs_events_pull.yaml",
            "src_instance: bus\ndst_instance: lab\ntopic: ecs_events\nmode: pull\n",
        ),
    ] {
        place.write(&format!("instances/{path}"), plug);
    }
    let (code, _, err) = place.run(&["up"]);
    assert_eq!(code, 1, "{err}");
    for part in ["configuration of `collector` is wrong", "src_logs__senders.yaml", "`-5`", "nothing was started"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    assert!(!place.root().join(".resilmesh/journal.json").exists(), "nothing was begun");
    let left: Vec<_> = std::fs::read_dir(place.root().join(".resilmesh")).expect("list").flatten().collect();
    assert!(!left.iter().any(|entry| entry.file_name().to_string_lossy().starts_with("check-")), "{left:?}");
}
