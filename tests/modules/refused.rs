//! Modules that must not run, or cannot.

use std::process::Command;

use crate::soapa_with;

fn said(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_code_of_others_runs_neither_in_a_mesh_nor_in_a_test_before_it_is_trusted() {
    let mesh = soapa_with(&[("theirs", "python")]);
    let git = Command::new("git")
        .args(["remote", "add", "origin", "https://git.example.org/mesh.git"])
        .current_dir(&mesh.project)
        .status();
    assert!(git.expect("git runs").success());
    for words in [&["up"][..], &["test", "theirs"]] {
        let output = mesh.run(words);
        let told = said(&output);
        assert!(!output.status.success() && told.contains("theirs") && told.contains("not trusted"), "{told}");
    }
    mesh.expect(&["check"]);
    mesh.expect(&["plan"]);
    mesh.expect(&["--yes", "trust", "theirs"]);
    mesh.expect(&["test", "theirs"]);
}

#[test]
fn a_program_that_does_not_compile_is_a_mistake_with_its_place() {
    let mesh = soapa_with(&[("wrong", "vrl")]);
    std::fs::write(mesh.project.join("products/wrong/process.vrl"), ".a = 1\n.b = to_int(.a, )) \n").expect("written");
    for words in ["check", "up"] {
        let output = mesh.run(&[words]);
        let told = said(&output);
        assert!(!output.status.success() && told.contains("products/wrong/process.vrl:2:"), "{told}");
    }
}

#[test]
fn a_module_that_cannot_be_loaded_is_told_of_with_its_own_line() {
    let mesh = soapa_with(&[("broken", "python")]);
    let path = mesh.project.join("products/broken/process.py");
    let text = std::fs::read_to_string(&path).expect("code");
    std::fs::write(&path, format!("import no_such_library\n{text}")).expect("written");
    let output = mesh.run(&["up", "--wait-timeout", "5"]);
    let told = said(&output);
    assert!(!output.status.success(), "{told}");
    assert!(told.contains("process.py:1: the module no_such_library is not installed"), "{told}");
}

#[test]
fn two_process_hooks_are_one_too_many() {
    let mesh = soapa_with(&[("twice", "python")]);
    let more =
        "from resilmesh.decorators import process\n\n\n@process(\"a\", \"b\")\ndef second(event):\n    return event\n";
    std::fs::write(mesh.project.join("products/twice/second.py"), more).expect("written");
    let told = said(&mesh.run(&["check"]));
    assert!(told.contains("products/twice/second.py:4:") && told.contains("a second process hook"), "{told}");
}
