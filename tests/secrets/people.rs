//! Letting people in and out.

use std::fs;

use serde_json::{Value, json};

use crate::support::Person;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn somebody_asks_is_let_in_and_taken_out_again() {
    let ann = Person::with_project("ann");
    ann.set("kept", "1");
    ann.set("team/changed", "1");
    ann.set("gone", "1");
    ann.commit("secrets");
    let bob = Person::who_clones("bob", &ann);
    assert!(bob.run(&["secret", "list"], b"").good().contains("kept"), "listing needs no key");
    let asked = bob.run(&["secret", "recipients", "request"], b"");
    assert!(asked.err.contains("a member then lets you in with"), "{}", asked.err);
    let fingerprint = asked.out.trim().to_owned();
    bob.commit("ask");
    let said = bob.run(&["secret", "get", "kept"], b"").bad(1);
    assert!(said.contains("`resilmesh secret recipients request` asks for access"), "{said}");

    ann.git(&["pull", "--quiet", bob.project().to_str().expect("text"), "main"]);
    let listed = ann.run(&["secret", "recipients", "list"], b"").good();
    let row = listed.lines().find(|line| line.contains(&fingerprint)).expect("listed");
    assert!(row.contains("bob <bob@example.org>") && row.ends_with("asks for access"), "{listed}");
    let said = ann.run(&["secret", "recipients", "add", &fingerprint], b"").bad(2);
    assert!(said.contains("Compare the fingerprint with its owner first") && said.contains("`--yes`"), "{said}");
    let added = json(&ann.run(&["secret", "recipients", "add", &fingerprint, "--yes", "--json"], b"").good());
    assert_eq!(added["reencrypted"], json!(["gone", "kept", "team/changed"]));
    ann.commit("let bob in");
    bob.git(&["pull", "--quiet", "origin", "main"]);
    assert_eq!(bob.get("team/changed"), "1\n");
    assert!(bob.run(&["secret", "recipients", "request"], b"").err.contains("is a recipient already"));

    // What bob could read once counts, whatever became of it.
    ann.run(&["secret", "rm", "gone", "--yes"], b"").good();
    ann.commit("remove one");
    let removed = ann.run(&["secret", "recipients", "remove", &fingerprint, "--json"], b"").good();
    ann.set("later", "2");
    assert_eq!(
        json(&removed)["must_change"],
        json!([
            {"name": "gone", "exists": false}, {"name": "kept", "exists": true},
            {"name": "team/changed", "exists": true},
        ])
    );
    ann.commit("bob has left");
    bob.git(&["pull", "--quiet", "origin", "main"]);
    bob.run(&["secret", "get", "kept"], b"").bad(1);
    bob.run(&["secret", "get", "later"], b"").bad(1);
    assert_eq!(ann.get("kept"), "1\n");
    let again = ann.run(&["secret", "recipients", "remove", &fingerprint], b"").bad(1);
    assert!(again.contains("is no recipient"), "{again}");
}

#[test]
fn nobody_takes_out_themselves_by_mistake_nor_the_last_one_at_all() {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    let own = fs::read_to_string(ann.path("secrets/.gpg-id")).expect("readable");
    let own = own.trim();
    let said = ann.run(&["secret", "recipients", "remove", own], b"").bad(1);
    assert!(said.contains("is your own key") && said.contains("`--myself`"), "{said}");
    let said = ann.run(&["secret", "recipients", "remove", own, "--myself"], b"").bad(1);
    assert!(said.contains("is the last recipient: nobody could read the secrets any more"), "{said}");
    let said = ann.run(&["secret", "recipients", "remove", "bob"], b"").bad(2);
    assert!(said.contains("`bob` is no fingerprint"), "{said}");
    assert_eq!(ann.get("a"), "1\n");
}

#[test]
fn a_key_of_gnupg_is_let_in_by_its_fingerprint_and_a_file_by_its_path() {
    let ann = Person::with_project("ann");
    ann.gpg(&["--quick-generate-key", "Card <card@example.org>", "future-default"], b"").good();
    let listed = ann.gpg(&["--with-colons", "--list-keys", "Card"], b"").good();
    let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("a fingerprint");
    let fingerprint = line.split(':').nth(9).expect("a field").to_owned();
    let done = ann.run(&["secret", "recipients", "add", &fingerprint, "--yes"], b"");
    assert!(done.code == 0 && done.err.contains("made the vault `secrets`"), "{}", done.err);
    ann.set("a", "through the agent");
    assert_eq!(ann.get("a"), "through the agent\n");
    assert!(!ann.home().join(".local").exists(), "no key was made");
    let said = ann.run(&["secret", "recipients", "remove", &fingerprint], b"").bad(1);
    assert!(said.contains("is your own key"), "{said}");

    let bob = Person::with_project("bob");
    let his = bob.run(&["secret", "recipients", "request"], b"").good();
    let file = bob.path(&format!("secrets/.public-keys/{}", his.trim()));
    ann.set("team/x", "shared");
    ann.run(&["secret", "recipients", "add", file.to_str().expect("text"), "--yes", "--folder", "team"], b"").good();
    let report = json(&ann.run(&["secret", "check", "--json"], b"").good());
    let readers = |at: usize| report["secrets"][at]["readers"].as_array().expect("a list").len();
    assert_eq!((readers(0), readers(1)), (1, 2));
    assert_eq!(report["recipients"][1]["folders"], json!(["team"]));
}

#[test]
fn a_vault_for_somebody_else_is_made_with_a_warning() {
    let bob = Person::with_project("bob");
    let his = bob.run(&["secret", "recipients", "request"], b"").good();
    let file = bob.path(&format!("secrets/.public-keys/{}", his.trim()));
    let ann = Person::with_project("ann");
    let done = ann.run(&["secret", "recipients", "add", file.to_str().expect("text"), "--yes"], b"");
    assert!(done.code == 0 && done.err.contains("that is no key of yours"), "{}", done.err);
    ann.set("a", "for bob");
    ann.run(&["secret", "get", "a"], b"").bad(1);
}

#[test]
fn rotate_says_what_it_did() {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    ann.set("b", "2");
    let stale = json(&ann.run(&["secret", "rotate", "--stale", "--json"], b"").good());
    assert_eq!(stale, json!({"schema": 1, "reencrypted": [], "untouched": 2}));
    let all = ann.run(&["secret", "rotate"], b"");
    assert_eq!((all.code, all.err.as_str()), (0, "encrypted 2 secrets anew\n"));
}

#[test]
fn all_whose_keys_have_expired_are_named_once_with_what_helps() {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    ann.set("b", "2");
    let bob = Person::with_project("bob");
    let his = bob.run(&["secret", "recipients", "request"], b"").good();
    let his = his.trim();
    let file = bob.path(&format!("secrets/.public-keys/{his}"));
    ann.run(&["secret", "recipients", "add", file.to_str().expect("text"), "--yes"], b"").good();
    let late = ["eve", "joe"].map(|who| {
        let fingerprint = bob.expired_key(who);
        ann.list_recipient("", &fingerprint, &bob.gpg(&["--armor", "--export", &fingerprint], b"").good());
        fingerprint
    });
    for args in [&["secret", "set", "a"][..], &["secret", "rotate"]] {
        let said = ann.run(args, b"3").bad(1);
        for one in &late {
            assert_eq!(said.matches(&format!("{one} (")).count(), 1, "{said}");
            assert!(said.contains(&format!("`resilmesh secret recipients remove {one}` takes them out")), "{said}");
        }
        assert_eq!(said.matches("it expired on 2024-01-02").count(), 2, "{said}");
        assert!(said.contains("`resilmesh secret recipients add FILE`"), "{said}");
    }
    // Who leaves loses access all the same.
    let done = ann.run(&["secret", "recipients", "remove", his], b"");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("eve@example.org>): it expired on 2024-01-02: what was encrypted anew"), "{}", done.err);
    assert!(done.err.contains(&format!("{his} cannot read new values any more")), "{}", done.err);
    let readers = json(&ann.run(&["secret", "show", "a", "--json"], b"").good())["readers"].clone();
    assert_eq!(readers.as_array().expect("a list").len(), 1);
    // One is taken out, the other one renewed.
    assert_eq!(ann.run(&["secret", "recipients", "remove", &late[0]], b"").code, 0);
    bob.gpg(&["--quick-set-expire", &late[1], "0"], b"").good();
    bob.gpg(&["--quick-set-expire", &late[1], "0", "*"], b"").good();
    let renewed = bob.home().join("joe.asc");
    fs::write(&renewed, bob.gpg(&["--armor", "--export", &late[1]], b"").good()).expect("writable");
    ann.run(&["secret", "recipients", "add", renewed.to_str().expect("text")], b"").good();
    ann.set("a", "3");
    let readers = json(&ann.run(&["secret", "show", "a", "--json"], b"").good())["readers"].clone();
    assert_eq!(readers.as_array().expect("a list").len(), 2);
}

#[test]
fn who_is_taken_out_is_taken_out_of_every_folder() {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    ann.set("team/x", "1");
    let bob = Person::with_project("bob");
    let his = bob.run(&["secret", "recipients", "request"], b"").good();
    let his = his.trim();
    let file = bob.path(&format!("secrets/.public-keys/{his}"));
    let file = file.to_str().expect("text");
    ann.run(&["secret", "recipients", "add", file, "--yes", "--folder", "team"], b"").good();
    ann.run(&["secret", "recipients", "add", file, "--yes"], b"").good();
    let removed = json(&ann.run(&["secret", "recipients", "remove", his, "--json"], b"").good());
    assert_eq!(removed["reencrypted"], json!(["a", "team/x"]));
    for name in ["a", "team/x"] {
        let readers = json(&ann.run(&["secret", "show", name, "--json"], b"").good())["readers"].clone();
        assert_eq!(readers.as_array().expect("a list").len(), 1, "{name}");
    }
}
