//! The Python package by its own tests, run as a vendor would.

use std::path::Path;
use std::process::Command;

#[test]
fn the_packages_own_tests_hold() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/python");
    let output = Command::new("python3")
        .args(["-B", "-m", "unittest", "discover", "-s", "tests"])
        .current_dir(&package)
        .output()
        .expect("python3 has to be installed: scripts/bootstrap test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_package_can_be_installed() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/python");
    let text = std::fs::read_to_string(package.join("pyproject.toml")).expect("its description");
    assert!(text.contains("name = \"resilmesh\""));
    // What an editor looks for, and what `pip install` has to bring.
    for name in ["resilmesh", "meshroom"] {
        assert!(package.join("src").join(name).join("py.typed").exists(), "{name}");
    }
}
