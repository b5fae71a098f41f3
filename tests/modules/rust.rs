//! Modules in Rust: built when they are brought up.

use crate::{expect_each_once, soapa_with, tagged, write_log};

const LINES: usize = 2_000;

#[test]
fn events_pass_a_module_in_rust_and_are_stored_once() {
    let mesh = soapa_with(&[("rusty", "rust")]);
    let tested = mesh.expect(&["test", "rusty"]);
    assert!(tested.contains("an event is tagged"), "{tested}");
    write_log(&mesh, 0..LINES);
    mesh.up();
    mesh.wait_for_count(LINES as u64);
    expect_each_once(&mesh, LINES);
    assert_eq!(tagged(&mesh, "rusty"), LINES as u64);
    assert_eq!(mesh.service("rusty")["program"], "resilmesh engine module");
    let again = mesh.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stdout));

    // Another program takes the place of the one that runs, and nothing is lost in between.
    let path = mesh.project.join("products/rusty/hooks/src/main.rs");
    let text = std::fs::read_to_string(&path).expect("code");
    std::fs::write(&path, text.replace("\"rusty\"", "\"changed\"")).expect("written");
    let planned = mesh.expect(&["plan"]);
    assert!(planned.contains("restart") && planned.contains("rusty"), "{planned}");
    mesh.up();
    write_log(&mesh, LINES..LINES + 100);
    mesh.wait_for_count(LINES as u64 + 100);
    assert_eq!(tagged(&mesh, "changed"), 100);
    let programs = mesh.project.join(".resilmesh/modules/rusty");
    assert_eq!(std::fs::read_dir(&programs).expect("a folder").count(), 1, "the old program stays");
    mesh.expect(&["down"]);
    assert!(!programs.exists());
}

#[test]
fn one_that_does_not_compile_keeps_the_module_from_starting_and_says_where() {
    let mesh = soapa_with(&[("broken", "rust")]);
    let path = mesh.project.join("products/broken/hooks/src/main.rs");
    let text = std::fs::read_to_string(&path).expect("code");
    std::fs::write(&path, text.replace("Value::Object(event)", "Value::Object(evnt)")).expect("written");
    mesh.expect(&["check"]);
    let output = mesh.run(&["up", "--wait-timeout", "60"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("products/broken/hooks/src/main.rs:"), "{said}");
    assert!(said.contains("cannot find value `evnt` in this scope"), "{said}");
    assert!(!mesh.project.join(".resilmesh/rendered/bus").exists(), "nothing has begun");
}

#[test]
fn the_first_of_like_alerts_goes_through() {
    let mesh = soapa_with(&[("tagger", "vrl"), ("deduplicator", "")]);
    // Lines of a log are no alerts: the module before it makes them some.
    let program = ".event.kind = \"alert\"\n.rule.name = replace(string!(.message), r'^.*status installed |-.*$', \"\")\n.tags = [\"tagger\"]\n";
    std::fs::write(mesh.project.join("products/tagger/process.vrl"), program).expect("written");
    mesh.expect(&["configure", "deduplicator", "-c", "fields=[rule.name]"]);
    write_log(&mesh, 0..50);
    mesh.up();
    mesh.wait_for_count(1);
    let refused = mesh.run(&["configure", "deduplicator", "--replicas", "2"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("each replica would let the first of its own through"), "{said}");
    expect_each_once(&mesh, 1);
}

#[test]
fn replicas_of_a_module_in_rust_start_at_once() {
    let mesh = soapa_with(&[("several", "rust")]);
    mesh.expect(&["configure", "several", "--replicas", "3"]);
    write_log(&mesh, 0..LINES);
    mesh.up();
    mesh.wait_for_count(LINES as u64);
    expect_each_once(&mesh, LINES);
    assert_eq!(mesh.service("several/3")["state"], "ready");
}
