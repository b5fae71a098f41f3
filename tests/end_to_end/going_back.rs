//! `up --rollback-on-failure` with services that run: one hook fails, and the mesh is as before.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::mesh::Mesh;

const CLOSED: &str = "\
from resilmesh.decorators import *


@setup_producer(owns_both=True)
def forward(plug):
    raise OSError('the tenant is closed')
";

/// The journal, and what services read.
fn there(mesh: &Mesh) -> (Value, BTreeMap<String, String>) {
    let state = mesh.project.join(".resilmesh");
    let journal = std::fs::read_to_string(state.join("journal.json")).expect("journal");
    let mut journal: Value = serde_json::from_str(&journal).expect("JSON");
    // What others were told stays told.
    journal.as_object_mut().expect("a map").remove("shared");
    let mut files = BTreeMap::new();
    collect(&state.join("rendered"), &mut files);
    (journal, files)
}

fn collect(folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("folder").flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), files);
        } else {
            let text = std::fs::read_to_string(entry.path()).expect("text");
            files.insert(entry.path().display().to_string(), text);
        }
    }
}

#[test]
fn an_up_that_fails_is_taken_back_and_events_still_flow() {
    let mesh = Mesh::soapa();
    mesh.up();
    let (before, bus) = (there(&mesh), mesh.service("bus")["pid"].clone());

    // A service that is new, one that is different, one less; and a tenant whose hook fails.
    mesh.expect(&["configure", "collector", "-c", "listen=127.0.0.2"]);
    mesh.expect(&["add", "nats_client", "lab"]);
    mesh.expect(&["plug", "ecs_events", "bus", "lab", "-m", "pull"]);
    let gone = mesh.project.join("instances/nats/bus/plugs/indexer");
    std::fs::remove_dir_all(gone).expect("there");
    let write = |path: &str, text: &str| {
        let path = mesh.project.join(path);
        std::fs::create_dir_all(path.parent().expect("a file")).expect("folder");
        std::fs::write(path, text).expect("write");
    };
    write("products/tenant/definition.yaml", "produces: {alerts: [{}]}\nconsumes: {alerts: [{}]}\n");
    write("products/tenant/hooks.py", CLOSED);
    write("instances/tenant/t1/config.yaml", "name: t1\n");
    write("instances/tenant/t2/config.yaml", "name: t2\n");
    mesh.expect(&["plug", "alerts", "t1", "t2"]);

    let failed = mesh.run(&["up", "--rollback-on-failure", "--wait-timeout", "120"]);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains("OSError: the tenant is closed"), "{said}");
    assert!(said.contains("the mesh is as it was before this `up`"), "{said}\n{}", mesh.logs());
    assert!(said.contains("restart collector") && said.contains("stop indexer"), "something was done: {said}");
    assert_eq!(there(&mesh), before);
    assert_eq!(mesh.service("bus")["pid"], bus, "what reloads goes on");

    mesh.send_syslog(
        [&b"<85>Jan  5 16:27:46 login[821]: pam_unix(login:auth): check pass; user unknown"[..]].into_iter(),
    );
    mesh.wait_for_count(1);
    let history: Value = serde_json::from_str(&mesh.expect(&["history", "--json"])).expect("JSON");
    assert_eq!(
        (&history["history"][0]["outcome"], &history["history"][0]["rolled_back"]),
        (&"failed".into(), &true.into())
    );
}

/// A copy of a folder, without what is compiled in.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("list").flatten() {
        let target = to.join(entry.file_name());
        if !entry.path().is_dir() {
            std::fs::copy(entry.path(), target).expect("copy");
        } else if entry.file_name() != "hooks" {
            copy(&entry.path(), &target);
        }
    }
}

#[test]
fn what_lets_no_event_pass_is_taken_back() {
    let mesh = Mesh::soapa();
    mesh.up();
    let before = there(&mesh);
    mesh.expect(&["add", "nats_client", "lab"]);
    mesh.expect(&["plug", "ecs_events", "bus", "lab", "-m", "pull"]);
    let own = mesh.project.join("products/vector");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("products/vector"), &own);
    std::fs::write(own.join("templates/transforms/logs_to_ecs_events.vrl"), "abort\n").expect("write");

    let failed = mesh.run(&["up", "--rollback-on-failure", "--wait-timeout", "30"]);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains("plug ecs_events/bus/lab (pull)"), "all steps were done: {said}");
    assert!(said.contains("the mesh is as it was before this `up`"), "{said}\n{}", mesh.logs());
    assert_eq!(there(&mesh), before);
    mesh.send_syslog(
        [&b"<85>Jan  5 16:27:46 login[821]: pam_unix(login:auth): check pass; user unknown"[..]].into_iter(),
    );
    mesh.wait_for("the line is stored", |mesh| mesh.messages().iter().any(|line| line.contains("check pass")));
}
