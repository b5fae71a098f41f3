//! Kills, by the script that anybody can run, with fewer events than it has by itself.

use std::path::Path;
use std::process::Command;

#[test]
fn every_event_is_stored_once_although_workers_are_killed_at_random() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/chaos-modules");
    let output = Command::new(script)
        .args(["10000", "python", "rust", "vrl"])
        .env("RESILMESH_BINARY", env!("CARGO_BIN_EXE_resilmesh"))
        .output()
        .expect("the script runs (python3)");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches(": good").count(), 3, "{said}");
}
