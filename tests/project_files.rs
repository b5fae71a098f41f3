//! Files that are odd in other ways than what they say.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::TestProject;
use insta::assert_snapshot;

const TENANT: (&str, &str) = ("products/edr/definition.yaml", "description: x\n");

fn listed(project: &TestProject) -> String {
    project.run(&["list", "instances"])
}

#[test]
fn a_file_that_is_not_utf_8_is_named_with_the_place() {
    let project = TestProject::with(&[TENANT]);
    project.write("instances/edr/e/config.yaml", b"name: e\nzone: caf\xe9\n");
    assert_snapshot!(listed(&project), @"
    -- stdout
    Name  Product  Plugs
    -- stderr
    instances/edr/e/config.yaml:2:10: warning: not UTF-8 [not-utf8]
      hint: save the file as UTF-8
    -- exit 0
    ");
}

#[test]
fn a_huge_file_is_not_read() {
    let project = TestProject::with(&[TENANT]);
    project.write("instances/edr/e/config.yaml", "#".repeat(1024 * 1024 + 1));
    assert_snapshot!(listed(&project), @"
    -- stdout
    Name  Product  Plugs
    -- stderr
    instances/edr/e/config.yaml:1:1: warning: larger than 1024 KiB [unreadable]
      hint: put large data elsewhere, and its path into a setting
    -- exit 0
    ");
    project.write("instances/edr/e/config.yaml", "#".repeat(1024 * 1024));
    assert!(listed(&project).contains("e     edr"));
}

#[test]
fn a_link_out_of_the_project_is_not_followed() {
    let project = TestProject::with(&[TENANT, ("instances/edr/near/config.yaml", "zone: dmz\n")]);
    let outside = tempfile::NamedTempFile::new().expect("a temporary file");
    let instances = project.root().join("instances/edr");
    std::fs::create_dir_all(instances.join("far")).expect("writable");
    std::fs::create_dir_all(instances.join("inside")).expect("writable");
    std::os::unix::fs::symlink(outside.path(), instances.join("far/config.yaml")).expect("links can be made");
    std::os::unix::fs::symlink("../near/config.yaml", instances.join("inside/config.yaml")).expect("links can be made");
    std::os::unix::fs::symlink("nowhere", instances.join("near/plugs")).expect("links can be made");
    assert_snapshot!(listed(&project), @"
    -- stdout
    Name    Product  Zone  Plugs
    inside  edr      dmz   -
    near    edr      dmz   -
    -- stderr
    instances/edr/far/config.yaml:1:1: warning: a symbolic link leads out of the project [unreadable]
      hint: put a copy of the file in its place
    -- exit 0
    ");
}

#[test]
fn empty_files_take_their_meaning_from_their_place() {
    let project = TestProject::with(&[TENANT, ("instances/edr/e/config.yaml", "")]);
    assert!(listed(&project).contains("e     edr"));
}

#[test]
fn a_folder_alone_makes_a_product() {
    let project = TestProject::with(&[("products/bare/notes.txt", "x\n")]);
    project.must(&["add", "bare"]);
    assert!(project.run(&["list", "products"]).contains("bare"));
}

#[test]
fn a_product_of_the_project_goes_before_a_built_in_one() {
    let project = TestProject::with(&[("products/nats/definition.yaml", "vendor: me\ntags: [mine]\n")]);
    project.must(&["add", "nats"]);
    assert!(project.run(&["list", "products"]).contains("nats  mine"));
}

#[test]
fn nothing_is_written_or_deleted_through_a_link_out_of_the_project() {
    let project = TestProject::with(&[TENANT, ("resilmesh.yaml", "version: 1\n")]);
    let outside = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(outside.path().join("notes.txt"), "mine").expect("writable");
    std::fs::create_dir_all(project.root().join("instances")).expect("writable");
    std::os::unix::fs::symlink(outside.path(), project.root().join("instances/edr")).expect("links can be made");
    let (code, _, err) = project.output(&["add", "edr", "e"]);
    assert_eq!(code, 1);
    assert!(err.contains("a symbolic link leads out of the project"), "{err}");
    let left: Vec<_> = std::fs::read_dir(outside.path()).expect("readable").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
