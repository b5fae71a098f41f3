//! What becomes of data that cannot be written.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::fs::File;
use std::process::{Command, Stdio};

use common::TestProject;

#[test]
fn data_that_cannot_be_written_is_an_error_and_a_reader_that_has_gone_is_none() {
    let project = TestProject::empty_folder();
    project.must(&["init", "--no-key", "--from", "soapa"]);
    let listings: [&[&str]; 6] = [
        &["list", "products"],
        &["list", "instances", "--json"],
        &["list", "plugs"],
        &["show", "store"],
        &["status"],
        &["trust", "--list", "--json"],
    ];
    let start = |args: &[&str], out: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resilmesh"));
        command.args(args).current_dir(project.root()).env("GIT_CONFIG_NOSYSTEM", "1").stdin(Stdio::null());
        command.stdout(out).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    for args in listings {
        let full = File::options().write(true).open("/dev/full").expect("this is Linux");
        let done = start(args, full.into()).wait_with_output().expect("it ends");
        let said = String::from_utf8(done.stderr).expect("text");
        let told = "standard output cannot be written: No space left on device (os error 28)";
        assert!(said.contains(told) && done.status.code() == Some(1), "{args:?}: {said}");

        let mut child = start(args, Stdio::piped());
        drop(child.stdout.take());
        let done = child.wait_with_output().expect("it ends");
        let said = String::from_utf8(done.stderr).expect("text");
        assert!(!said.contains("standard output") && done.status.code() == Some(0), "{args:?}: {said}");
    }
}
