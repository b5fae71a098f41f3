//! The pages of `docs/reference/` say what the program goes by.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::Path;

use common::TestProject;

fn is_current(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/reference/{page}.md"));
    let there = std::fs::read_to_string(path).unwrap_or_default();
    let printed = TestProject::empty_folder().prints(&["reference", page]);
    assert!(there == printed, "docs/reference/{page}.md is stale: `make reference` renews it");
}

#[test]
fn the_page_of_commands_is_current() {
    is_current("commands");
}

#[test]
fn the_page_of_files_is_current() {
    is_current("files");
}

#[test]
fn the_page_of_hooks_is_current() {
    is_current("hooks");
}
