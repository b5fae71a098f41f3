//! Each folder of `tests/invalid` is a project with something wrong; what is said about it stands
//! beside it in `expected.snap`.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use resilmesh::mesh::compile::compile;
use resilmesh::project::load::load;
use resilmesh::project::position::Diagnostic;

fn describe(found: &Diagnostic) -> String {
    let place = found.at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
    let hint = found.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    let word = if found.is_error() { "error" } else { "warning" };
    format!("{place}{word}: {}{hint}", found.message)
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the cases are there").map(|entry| entry.expect("readable").path()).collect();
    cases.sort();
    cases
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let cases = cases();
    assert!(cases.len() > 25, "the cases are there");
    for case in cases {
        let name = case.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let files = load(&case).expect("the project can be opened");
        let (is_error, found) = match compile(&files) {
            Ok((_, warnings)) => (false, warnings),
            Err(found) => (true, found),
        };
        assert_eq!(is_error, !name.starts_with("warning-"), "{name}: {found:?}");
        assert!(!found.is_empty(), "{name}");
        let text: Vec<String> = found.iter().map(describe).collect();
        insta::with_settings!({snapshot_path => &case, prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!("expected", text.join("\n"));
        });
    }
}
