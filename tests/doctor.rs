//! `resilmesh doctor`, with what it is to find really wrong. What it finds of keys is in `tests/secrets`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::TestProject;
use common::background::until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use resilmesh::plan::lock::Lock;
use serde_json::{Value, json};

/// What is found: level, message and hint of everything in an area.
fn found(project: &TestProject, area: &str) -> (i32, Vec<(String, String, String)>) {
    let (code, out, err) = project.output(&["doctor", "--json"]);
    let document: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    assert_eq!(document["schema"], 1);
    let findings = document["findings"].as_array().expect("a list");
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let of_area = findings.iter().filter(|one| one["area"] == area);
    (code, of_area.map(|one| (text(one, "level"), text(one, "message"), text(one, "hint"))).collect())
}

/// Everything below a folder, with its rights and content.
fn everything(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let seen = path.symlink_metadata().expect("it is there");
        let text = if seen.is_file() { fs::read(&path).expect("readable") } else { Vec::new() };
        all.push(format!("{} {:o} {text:?}", path.display(), seen.permissions().mode()));
        if seen.is_dir() {
            all.extend(everything(&path));
        }
    }
    all.sort();
    all
}

fn nats() -> String {
    std::env::var("RESILMESH_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned())
}

const BUS: [(&str, &str); 2] = [("resilmesh.yaml", "version: 1\n"), ("instances/nats/bus/config.yaml", "name: bus\n")];

#[test]
fn outside_of_a_project_it_looks_at_the_machine_alone() {
    let place = TestProject::empty_folder();
    let before = everything(place.home());
    let (code, out, err) = place.output(&["doctor"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.starts_with("ok    project   there is no project here: only the machine is looked at\n"), "{out}");
    assert!(out.contains("\nwarn  programs  `git` is not on PATH: the mesh cannot be shared or cloned\n"), "{out}");
    assert!(out.contains("\n                hint: install git\n"), "{out}");
    for area in ["memory", "clock"] {
        assert!(out.lines().any(|line| line.get(6..).is_some_and(|rest| rest.starts_with(area))), "{area}: {out}");
    }
    assert!(err.starts_with("nothing keeps the mesh from running: "), "{err}");
    assert_eq!(everything(place.home()), before, "nothing is changed");
}

#[test]
fn nothing_is_wrong_with_the_example_and_nothing_is_changed() {
    let project = TestProject::example("soapa");
    let before = everything(project.home());
    let nats = nats();
    let (code, out, err) = project.output_with(&["doctor"], &[("RESILMESH_NATS_SERVER", &nats)]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains(": 7 instances and 7 plugs, no mistakes\n"), "{out}");
    assert!(out.contains(&format!("(`{nats}`), for `bus`\n")), "{out}");
    assert!(out.contains("; 5 services to be started: about 512 MiB\n"), "{out}");
    assert_eq!(everything(project.home()), before, "nothing is changed");
}

#[test]
fn a_broken_project_does_not_keep_it_from_the_machine() {
    let project = TestProject::with(&[("resilmesh.yaml", "version: 1\n"), ("instances/natz/bus/config.yaml", "")]);
    let (code, out, err) = project.output(&["doctor"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("mesh` has 1 mistake: what the mesh needs is not looked at\n"), "{out}");
    assert!(out.contains("hint: `resilmesh check` names them\n") && out.contains("  clock "), "{out}");
    assert!(err.starts_with("error: `up` would fail: 1 of "), "{err}");
    let (code, _, err) = project.output(&["doctor", "--profile", "prod"]);
    assert!(code == 1 && err.contains("2 of "), "{err}");
}

#[test]
fn a_port_that_somebody_has_is_told_with_who_has_it() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let number = taken.local_addr().expect("an address").port();
    let project = TestProject::with(&BUS);
    let ports = json!({"version": 1, "ports": [{"instance": "bus", "name": "client", "number": number}]});
    project.write(".resilmesh/ports.json", ports.to_string());
    let holder = format!("is taken by process {} (", std::process::id());
    let (_, remembered) = found(&project, "ports");
    assert_eq!(remembered.len(), 1, "{remembered:?}");
    assert_eq!(remembered[0].0, "warn");
    assert!(remembered[0].1.starts_with(&format!("port {number}, which `client` of `bus` had before, {holder}")));
    project.write("instances/nats/bus/config.yaml", format!("settings: {{port: {number}}}\n"));
    let (code, asked) = found(&project, "ports");
    assert_eq!((code, asked[0].0.as_str()), (1, "bad"));
    let expected = format!("port {number}, which setting `port` of `bus` asks for, {holder}");
    assert!(asked[0].1.starts_with(&expected), "{asked:?}");
    assert!(asked[0].2.contains("`resilmesh configure bus -c port=NUMBER`"), "{asked:?}");
    drop(taken);
    assert_eq!(found(&project, "ports").1[0].0, "ok");
}

#[test]
fn who_holds_the_lock_is_told() {
    let project = TestProject::with(&BUS);
    fs::create_dir(project.root().join(".resilmesh")).expect("folder");
    fs::set_permissions(project.root().join(".resilmesh"), fs::Permissions::from_mode(0o700)).expect("ours");
    let held = Lock::take(&project.root().join(".resilmesh/lock"), "up").expect("free");
    let (code, locks) = found(&project, "locks");
    let expected = format!("the mesh is being changed by process {} (`resilmesh up`), since ", std::process::id());
    assert_eq!(code, 1);
    assert!(locks.iter().any(|(level, message, _)| level == "bad" && message.starts_with(&expected)), "{locks:?}");
    drop(held);
    let (_, locks) = found(&project, "locks");
    assert!(locks.iter().all(|(level, ..)| level != "bad"), "{locks:?}");
}

#[test]
fn what_a_product_needs_of_the_machine_is_looked_at() {
    let service = |program: &str, needs: &str| {
        format!("service: {{ready: {{control: true}}, embedded: {{program: {program}}}, needs: {needs}}}\n")
    };
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        ("instances/box/big/config.yaml", "name: big\n"),
        ("products/box/definition.yaml", &service("resilmesh", "{memory_mib: 1048576, max_map_count: 2147483647}")),
    ]);
    let (code, kernel) = found(&project, "kernel");
    assert_eq!((code, kernel[0].0.as_str()), (1, "bad"));
    assert!(kernel[0].1.ends_with("; `big` asks for 2147483647"), "{kernel:?}");
    assert!(kernel[0].2.contains("sysctl -w vm.max_map_count=2147483647"), "{kernel:?}");
    let (_, memory) = found(&project, "memory");
    assert_eq!(memory[0].0, "warn");
    assert!(memory[0].1.ends_with("1 service to be started: about 1048576 MiB"), "{memory:?}");
    project.write("products/box/definition.yaml", service("no-such-program", "{}"));
    let (code, programs) = found(&project, "programs");
    assert_eq!(code, 1);
    let missing = "program `no-such-program` is not on PATH, for `big`";
    assert!(programs.iter().any(|(level, message, _)| level == "bad" && message == missing), "{programs:?}");
}

#[test]
fn a_program_that_a_project_names_is_not_run() {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        ("instances/box/big/config.yaml", "name: big\n"),
        (
            "products/box/definition.yaml",
            "service: {ready: {control: true}, embedded: {program: own-program}}\nsettings: [{name: program}]\n",
        ),
    ]);
    let ran = project.home().join("ran");
    let program = project.home().join("own-program");
    fs::write(&program, format!("#!/bin/sh\necho 1.0 | tee '{}'\n", ran.display())).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
    let path = program.parent().expect("a folder").to_str().expect("text");
    let (_, out, err) = project.output_with(&["doctor"], &[("PATH", path)]);
    assert!(out.contains("own-program (`[PLACE]/own-program`), for `big`"), "{out}{err}");
    assert!(!ran.exists(), "it was run");
}

/// Takes a mesh down, whatever becomes of the test.
struct Up<'a>(&'a TestProject);

impl Drop for Up<'_> {
    fn drop(&mut self) {
        let _ = self.0.output(&["down", "--quiet"]);
    }
}

#[test]
fn what_another_mesh_has_is_told_and_so_is_a_supervisor_that_has_ended() {
    let (one, other) = (TestProject::with(&BUS), TestProject::with(&BUS));
    let nats = nats();
    let (code, out, err) = one.output_with(&["up", "--no-verify"], &[("RESILMESH_NATS_SERVER", &nats)]);
    let _up = Up(&one);
    assert_eq!(code, 0, "{out}{err}");
    let port = one.prints(&["port", "bus", "client"]).trim().to_owned();

    let (_, meshes) = found(&other, "meshes");
    let its_own = format!("the mesh in `{}` is up and has 2 ports: ", one.root().display());
    let told = meshes.iter().find(|(_, message, _)| message.starts_with(&its_own));
    assert!(told.is_some_and(|(_, message, _)| message.contains(&port)), "{meshes:?}");
    other.write("instances/nats/bus/config.yaml", format!("settings: {{port: {port}}}\n"));
    let (code, ports) = found(&other, "ports");
    assert_eq!((code, ports[0].0.as_str()), (1, "bad"));
    assert!(ports[0].1.ends_with(&format!("is taken by the mesh in `{}`", one.root().display())), "{ports:?}");

    let (_, of_itself) = found(&one, "meshes");
    assert!(!of_itself.iter().any(|(_, message, _)| message.starts_with(&its_own)), "{of_itself:?}");
    assert_eq!(found(&one, "ports").1[0].0, "ok");
    let supervisor = |start: &str| {
        let (_, locks) = found(&one, "locks");
        locks.into_iter().find(|(_, message, _)| message.starts_with(start)).unwrap_or_default()
    };
    let (level, message, _) = supervisor("the supervisor (process ");
    assert_eq!(level, "ok");
    let pid = message.split(['(', ',']).nth(1).and_then(|words| words.strip_prefix("process ")).expect("a process");
    kill(Pid::from_raw(pid.parse().expect("a number")), Signal::SIGKILL).expect("it runs");
    let ended = "the supervisor has ended, and 1 service runs on without it";
    until(|| "the supervisor is gone".to_owned(), || supervisor(ended).0 == "warn");
    // Other tests may have left some as well.
    let (_, locks) = found(&one, "locks");
    let sockets = locks.iter().find(|(_, message, _)| message.ends_with("left by supervisors that have ended"));
    assert!(sockets.is_some_and(|(level, _, hint)| level == "warn" && hint.contains("`rm -r ")), "{locks:?}");
}

#[test]
fn what_is_missing_for_services_and_plugs_is_told() {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        ("products/edr/definition.yaml", "produces: {alerts: [{owns_both: true}]}\n"),
        ("products/edr/integrations/siem/alerts_producer.yml", "settings: [{name: token, secret: true}]\n"),
        ("products/siem/definition.yaml", "consumes: {alerts: [{}]}\n"),
        ("instances/edr/edr/config.yaml", "name: edr\n"),
        ("instances/siem/siem/config.yaml", "name: siem\n"),
        (
            "instances/edr/edr/plugs/siem/alerts.yaml",
            "src_instance: edr\ndst_instance: siem\ntopic: alerts\nmode: push\n",
        ),
        ("instances/nats/bus/config.yaml", "name: bus\nsettings: {listen: 192.0.2.1}\n"),
    ]);
    let told = |level: &str, message: &str, hint: &str| (level.to_owned(), message.to_owned(), hint.to_owned());
    let expected = told(
        "warn",
        "plug `alerts/edr/siem` needs secret `edr_siem_alerts_push_token`, which the vault does not have",
        "`resilmesh secret set edr_siem_alerts_push_token`",
    );
    assert_eq!(found(&project, "secrets").1, [expected]);
    let (code, ports) = found(&project, "ports");
    assert_eq!((code, ports.len()), (1, 1), "{ports:?}");
    assert!(ports[0].1.starts_with("`bus` cannot listen on `192.0.2.1`: "), "{ports:?}");
    assert!(ports[0].2.ends_with("`resilmesh configure bus -c listen=ADDRESS`"), "{ports:?}");
}

#[test]
fn a_variable_that_names_no_such_program_is_told() {
    let project = TestProject::with(&BUS);
    let with = |value: &str| {
        let (code, out, err) = project.output_with(&["doctor"], &[("RESILMESH_NATS_SERVER", value)]);
        assert_eq!(code, 1, "{out}{err}");
        out
    };
    let missing = with("/nowhere/nats-server");
    assert!(
        missing.contains(
            "bad   programs  program `/nowhere/nats-server` (named by environment variable `RESILMESH_NATS_SERVER`) cannot be used: it is not there or may not be executed, for `bus`\n                hint: let `RESILMESH_NATS_SERVER` name one that is there, or unset it\n"
        ),
        "{missing}"
    );
    let another = with("/bin/true");
    assert!(
        another.contains("bad   programs  `/bin/true`, which `RESILMESH_NATS_SERVER` names, does not say that it is nats-server, for `bus`\n"),
        "{another}"
    );
}
