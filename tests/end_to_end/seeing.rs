//! What an operator sees of a mesh that is up: the way of an event, what others have changed, what a
//! plan would do to files.

use serde_json::Value;

use crate::mesh::Mesh;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The state of each hop of the one trace, by topic, source and destination.
fn states(trace: &Value) -> Vec<String> {
    let hops = trace["traces"][0]["hops"].as_array().expect("hops");
    let word = |hop: &Value, key: &str| hop[key].as_str().expect("a word").to_owned();
    let hop = |hop: &Value| {
        ["topic", "source", "destination", "state"].iter().map(|key| word(hop, key)).collect::<Vec<_>>().join(" ")
    };
    hops.iter().map(hop).collect()
}

#[test]
fn a_marked_event_is_shown_at_every_hop_and_leaves_nothing_in_the_store() {
    let mesh = Mesh::soapa();
    let early = mesh.run(&["trace"]);
    assert_eq!(early.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&early.stderr).contains("is not up"), "{early:?}");

    mesh.up();
    let port = mesh.port("store", "http");
    assert_eq!(mesh.count(port), 0, "what `up` has sent is deleted");
    let trace = json(&mesh.expect(&["trace", "senders", "--json", "--timeout", "60s"]));
    let states = states(&trace);
    assert_eq!(states.len(), 6, "{states:?}");
    assert!(states[0].starts_with("logs senders collector "), "{states:?}");
    assert_eq!(states[5], "enriched_events indexer store seen");
    assert!(states.iter().all(|state| state.ends_with(" seen") || state.ends_with(" passed")), "{states:?}");
    let last = &trace["traces"][0]["hops"][5];
    assert_eq!(last["event"]["tags"][0], "resilmesh_probe");
    assert!(last["seconds"].as_f64() > Some(0.0), "{last}");
    assert_eq!(mesh.count(port), 0, "the probe is deleted");

    // Files are written by others.
    let closed = mesh.run(&["trace", "packages"]);
    assert_eq!(closed.status.code(), Some(1));
    let said = String::from_utf8_lossy(&closed.stderr).into_owned();
    assert!(said.contains("nothing can be sent into logs/packages/collector (pull)"), "{said}");
}

#[test]
fn a_service_that_hangs_is_told_everywhere_and_the_next_up_starts_it_again() {
    let mesh = Mesh::of(&[&["add", "elasticsearch", "store"]]);
    mesh.up();
    let pid = mesh.service("store")["pid"].as_i64().expect("pid");
    let process = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("pid"));
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGSTOP).expect("it runs");

    let store = mesh.service("store");
    assert_eq!((&store["state"], &store["pid"]), (&Value::from("silent"), &Value::from(pid)));
    assert!(store["because"].as_str().expect("a text").starts_with("does not answer since "), "{store}");
    assert_eq!(mesh.run(&["status", "--exit-code"]).status.code(), Some(1));
    let doctor = mesh.expect(&["doctor"]);
    assert!(doctor.contains("warn  services  `store` hangs: does not answer since "), "{doctor}");
    assert!(doctor.contains("hint: `resilmesh up` starts it again"), "{doctor}");
    let drift = mesh.run(&["drift", "--detailed-exitcode"]);
    let found = String::from_utf8_lossy(&drift.stdout).into_owned();
    assert!(found.starts_with("service store: it hangs: does not answer since "), "{found}");
    assert_eq!(drift.status.code(), Some(2));
    let plan = mesh.expect(&["plan"]);
    assert!(plan.contains("restart   store -- does not answer since "), "{plan}");

    mesh.up();
    let again = mesh.service("store");
    assert_eq!(again["state"], "ready");
    assert_ne!(again["pid"], store["pid"]);
}

#[test]
fn what_others_change_is_drift_and_the_next_up_repairs_it() {
    let mesh = Mesh::soapa();
    mesh.up();
    let drift = |mesh: &Mesh| json(&mesh.expect(&["drift", "--json"]))["drift"].as_array().expect("a list").clone();
    assert_eq!(drift(&mesh), Vec::<Value>::new());

    let file = mesh.project.join(".resilmesh/rendered/bus/nats.conf");
    let text = std::fs::read_to_string(&file).expect("rendered");
    std::fs::write(&file, format!("{text}# somebody was here\n")).expect("write");
    let index = format!("http://127.0.0.1:{}/resilmesh-processed-events", mesh.port("store", "http"));
    let deleted = std::process::Command::new("curl").args(["-sf", "-X", "DELETE", &index]).output().expect("curl runs");
    assert!(deleted.status.success(), "{deleted:?}");

    let found = drift(&mesh);
    let of = |subject: &str| found.iter().find(|one| one["subject"] == subject).unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!((found.len(), &of("configuration")["name"]), (2, &"bus".into()), "{found:?}");
    let diff = of("configuration")["files"][0]["diff"].as_str().expect("a difference");
    assert!(diff.contains("-# somebody was here"), "{diff}");
    assert!(of("setup")["what"].as_str().expect("a text").contains("is missing"), "{found:?}");
    assert_eq!(mesh.run(&["drift", "--detailed-exitcode"]).status.code(), Some(2));

    let plan = mesh.expect(&["plan"]);
    assert!(plan.contains("~ nats.conf") && plan.contains("changed on disk"), "{plan}");
    assert!(!plan.contains("password: \""), "no secret is shown: {plan}");
    mesh.up();
    assert_eq!(drift(&mesh), Vec::<Value>::new());
    assert_eq!(std::fs::read_to_string(&file).expect("rendered"), text);
}
