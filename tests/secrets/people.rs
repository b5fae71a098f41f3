//! Letting people in and out.

use std::fs;

use serde_json::{Value, json};

use crate::support::Person;
use crate::terminal::OnTerminal;

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
    ann.gpg(&["--quick-generate-key", "Mine <mine@example.org>", "future-default"], b"").good();
    let listed = ann.gpg(&["--with-colons", "--list-keys", "Mine"], b"").good();
    let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("a fingerprint");
    let mine = line.split(':').nth(9).expect("a field");
    let said = ann.run(&["secret", "recipients", "remove", mine], b"").bad(1);
    assert!(
        said.contains("is no recipient\nhint: recipients are ") && said.contains("(ann <ann@example.org>)"),
        "{said}"
    );
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
    ann.run(&["secret", "recipients", "remove", &fingerprint, "--folder", "team", "--myself"], b"").good();
    let listed = ann.run(&["secret", "recipients", "list"], b"").good();
    assert!(listed.lines().any(|line| line.contains("Card") && line.contains("  all but team  ")), "{listed}");
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
        ann.run(&["secret", "recipients", "accept", &fingerprint], b"").good();
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
    // What is his alone nobody else can encrypt anew; all the rest is done, and that is said.
    ann.run(&["secret", "recipients", "add", file, "--yes"], b"").good();
    let own = fs::read_to_string(ann.path("secrets/.gpg-id")).expect("readable");
    let own = own.lines().next().expect("ann").to_owned();
    ann.run(&["secret", "recipients", "add", file, "--yes", "--folder", "his"], b"").good();
    ann.run(&["secret", "recipients", "remove", &own, "--myself", "--folder", "his"], b"").good();
    let said = ann.run(&["secret", "recipients", "remove", his], b"").bad(1);
    assert!(said.contains(&format!("{his} still reads `his`: {his} is the last recipient")), "{said}");
    assert!(!fs::read_to_string(ann.path("secrets/.gpg-id")).expect("readable").contains(his));
    let said = ann.run(&["secret", "set", "his/x"], b"1").bad(1);
    assert!(said.contains("you have not accepted"), "{said}");
}

/// A team: ann, and bob whom she has let in, each with a clone.
fn ann_and_bob() -> (Person, Person, String) {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    ann.commit("secrets");
    let bob = Person::who_clones("bob", &ann);
    let his = bob.run(&["secret", "recipients", "request"], b"").good().trim().to_owned();
    bob.commit("ask");
    pull(&ann, &bob);
    ann.run(&["secret", "recipients", "add", &his, "--yes"], b"").good();
    ann.commit("let bob in");
    pull(&bob, &ann);
    (ann, bob, his)
}

fn pull(to: &Person, from: &Person) {
    to.git(&["pull", "--quiet", from.project().to_str().expect("text"), "main"]);
}

#[test]
fn whom_another_member_lets_in_costs_one_question() {
    let (ann, bob, _) = ann_and_bob();
    let first = bob.run(&["secret", "set", "b"], b"1");
    assert!(
        first.code == 0 && first.err.contains("sees the recipients of the secrets for the first time"),
        "{}",
        first.err
    );
    assert!(first.err.contains("(ann <ann@example.org>)") && !first.err.contains("(bob "), "{}", first.err);
    let eve = Person::with_project("eve");
    let hers = eve.run(&["secret", "recipients", "request"], b"").good().trim().to_owned();
    let file = eve.path(&format!("secrets/.public-keys/{hers}"));
    bob.run(&["secret", "recipients", "add", file.to_str().expect("text"), "--yes"], b"").good();
    bob.commit("let eve in");
    bob.set("b", "2");
    pull(&ann, &bob);

    let listed = ann.run(&["secret", "recipients", "list"], b"").good();
    let row = listed.lines().find(|line| line.contains(&hers)).expect("listed");
    assert!(row.ends_with("; not accepted on this machine"), "{listed}");
    let document = json(&ann.run(&["secret", "recipients", "list", "--json"], b"").good());
    let accepted: Vec<_> =
        document["recipients"].as_array().expect("a list").iter().map(|one| &one["accepted"]).collect();
    assert_eq!(accepted, [true, true, false]);
    let before = fs::read(ann.path("secrets/a.gpg")).expect("readable");
    for args in [
        &["secret", "set", "a"][..],
        &["secret", "generate", "a", "--force"],
        &["secret", "rotate"],
        &["secret", "set", "a", "--yes"],
    ] {
        let said = ann.run(args, b"2").bad(1);
        assert!(said.contains("nothing is encrypted: 1 recipient came from others"), "{said}");
        assert!(said.contains("eve <eve@example.org>), for `secrets`, added by bob in commit "), "{said}");
        assert!(said.contains(&format!("`resilmesh secret recipients accept {hers}`")), "{said}");
    }
    assert_eq!(fs::read(ann.path("secrets/a.gpg")).expect("readable"), before);

    let variables = ann.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
    let mut terminal = OnTerminal::start(&ann.project(), &variables, &["secret", "set", "a"]);
    terminal.wait_for("let them read what is written from now on?");
    assert!(terminal.seen.contains(&hers) && terminal.seen.contains("added by bob"), "{}", terminal.seen);
    terminal.type_line("y");
    for question in ["Value of `a`", "The same again"] {
        terminal.wait_for_hidden(question);
        terminal.type_line("2");
    }
    terminal.wait_for("replaced `a`");
    assert!(terminal.child.wait().expect("it ends").success());
    assert_eq!(ann.run(&["secret", "set", "a"], b"3").err, "replaced `a`\n");
    let kept = ann.path(".resilmesh/recipients.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&kept.metadata().expect("there").permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn nobody_who_was_taken_out_comes_back_unasked() {
    let (ann, bob, his) = ann_and_bob();
    let carol = Person::who_clones("carol", &ann);
    let hers = carol.run(&["secret", "recipients", "request"], b"").good().trim().to_owned();
    carol.commit("ask");
    pull(&ann, &carol);
    ann.run(&["secret", "recipients", "add", &hers, "--yes"], b"").good();
    ann.commit("let carol in");
    pull(&carol, &ann);
    carol.set("c", "1");
    carol.commit("write");
    pull(&ann, &carol);
    // Ann takes him out; he puts himself back before carol has heard of it.
    ann.run(&["secret", "recipients", "remove", &his], b"").good();
    ann.commit("bob has left");
    pull(&bob, &ann);
    let certificate = bob.git(&["show", &format!("HEAD~1:secrets/.public-keys/{his}")]);
    bob.list_recipient("", &his, &certificate);
    bob.commit("back again");
    for (who, name) in [(&ann, "ann"), (&carol, "carol")] {
        pull(who, &bob);
        let said = who.run(&["secret", "set", "a"], b"2").bad(1);
        assert!(said.contains("(bob <bob@example.org>), for `secrets`, added by bob in commit"), "{name}: {said}");
    }
    // Taking him out again needs no word for him.
    ann.run(&["secret", "recipients", "remove", &his], b"").good();
    ann.set("a", "2");
    // A folder of their own is no way in either.
    fs::create_dir_all(carol.path("secrets/team")).expect("writable");
    carol.run(&["secret", "recipients", "accept", &his], b"").good();
    carol.set("team/x", "1");
    carol.run(&["secret", "recipients", "remove", &his, "--folder", "team"], b"").good();
    carol.list_recipient("team", &his, &certificate);
    let said = carol.run(&["secret", "set", "team/x"], b"2").bad(1);
    assert!(said.contains("for `team`, not committed yet"), "{said}");
    carol.set("elsewhere", "2");
    // Nor is one that holds nothing yet.
    fs::create_dir_all(carol.path("secrets/new")).expect("writable");
    fs::copy(carol.path("secrets/team/.gpg-id"), carol.path("secrets/new/.gpg-id")).expect("writable");
    carol.run(&["secret", "recipients", "remove", &his, "--folder", "new"], b"").good();
    fs::copy(carol.path("secrets/team/.gpg-id"), carol.path("secrets/new/.gpg-id")).expect("writable");
    assert!(carol.run(&["secret", "set", "new/x"], b"2").bad(1).contains("for `new`, not committed yet"));
    fs::remove_file(carol.path("secrets/team/.gpg-id")).expect("removed");
    assert!(carol.run(&["secret", "set", "team/x"], b"2").bad(1).contains("for `team`"));
    let said = carol.run(&["secret", "recipients", "accept", &"A".repeat(40)], b"").bad(1);
    assert!(said.contains("is no recipient") && said.contains("carol@example.org"), "{said}");
    let said = carol.run(&["secret", "recipients", "accept"], b"").bad(1);
    assert!(said.contains(&format!("accept {his}`")), "{said}");
}
