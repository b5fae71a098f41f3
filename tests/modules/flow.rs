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
    let second = mesh.service("shared/2");
    assert_eq!((&second["state"], &second["counts"]["workers"]), (&"ready".into(), &2.into()));
}

#[test]
fn a_service_that_is_killed_leaves_no_worker_behind() {
    let mesh = soapa_with(&[("lone", "python")]);
    mesh.up();
    let service = mesh.service("lone")["pid"].as_u64().expect("pid");
    let workers = children(service);
    assert!(!workers.is_empty(), "it has workers");
    mesh.kill("lone");
    mesh.wait_for("its workers are gone", |_| workers.iter().all(|worker| !is_there(*worker)));
    mesh.wait_for("it is started again", |mesh| mesh.service("lone")["state"] == "ready");
}

/// The processes that a process has started.
fn children(parent: u64) -> Vec<u64> {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok());
    ids.filter(|id| stat(*id).is_some_and(|(_, own)| own == parent)).collect()
}

/// Whether it lives: one that nobody has asked for its end yet does not.
fn is_there(id: u64) -> bool {
    stat(id).is_some_and(|(state, _)| state != "Z")
}

/// State and parent of a process.
fn stat(id: u64) -> Option<(String, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// Makes a wheel of a package with one module, `vendor`.
const WHEEL: &str = "
import sys, zipfile
info = 'vendor-1.0.dist-info'
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    wheel.writestr('vendor.py', 'NAME = \"from a package\"')
    wheel.writestr(info + '/METADATA', 'Metadata-Version: 2.1\\nName: vendor\\nVersion: 1.0\\n')
    wheel.writestr(info + '/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(info + '/RECORD', f'vendor.py,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n')
";

#[test]
fn what_a_module_needs_of_packages_and_reads_of_files_is_there_when_it_runs() {
    let mesh = soapa_with(&[("needy", "python")]);
    let wheel = mesh.home().join("vendor-1.0-py3-none-any.whl");
    let made = std::process::Command::new("python3").args(["-c", WHEEL]).arg(&wheel).status().expect("python3 runs");
    assert!(made.success());
    let product = mesh.project.join("products/needy");
    std::fs::write(product.join("requirements.txt"), format!("{}\n", wheel.display())).expect("written");
    std::fs::create_dir(product.join("words")).expect("made");
    std::fs::write(product.join("words/word.txt"), "from a file\n").expect("written");
    let code = "import vendor\nfrom pathlib import Path\nfrom resilmesh.decorators import process\n\nWORD = (Path(__file__).parent / 'words/word.txt').read_text().strip()\n\n\n@process(\"ecs_events\", \"enriched_events\")\ndef tag(event):\n    event['tags'] = [vendor.NAME, WORD]\n    return event\n";
    std::fs::write(product.join("process.py"), code).expect("written");
    write_log(&mesh, 0..10);
    mesh.up();
    mesh.wait_for_count(10);
    assert_eq!((tagged(&mesh, "from a package"), tagged(&mesh, "from a file")), (10, 10));
    std::fs::write(
        product.join("tests/process.yaml"),
        "schema: 1\ntransform: process.py\ncases:\n  - name: it has both\n    given: [{event: {id: a}}]\n    expect: {tags: [from a package, from a file]}\n",
    )
    .expect("written");
    mesh.expect(&["test", "needy"]);
}
