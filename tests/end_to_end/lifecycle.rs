//! `up`, a look around, `down`: what a first user does by hand.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::mesh::Mesh;

/// Processes whose command line or current folder lies in this home.
fn processes_of(home: &Path) -> Vec<String> {
    let home = home.to_string_lossy().into_owned();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .filter_map(|entry| {
            let words = std::fs::read(entry.path().join("cmdline")).ok()?;
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            let folder = std::fs::read_link(entry.path().join("cwd")).ok()?;
            (words.contains(&home) || folder.starts_with(&home)).then_some(words)
        })
        .collect()
}

fn sockets_below(folder: &Path) -> Vec<String> {
    let output = Command::new("find").arg(folder).args(["-type", "s"]).output().expect("find runs");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn a_first_user_brings_it_up_looks_around_and_takes_it_down() {
    let mesh = Mesh::soapa();
    mesh.up();

    let status = mesh.status();
    assert_eq!((&status["schema"], &status["mesh"]), (&1.into(), &"soapa".into()));
    let services = status["services"].as_array().expect("services");
    let names: Vec<&str> = services.iter().filter_map(|service| service["instance"].as_str()).collect();
    assert_eq!(names, ["bus", "collector", "enrichment", "indexer", "store"]);
    for service in services {
        assert_eq!(service["state"], "ready", "{service}");
        assert_eq!(service["runtime"], "embedded");
        assert!(service["pid"].is_u64() && service["since"].is_string() && service["restarts"] == 0, "{service}");
    }
    let plugs: serde_json::Value = serde_json::from_str(&mesh.expect(&["list", "plugs", "--json"])).expect("JSON");
    let plugs = plugs["plugs"].as_array().expect("plugs");
    assert_eq!(plugs.len(), 7);
    assert!(plugs.iter().all(|plug| plug["state"] == "up"), "{plugs:?}");

    // A second `up` changes nothing.
    let pids = |status: &serde_json::Value| -> Vec<serde_json::Value> {
        status["services"].as_array().expect("services").iter().map(|service| service["pid"].clone()).collect()
    };
    mesh.up();
    assert_eq!(pids(&mesh.status()), pids(&status));

    // What `logger` sends is found by `search` and by curl's URL.
    let port = mesh.port("collector", "syslog").to_string();
    let sent = Command::new("logger")
        .args([
            "-n",
            "127.0.0.1",
            "-P",
            &port,
            "-T",
            "-t",
            "sshd",
            "Failed password for root from 203.0.113.9 port 4711 ssh2",
        ])
        .status()
        .expect("logger runs");
    assert!(sent.success());
    mesh.wait_for_count(1);
    let found = mesh.expect(&["search", "source.ip:203.0.113.9", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found["total"], 1, "{found}");
    let answer = mesh.store("/resilmesh-processed-events/_search?q=source.ip:203.0.113.0%2F24", None);
    assert_eq!(answer["hits"]["total"]["value"], 1, "{answer}");

    let home = mesh.home().to_owned();
    mesh.expect(&["down"]);
    assert_eq!(processes_of(&home), Vec::<String>::new());
    assert_eq!(sockets_below(&home), Vec::<String>::new());

    // The data is still there when it comes up again.
    mesh.up();
    mesh.wait_for_count(1);
}

#[test]
fn what_is_produced_into_a_plug_is_seen_by_watch_and_stored() {
    let mesh = Mesh::soapa();
    mesh.up();
    let mut watching = mesh
        .command(&mesh.project, &["watch", "enriched_events", "bus", "--from", "start", "--count", "2"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("watch runs");
    for line in ["<85>Jan  5 16:27:46 login[821]: pam_unix(login:auth): check pass; user unknown"] {
        let mut produce = mesh
            .command(&mesh.project, &["produce", "logs", "senders", "collector"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("produce runs");
        writeln!(produce.stdin.take().expect("stdin"), "{line}").expect("write");
        assert!(produce.wait().expect("ends").success());
    }
    let mut produce = mesh
        .command(&mesh.project, &["produce", "ecs_events", "collector", "bus"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("produce runs");
    writeln!(
        produce.stdin.take().expect("stdin"),
        r#"{{"event":{{"id":"produced-1"}},"message":"by hand","@timestamp":"2026-01-05T16:27:46Z"}}"#
    )
    .expect("write");
    let output = produce.wait_with_output().expect("ends");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "produced-1\n");

    mesh.wait_for_count(2);
    let watched = watching.stdout.take().map(std::io::read_to_string).expect("stdout").expect("UTF-8");
    assert!(watching.wait().expect("ends").success());
    let messages: Vec<serde_json::Value> =
        watched.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(messages.len(), 2, "{watched}");
    assert!(
        messages.iter().any(|event| event["message"] == "by hand" && event["event"]["id"] == "produced-1"),
        "{watched}"
    );
}

#[test]
fn a_plan_changes_nothing_and_says_what_up_will_do() {
    let mesh = Mesh::soapa();
    let files = |mesh: &Mesh| {
        let output = Command::new("find").arg(&mesh.project).output().expect("find runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let before = files(&mesh);
    let plan = mesh.expect(&["plan"]);
    for word in ["bus", "store", "collector", "enrichment", "indexer"] {
        assert!(plan.contains(word), "{plan}");
    }
    assert_eq!(files(&mesh), before);
    mesh.up();
    let again = mesh.run(&["plan"]);
    assert_eq!(String::from_utf8_lossy(&again.stderr), "nothing to do\n");
}
