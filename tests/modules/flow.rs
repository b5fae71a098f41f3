//! Events pass modules, each once.

use crate::{expect_each_once, soapa_with, tagged, write_log};

const LINES: usize = 3_000;

#[test]
fn events_pass_a_module_in_python_and_one_in_vrl_and_are_stored_once() {
    let mesh = soapa_with(&[("first", "python"), ("second", "vrl")]);
    let tested = mesh.expect(&["test", "first"]);
    assert!(tested.contains("an event is tagged"), "{tested}");
    mesh.expect(&["test", "second"]);
    let listed = mesh.expect(&["hooks", "list", "second"]);
    assert!(listed.contains("process") && listed.contains("process.vrl"), "{listed}");
    let checked = mesh.expect(&["check", "--guarantees"]);
    assert!(checked.contains("first") && checked.contains("at least once"), "{checked}");

    write_log(&mesh, 0..LINES);
    mesh.up();
    mesh.wait_for_count(LINES as u64);
    expect_each_once(&mesh, LINES);
    assert_eq!((tagged(&mesh, "first"), tagged(&mesh, "second")), (LINES as u64, LINES as u64));
    assert_eq!(mesh.service("first")["program"], "resilmesh engine module");
    let again = mesh.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stdout));

    // What runs is what was brought up, until it is brought up again.
    let path = mesh.project.join("products/first/process.py");
    let text = std::fs::read_to_string(&path).expect("code");
    std::fs::write(&path, text.replace("\"first\"", "\"changed\"")).expect("written");
    let planned = mesh.expect(&["plan"]);
    assert!(planned.contains("restart") && planned.contains("first") && !planned.contains("second"), "{planned}");
    write_log(&mesh, LINES..LINES + 100);
    mesh.wait_for_count(LINES as u64 + 100);
    assert_eq!(tagged(&mesh, "changed"), 0);
    mesh.up();
    let folders = std::fs::read_dir(mesh.project.join(".resilmesh/rendered/first/code")).expect("a folder");
    assert_eq!(folders.count(), 1, "old code stays");
    write_log(&mesh, LINES + 100..LINES + 200);
    mesh.wait_for_count(LINES as u64 + 200);
    assert_eq!(tagged(&mesh, "changed"), 100);
    mesh.expect(&["down"]);
    assert!(!mesh.project.join(".resilmesh/rendered/first").exists());
}

#[test]
fn replicas_of_a_module_share_the_work() {
    let mesh = soapa_with(&[("shared", "python")]);
    mesh.expect(&["configure", "shared", "--replicas", "2"]);
    mesh.expect(&["configure", "shared", "-c", "workers=2"]);
    write_log(&mesh, 0..LINES);
    mesh.up();
    mesh.wait_for_count(LINES as u64);
    expect_each_once(&mesh, LINES);
    assert_eq!(mesh.service("shared/2")["state"], "ready");
}
