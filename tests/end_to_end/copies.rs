//! A project's folder that was copied or moved while its mesh was up.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mesh::Mesh;

/// Exit code and standard error of a command in this folder, places left out.
fn outcome(mesh: &Mesh, folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = mesh.command(folder, args).output().expect("resilmesh runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let home = mesh.home().canonicalize().expect("it is there");
    (output.status.code(), said.replace(&home.display().to_string(), "[HOME]"))
}

fn copy(mesh: &Mesh) -> PathBuf {
    let copy = mesh.home().join("copy");
    let copied = Command::new("cp").arg("-r").args([&mesh.project, &copy]).status().expect("cp runs");
    assert!(copied.success());
    copy
}

#[test]
fn a_copy_says_whose_state_it_has_and_leaves_the_original_alone() {
    let mesh = Mesh::of(&[&["add", "elasticsearch", "store"]]);
    mesh.up();
    let before = mesh.service("store");
    let copy = copy(&mesh);

    for args in [&["status"][..], &["up"], &["down"], &["drift"], &["plan"]] {
        let (code, said) = outcome(&mesh, &copy, args);
        assert_eq!(code, Some(1), "{args:?}: {said}");
        assert!(said.contains("was copied from `[HOME]/soc`"), "{args:?}: {said}");
        assert!(said.contains("`resilmesh down --forget` starts afresh here"), "{args:?}: {said}");
    }
    let doctor = mesh.command(&copy, &["doctor"]).output().expect("resilmesh runs");
    let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(found.contains("bad   files     the state in `.resilmesh` was copied from"), "{found}");
    assert_eq!(mesh.service("store"), before);

    let (code, said) = outcome(&mesh, &copy, &["down", "--forget"]);
    let expected = "the data that was copied stays; `resilmesh down --volumes` deletes it\n\
                    forgot what `[HOME]/soc` has up, where nothing was changed; `resilmesh up` brings this mesh up\n";
    assert_eq!((code, said.as_str()), (Some(0), expected));
    let (code, said) = outcome(&mesh, &copy, &["up", "--wait-timeout", "120"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(outcome(&mesh, &copy, &["down", "--volumes", "--yes"]).0, Some(0));
    assert_eq!(mesh.service("store")["pid"], before["pid"]);
    assert_eq!(outcome(&mesh, &mesh.project, &["plan", "--detailed-exitcode"]).0, Some(0), "as it was left");

    let (code, said) = outcome(&mesh, &mesh.project, &["down", "--forget"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("there is nothing to forget"), "{said}");
}

#[test]
fn a_folder_that_was_moved_takes_its_mesh_along() {
    let mut mesh = Mesh::of(&[&["add", "elasticsearch", "store"]]);
    mesh.up();
    let before = mesh.service("store");
    let moved = mesh.home().join("moved");
    std::fs::rename(&mesh.project, &moved).expect("moved");
    mesh.project = moved;
    assert_eq!(mesh.service("store")["pid"], before["pid"]);
    // What it reads and writes lies elsewhere now.
    mesh.up();
    assert_eq!(mesh.service("store")["state"], "ready");
    assert_eq!(mesh.run(&["plan", "--detailed-exitcode"]).status.code(), Some(0));
    mesh.expect(&["down"]);
    let pid = before["pid"].as_u64().expect("pid");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "it still runs: {stat}");
}
