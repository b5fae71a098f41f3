//! What goes wrong at night: each fault ends in a clear error or in recovery, and nothing is lost.

use std::io::Write;
use std::net::TcpListener;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::mesh::{Mesh, http};

fn stderr_of(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_port_that_somebody_else_holds_is_named() {
    let mesh = Mesh::soapa();
    let taken = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = taken.local_addr().expect("address").port();
    mesh.expect(&["configure", "store", "-c", &format!("port={port}")]);
    let output = mesh.run(&["up"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr_of(&output);
    assert!(said.contains(&port.to_string()) && said.contains("store"), "{said}");
    assert!(!mesh.status()["services"].to_string().contains("ready"), "nothing was started");
}

#[test]
fn a_nats_server_that_cannot_be_had_is_said_before_anything_starts() {
    let mesh = Mesh::soapa();
    let output = mesh
        .command(&mesh.project, &["up"])
        .env_remove("RESILMESH_NATS_SERVER")
        .env("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
        .env("PIP_RETRIES", "0")
        .env("PIP_CONFIG_FILE", "/dev/null")
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("resilmesh runs");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr_of(&output);
    assert!(said.contains("nats-server") && said.contains("hint"), "{said}");
    assert!(!mesh.status()["services"].to_string().contains("ready"), "nothing was started");
}

#[test]
fn a_mistake_in_vrl_is_shown_with_its_place_before_anything_starts() {
    let mesh = Mesh::soapa();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/products/vector");
    let own = mesh.project.join("products/vector");
    std::fs::create_dir_all(own.parent().expect("parent")).expect("folder");
    let copied = std::process::Command::new("cp").args(["-r", shipped]).arg(&own).status().expect("cp runs");
    assert!(copied.success());
    let template = own.join("templates/transforms/logs_to_ecs_events.vrl");
    let text = std::fs::read_to_string(&template).expect("template");
    std::fs::write(&template, text.replace(".event.kind = \"event\"", ".event.kind = parse_sislog(.message)"))
        .expect("write");
    let output = mesh.run(&["up"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr_of(&output);
    assert!(said.contains("parse_sislog") && said.contains("logs_to_ecs_events.yaml:"), "{said}");
    assert!(!mesh.status()["services"].to_string().contains("ready"), "nothing was started");
}

#[test]
fn odd_lines_are_kept() {
    let mesh = Mesh::soapa();
    mesh.up();
    let megabyte = vec![b'x'; 1_000_000];
    let lines: [&[u8]; 4] =
        [b"<13>caf\xe9 \xff\xfe", b"no syslog at all", &megabyte, b"<134>CEF:0|a|b|c|d|e|5|src=203.0.113.5"];
    mesh.send_syslog(lines.into_iter());
    mesh.wait_for_count(4);
    let lengths: Vec<usize> = mesh.messages().iter().map(String::len).collect();
    assert!(lengths.contains(&1_000_000), "{lengths:?}");
}

#[test]
fn of_an_event_that_the_broker_refuses_for_its_size_the_beginning_is_kept() {
    let mesh = Mesh::soapa();
    mesh.up();
    // Each of these bytes takes six in JSON, and the line stands in the event twice.
    let mut line = b"<134>Nov 21 10:00:00 gw01 app[1]: big one ".to_vec();
    line.resize(1_000_000, 1);
    mesh.send_syslog([line.as_slice(), b"<134>Nov 21 10:00:00 gw01 app[1]: after it"].into_iter());
    mesh.wait_for_count(1);
    let monitor = mesh.port("bus", "monitor");
    mesh.wait_for("it is among the rejected", |_| {
        let (_, streams) = http(monitor, "/jsz?streams=true", None).expect("monitoring page");
        let streams: serde_json::Value = serde_json::from_str(&streams).expect("JSON");
        let streams = streams["account_details"][0]["stream_detail"].as_array().expect("streams").clone();
        streams.iter().any(|stream| stream["name"] == "logs_rejected" && stream["state"]["messages"] == 1)
    });
    assert_eq!(mesh.messages(), ["after it"]);
    assert_eq!(mesh.service("collector")["dropped"], 1);
}

#[test]
fn lines_over_the_limit_are_counted() {
    let mesh = Mesh::soapa();
    mesh.up();
    let too_long = vec![b'x'; 3_000_000];
    mesh.send_syslog([too_long.as_slice(), b"<134>Nov 21 10:00:00 gw01 app[1]: after it"].into_iter());
    mesh.wait_for_count(1);
    assert_eq!(mesh.messages(), ["after it"]);
    let dropped = mesh.service("collector")["dropped"].clone();
    assert!(dropped.as_u64() >= Some(1), "{dropped}");
}

#[test]
fn services_outlive_a_killed_supervisor_and_the_next_up_takes_them_over() {
    let mesh = Mesh::soapa();
    mesh.up();
    let before = mesh.status();
    let supervisor = mesh.supervisor().expect("supervisor");
    kill(supervisor, Signal::SIGKILL).expect("kill");

    mesh.send_syslog([b"<134>Nov 21 10:00:00 gw01 app[1]: while nobody watches".as_slice()].into_iter());
    mesh.wait_for_count(1);

    let plan = mesh.run(&["plan", "--detailed-exitcode"]);
    assert_eq!((plan.status.code(), plan.stdout.as_slice()), (Some(2), b"".as_slice()), "no service is touched");
    assert!(stderr_of(&plan).contains("takes over the services that run"), "{}", stderr_of(&plan));
    mesh.up();
    assert_eq!(mesh.run(&["plan", "--detailed-exitcode"]).status.code(), Some(0));
    let after = mesh.status();
    for (was, is) in
        before["services"].as_array().expect("services").iter().zip(after["services"].as_array().expect("services"))
    {
        assert_eq!((&was["pid"], "ready"), (&is["pid"], is["state"].as_str().unwrap_or_default()), "{is}");
    }
    assert_ne!(mesh.supervisor().expect("supervisor"), supervisor);
    mesh.kill("collector");
    mesh.wait_for("the collector is back", |mesh| mesh.service("collector")["restarts"] == 1);
}

#[test]
fn down_after_a_killed_supervisor_leaves_no_process() {
    let mesh = Mesh::soapa();
    mesh.up();
    let before = mesh.status();
    let supervisor = mesh.supervisor().expect("supervisor");
    kill(supervisor, Signal::SIGKILL).expect("kill");
    mesh.expect(&["down"]);
    for service in before["services"].as_array().expect("services") {
        let pid = Pid::from_raw(i32::try_from(service["pid"].as_i64().expect("pid")).expect("pid"));
        // Where nobody reaps orphans, an ended process stays as a zombie.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{service} still runs: {stat}");
    }
}

#[test]
fn a_full_disk_in_the_store_stops_nothing_but_the_flow_until_there_is_room() {
    let mesh = Mesh::soapa();
    // The store may not grow past this: its disk is full as far as it can see.
    mesh.expect(&["configure", "store", "-c", "min_free=1000TiB"]);
    mesh.expect(&["up", "--no-verify"]);
    let mut log = std::fs::File::create(mesh.log_file()).expect("log file");
    for n in 0..100 {
        writeln!(log, "2026-11-21 10:00:00 status installed package-{n}:amd64 1.0").expect("write");
    }
    mesh.wait_for("the sink is refused", |mesh| mesh.service("indexer")["errors"].as_u64() >= Some(1));
    assert_eq!(mesh.count(mesh.port("store", "http")), 0);
    mesh.expect(&["configure", "store", "-c", "min_free=1MiB"]);
    mesh.up();
    mesh.wait_for_count(100);
    assert_eq!(mesh.messages().len(), 100);
}
