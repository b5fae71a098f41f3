//! Secrets that come from other tools and go to them.

use std::fs;

use serde_json::{Value, json};

use crate::support::Person;

#[test]
fn an_export_is_imported_again() {
    let ann = Person::with_project("ann");
    ann.set("a", "one");
    ann.set("b/c", "two\nlines");
    let said = ann.run(&["secret", "export"], b"").bad(2);
    assert!(said.contains("prints every value in clear"), "{said}");
    let exported = ann.run(&["secret", "export", "--json"], b"").good();
    let document: Value = serde_json::from_str(&exported).expect("JSON");
    assert_eq!(document, json!({"schema": 1, "secrets": {"a": "one", "b/c": "two\nlines"}}));
    let bob = Person::with_project("bob");
    bob.set("a", "his own");
    let done = bob.run(&["secret", "import", "-"], exported.as_bytes());
    assert!(done.err.contains("imported 1 secret\n") && done.err.contains("not imported"), "{}", done.err);
    assert_eq!((bob.get("a"), bob.get("b/c")), ("his own\n".to_owned(), "two\nlines\n".to_owned()));
    bob.run(&["secret", "import", "-", "--force"], exported.as_bytes()).good();
    assert_eq!(bob.get("a"), "one\n");
    let bad = bob.run(&["secret", "import", "-"], br#"{"schema": 1, "secrets": {"../x": "hunter2"}}"#).bad(1);
    assert!(bad.contains("nothing is imported: `../x` is no name") && !bad.contains("hunter2"), "{bad}");
}

#[test]
fn names_that_are_none_keep_no_other_secret_out() {
    let ann = Person::with_project("ann");
    let given = br#"{"schema": 1, "secrets": {"../x": "hunter2", "a//b": "hunter3", "y": "1"}}"#;
    let bad = ann.run(&["secret", "import", "-"], given).bad(1);
    assert!(bad.contains("imported 1 secret\n") && bad.contains("error: not imported: `../x` is no name"), "{bad}");
    assert!(bad.contains("`a//b` is no name") && !bad.contains("hunter"), "{bad}");
    assert_eq!(ann.get("y"), "1\n");
}

#[test]
fn a_secret_that_is_no_text_keeps_no_other_from_being_exported() {
    let ann = Person::with_project("ann");
    ann.set("a", "one");
    ann.run(&["secret", "set", "key.der", "-"], b"\x30\x82\xff\xfe").good();
    let done = ann.run(&["secret", "export", "--json"], b"");
    let document: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!(document, json!({"schema": 1, "secrets": {"a": "one"}}));
    let said: Value = serde_json::from_str(done.err.lines().last().unwrap_or_default()).expect("JSON");
    assert_eq!(said["error"]["what"], "not exported: `key.der` is no text, which JSON needs");
    assert_eq!(said["error"]["hints"], json!(["`resilmesh secret get key.der` prints it as it is"]));
    assert_eq!(done.code, 1);
}

#[test]
fn a_vault_of_meshroom_is_imported_through_gpg_agent() {
    let ann = Person::with_project("ann");
    ann.gpg(&["--quick-generate-key", "x <0a1b2c3d@meshroom>", "default"], b"").good();
    let plain = br#"{"edr_edr-1_token": "one", "n": 1}"#;
    let encrypted = ann.gpg(&["--encrypt", "--armor", "--recipient", "0a1b2c3d@meshroom", "--output", "-"], plain);
    fs::write(ann.path("secrets.gpg"), encrypted.good()).expect("writable");
    assert_eq!(ann.get("n"), "1\n", "it is read as it is");
    assert!(ann.run(&["secret", "list"], b"").err.contains("`resilmesh secret import` takes it over"));
    ann.run(&["secret", "import"], b"").good();
    assert_eq!((ann.get("edr_edr-1_token"), ann.get("n")), ("one\n".to_owned(), "1\n".to_owned()));
}

#[test]
fn a_folder_of_pass_is_imported_and_pass_reads_ours() {
    let ann = Person::with_project("ann");
    ann.set("mine", "mine");
    let fingerprint = ann.key_into_gpg();
    let store = ann.home().join("store");
    let pass = |args: &[&str], folder: &std::path::Path, input: &[u8]| {
        ann.finish(ann.command("pass", ann.home()).args(args).env("PASSWORD_STORE_DIR", folder), input).good()
    };
    pass(&["init", &fingerprint], &store, b"");
    pass(&["insert", "-e", "mail/me"], &store, b"from pass\n");
    ann.run(&["secret", "import", store.to_str().expect("text")], b"").good();
    assert_eq!(ann.get("mail/me"), "from pass\n");
    assert_eq!(pass(&["show", "mine"], &ann.path("secrets"), b""), "mine\n");
}

#[test]
fn ci_brings_its_key_in_a_file_or_a_descriptor() {
    let ann = Person::with_project("ann");
    ann.set("a", "one");
    let keys = ann.home().join(".local/share/resilmesh/keys");
    let key = fs::read_dir(&keys).expect("a folder").next().expect("a key").expect("readable").path();
    let elsewhere = ann.home().join("ci.key");
    fs::rename(key, &elsewhere).expect("moved");
    let file = elsewhere.to_str().expect("text");
    ann.run(&["secret", "get", "a"], b"").bad(1);
    assert_eq!(ann.run_with(&["secret", "get", "a"], &[("RESILMESH_KEY_FILE", file)], b"").good(), "one\n");
    let script = format!("exec 9<'{file}'; RESILMESH_KEY_FD=9 '{}' secret get a", env!("CARGO_BIN_EXE_resilmesh"));
    assert_eq!(ann.finish(ann.command("sh", &ann.project()).args(["-c", &script]), b"").good(), "one\n");
    let said = ann.run_with(&["secret", "get", "a"], &[("RESILMESH_KEY_FILE", "/missing")], b"").bad(1);
    assert!(said.contains("cannot read `/missing`"), "{said}");
}

#[test]
fn plain_pass_writes_for_all_recipients_once_gpg_knows_them() {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    ann.commit("secrets");
    let bob = Person::who_clones("bob", &ann);
    let his = bob.run(&["secret", "recipients", "request"], b"").good();
    let file = bob.path(&format!("secrets/.public-keys/{}", his.trim()));
    ann.run(&["secret", "recipients", "add", file.to_str().expect("text"), "--yes"], b"").good();
    bob.key_into_gpg();
    // As docs/secrets.md has it, in the project of ann.
    let script = "gpg --import secrets/.public-keys/* && export PASSWORD_STORE_DIR=$PWD/secrets \
                  PASSWORD_STORE_GPG_OPTS='--trust-model always' && pass insert -e edr/token";
    bob.finish(bob.command("sh", &ann.project()).args(["-c", script]), b"from pass\n").good();
    assert_eq!(ann.get("edr/token"), "from pass\n");
    ann.run(&["secret", "check"], b"").good();
}
