//! The official Python clients against the mesh.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::mesh::{Mesh, python};

#[test]
fn the_official_elasticsearch_client_works_against_the_store() {
    let mesh = Mesh::soapa();
    mesh.up();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/engine/store/tests/python/store_client.py");
    let url = format!("http://127.0.0.1:{}", mesh.port("store", "http"));
    let output = Command::new(python()).args([script, &url]).output().expect("python runs");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn nats_py_as_an_instance_of_nats_client_receives_ecs_events() {
    let mesh = Mesh::soapa();
    mesh.expect(&["add", "nats_client", "lab"]);
    mesh.expect(&["plug", "ecs_events", "bus", "lab", "-m", "pull"]);
    mesh.up();
    let credentials: serde_json::Value =
        serde_json::from_str(&mesh.expect(&["show", "lab", "--credentials", "--json"])).expect("JSON");
    let credentials = &credentials["credentials"][0];
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/nats_client.py");
    let mut client = Command::new(python())
        .arg(script)
        .args([
            credentials["url"].as_str().expect("url"),
            credentials["user"].as_str().expect("user"),
            credentials["password_file"].as_str().expect("password file"),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut lines = BufReader::new(client.stdout.take().expect("stdout")).lines();
    assert_eq!(lines.next().expect("a line").expect("UTF-8"), "subscribed");
    mesh.send_syslog([b"<134>Nov 21 10:00:00 gw01 app[1]: for the lab".as_slice()].into_iter());
    let event: serde_json::Value = serde_json::from_str(&lines.next().expect("a line").expect("UTF-8")).expect("JSON");
    assert_eq!(event["message"], "for the lab");
    assert!(client.wait().expect("ends").success());
}
