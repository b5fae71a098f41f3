//! What gpg and pass write is read here, and the other way round.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::Path;

use resilmesh_vault::keys::{KeyKind, NoPassphrases};
use resilmesh_vault::{Keyring, Prompting, Secret, Vault, import};
use support::{Given, Gpg, OwnVault, done, key, name, place, ring, text};

fn gpg_reads_and_writes(kind: KeyKind) {
    let place = place();
    let own = key(&place.path().join("keys"), "ann", kind);
    let vault = Vault::open(&place.path().join("v"), ring(&[&own])).expect("a vault");
    vault.create(&own.certificate()).expect("made");
    vault.set(&name("a/b"), &Secret::from("two\nlines")).expect("set");

    let gpg = Gpg::new();
    gpg.import(&own);
    let file = vault.file(&name("a/b"));
    assert_eq!(gpg.must(&["--decrypt", file.to_str().expect("text")], b""), b"two\nlines\n");

    // As gpg does it by itself: compressed; and armoured.
    for options in [&["--encrypt"][..], &["--encrypt", "--armor"], &["--encrypt", "--compress-algo", "bzip2"]] {
        let mut args = vec!["--recipient", "ann"];
        args.extend(options);
        let theirs = gpg.must(&args, b"from gpg\n");
        fs::write(&file, theirs).expect("writable");
        assert_eq!(text(&vault.get(&name("a/b")).expect("readable")), "from gpg", "{options:?}");
    }
}

#[test]
fn gpg_and_we_read_each_other_with_a_cv25519_key() {
    gpg_reads_and_writes(KeyKind::Cv25519);
}

#[test]
fn gpg_and_we_read_each_other_with_an_rsa_key() {
    gpg_reads_and_writes(KeyKind::Rsa);
}

#[test]
fn a_version_6_key_works_alone_and_beside_keys_that_gpg_knows() {
    let own = OwnVault::new();
    own.set("a", "one");
    let modern = key(&own.place.path().join("keys"), "vic", KeyKind::V6);
    assert_eq!(modern.fingerprint().to_hex().len(), 64);
    own.vault.add_recipient(Path::new(""), &modern.certificate()).expect("let in");
    let hers = own.seen_by(ring(&[&modern]));
    assert_eq!(text(&hers.get(&name("a")).expect("readable")), "one");
    let gpg = Gpg::new();
    gpg.import(&own.key);
    assert_eq!(gpg.must(&["--decrypt", own.path("a.gpg").to_str().expect("text")], b""), b"one\n");

    own.vault.remove_recipient(Path::new(""), &own.key.fingerprint()).expect("taken out");
    assert_eq!(text(&hers.get(&name("a")).expect("readable")), "one");
    assert!(own.vault.get(&name("a")).expect_err("not for it").is_locked());
    assert!(hers.check(resilmesh_vault::Depth::Outside).expect("checked").is_good());
}

#[test]
fn keys_of_gpg_agent_decrypt_here() {
    for algorithm in ["future-default", "default"] {
        let gpg = Gpg::new();
        let fingerprint = gpg.make("ann", algorithm, "", &[]);
        let place = place();
        let vault = Vault::open(&place.path().join("v"), gpg.ring()).expect("a vault");
        vault.create(&gpg.certificate(&fingerprint)).expect("made");
        vault.set(&name("a"), &Secret::from("one")).expect("set");
        assert_eq!(text(&vault.get(&name("a")).expect("readable")), "one");
        assert_eq!(vault.rotate(None).expect("rotated").names, [name("a")]);
        assert_eq!(text(&vault.get(&name("a")).expect("readable")), "one");
        assert_eq!(vault.keys().owns(std::slice::from_ref(&fingerprint)), Some(fingerprint));
    }
}

#[test]
fn a_passphrase_at_hand_opens_a_key_of_gpg_agent_and_a_wrong_one_does_not() {
    let gpg = Gpg::new();
    let fingerprint = gpg.make("ann", "future-default", "right", &[]);
    gpg.forget();
    let place = place();
    let with = |passphrase| {
        let keys = Keyring::new(Vec::new(), Some(gpg.as_source()), Box::new(Given(passphrase)));
        Vault::open(&place.path().join("v"), keys).expect("a vault")
    };
    with("wrong").create(&gpg.certificate(&fingerprint)).expect("made");
    with("wrong").set(&name("a"), &Secret::from("one")).expect("encrypting needs no passphrase");
    let refused = with("wrong").get(&name("a")).expect_err("wrong");
    assert!(refused.to_string().starts_with("wrong passphrase for key"), "{refused}");
    let asking_nobody = Vault::open(&place.path().join("v"), gpg.ring()).expect("a vault");
    let locked = asking_nobody.get_with(&name("a"), resilmesh_vault::Prompting::Never).expect_err("locked");
    assert!(locked.is_locked(), "{locked}");
    assert_eq!(text(&with("right").get(&name("a")).expect("readable")), "one");
}

/// A store that pass has made, with a key that we have too.
fn pass_store(gpg: &Gpg, own: &resilmesh_vault::keys::KeyFile, store: &Path) {
    gpg.import(own);
    done("pass", gpg.run("pass", &["init", &own.fingerprint().to_hex()], b"", &[("PASSWORD_STORE_DIR", store)]));
}

#[test]
fn pass_and_we_share_a_store() {
    let place = place();
    let own = key(&place.path().join("keys"), "ann", KeyKind::Cv25519);
    let store = place.path().join("store");
    let gpg = Gpg::new();
    pass_store(&gpg, &own, &store);
    let pass = |args: &[&str], input: &[u8]| {
        done(&format!("pass {args:?}"), gpg.run("pass", args, input, &[("PASSWORD_STORE_DIR", &store)]))
    };
    pass(&["insert", "-m", "mail/me"], b"from pass\nuser: me\n");
    pass(&["insert", "-e", "one"], b"line\n");

    let vault = Vault::open(&store, ring(&[&own])).expect("a vault");
    assert_eq!(vault.names().expect("listed"), [name("mail/me"), name("one")]);
    assert_eq!(text(&vault.get(&name("mail/me")).expect("readable")), "from pass\nuser: me");
    assert_eq!(text(&vault.get(&name("one")).expect("readable")), "line");
    assert_eq!(vault.certificate(&own.fingerprint()).expect("the key is here").fingerprint(), own.fingerprint());

    vault.set(&name("from/us"), &Secret::from("ours")).expect("set");
    assert_eq!(pass(&["show", "from/us"], b""), b"ours\n");
    let tree = String::from_utf8(pass(&["ls"], b"")).expect("text");
    assert!(tree.contains("from") && tree.contains("us"), "{tree}");

    // A recipient let in here is one for pass, which then finds nothing to re-encrypt.
    let bob = key(&place.path().join("keys"), "bob", KeyKind::Cv25519);
    vault.add_recipient(Path::new(""), &bob.certificate()).expect("let in");
    gpg.import(&bob);
    let before = fs::read(vault.file(&name("one"))).expect("readable");
    pass(&["init", &own.fingerprint().to_hex(), &bob.fingerprint().to_hex()], b"");
    assert_eq!(fs::read(vault.file(&name("one"))).expect("readable"), before);
    pass(&["insert", "-e", "two"], b"for both\n");
    let his = Vault::open(&store, ring(&[&bob])).expect("a vault");
    assert_eq!(text(&his.get(&name("two")).expect("readable")), "for both");
    assert!(his.check(resilmesh_vault::Depth::Outside).expect("checked").is_good());
}

#[test]
fn pass_sees_the_recipients_of_a_subfolder_as_we_do() {
    let place = place();
    let own = key(&place.path().join("keys"), "ann", KeyKind::Cv25519);
    let bob = key(&place.path().join("keys"), "bob", KeyKind::Cv25519);
    let store = place.path().join("store");
    let gpg = Gpg::new();
    pass_store(&gpg, &own, &store);
    gpg.import(&bob);
    let pass = |args: &[&str], input: &[u8]| {
        done(&format!("pass {args:?}"), gpg.run("pass", args, input, &[("PASSWORD_STORE_DIR", &store)]))
    };
    pass(&["init", "-p", "team", &own.fingerprint().to_hex(), &bob.fingerprint().to_hex()], b"");
    let vault = Vault::open(&store, Keyring::new(vec![own.clone()], Some(gpg.as_source()), Box::new(NoPassphrases)));
    let vault = vault.expect("a vault");
    vault.set(&name("team/deep/a"), &Secret::from("shared")).expect("set");
    vault.set(&name("mine"), &Secret::from("mine")).expect("set");
    let his = Vault::open(&store, ring(&[&bob])).expect("a vault");
    assert_eq!(text(&his.get(&name("team/deep/a")).expect("readable")), "shared");
    assert!(his.get(&name("mine")).expect_err("not his").is_locked());
}

#[test]
fn a_vault_of_meshroom_is_read_with_a_key_file_and_through_gpg_agent() {
    let place = place();
    let own = key(&place.path().join("keys"), "ann", KeyKind::Rsa);
    let gpg = Gpg::new();
    gpg.import(&own);
    let document = r#"{"edr_edr-1_token": "one", "edr_edr-1_options": {"retry": [1, "two"]}}"#;
    let bytes = gpg.must(&["--encrypt", "--armor", "--recipient", "ann"], document.as_bytes());
    assert!(bytes.starts_with(b"-----BEGIN PGP MESSAGE-----"));
    let file = place.path().join("secrets.gpg");
    fs::write(&file, bytes).expect("writable");
    for keys in [ring(&[&own]), gpg.ring()] {
        let found = import::meshroom(&file, &keys, Prompting::Allowed).expect("readable");
        let found: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), text(&value.as_read()))).collect();
        let options = r#"{"retry":[1,"two"]}"#.to_owned();
        assert_eq!(found, [("edr_edr-1_options", options), ("edr_edr-1_token", "one".to_owned())]);
    }
    fs::write(&file, gpg.must(&["--encrypt", "--recipient", "ann"], b"[\"hunter2\"]")).expect("writable");
    let refused = import::meshroom(&file, &ring(&[&own]), Prompting::Allowed).expect_err("refused").to_string();
    assert_eq!(refused, format!("`{}` cannot be imported: it is not a JSON object", file.display()));
}
