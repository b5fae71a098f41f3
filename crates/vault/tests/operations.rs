//! What a vault does when all is well.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use resilmesh_vault::keys::{KeyFolder, KeyKind, NewKey, Protection};
use resilmesh_vault::{Depth, Finding, Keyring, Prompting, Secret, Validity, VaultError};
use support::{Given, Gpg, OwnVault, key, name, ring, text};

#[test]
fn a_secret_is_set_read_replaced_and_removed() {
    let own = OwnVault::new();
    own.set("edr/token", "one");
    own.set("edr/token", "two");
    own.set("edr", "beside the folder");
    assert_eq!(own.get("edr/token"), "two");
    assert_eq!(own.vault.names().expect("listed"), [name("edr"), name("edr/token")]);
    own.vault.remove(&name("edr/token")).expect("removed");
    assert!(!own.path("edr").exists(), "an empty folder goes");
    let gone = own.vault.get(&name("edr/token")).expect_err("gone");
    assert_eq!(gone.to_string(), "there is no secret `edr/token`");
    assert!(matches!(own.vault.remove(&name("edr/token")), Err(VaultError::NoSecret(_))));
    let left: Vec<_> = fs::read_dir(own.vault.path()).expect("listed").map(|e| e.expect("e").file_name()).collect();
    assert_eq!(left.len(), 3, ".gpg-id, .public-keys and the secret, nothing else: {left:?}");
}

#[test]
fn any_bytes_come_back_as_they_were() {
    let own = OwnVault::new();
    for value in [&b""[..], b"\n", b"a\r\n", b"\xff\n\0", "é\n\n".as_bytes(), &[0; 300_000]] {
        own.vault.set(&name("a"), &Secret::new(value)).expect("set");
        assert_eq!(own.vault.get(&name("a")).expect("readable"), Secret::new(value));
    }
}

#[test]
fn listing_needs_no_key_and_opens_nothing() {
    let own = OwnVault::new();
    own.set("b", "1");
    own.set("a/x", "2");
    fs::write(own.path("c.gpg"), "not even a message").expect("writable");
    let names = own.seen_by(Keyring::empty()).names().expect("listed");
    assert_eq!(names, [name("a/x"), name("b"), name("c")]);
}

#[test]
fn a_passphrase_protects_a_key_file() {
    let own = OwnVault::new();
    own.set("a", "one");
    let protection = Protection::Passphrase(Secret::from("open sesame"));
    let folder = KeyFolder::new(own.place.path().join("hers"));
    let new = NewKey { user_id: "Eve".to_owned(), kind: KeyKind::Cv25519, protection };
    let hers = new.make(&folder).expect("a key");
    own.vault.add_recipient(Path::new(""), &hers.certificate()).expect("let in");
    assert!(!hers.is_unprotected() && own.key.is_unprotected());
    let keys = || folder.keys().expect("listed");
    let vault = own.seen_by(Keyring::new(keys(), None, Box::new(Given("open sesame"))));
    assert_eq!(text(&vault.get(&name("a")).expect("readable")), "one");
}

#[test]
fn who_is_let_in_reads_everything_and_who_is_taken_out_nothing_new() {
    let own = OwnVault::new();
    own.set("a", "one");
    own.set("b/c", "two");
    let bob = key(&own.place.path().join("keys"), "bob", KeyKind::Cv25519);
    let his = own.seen_by(ring(&[&bob]));
    assert!(his.get(&name("a")).expect_err("not yet").is_locked());
    let done = own.vault.add_recipient(Path::new(""), &bob.certificate()).expect("let in");
    assert_eq!(done.names, [name("a"), name("b/c")]);
    assert_eq!(text(&his.get(&name("b/c")).expect("readable")), "two");
    let public = own.path(".public-keys").join(bob.fingerprint().to_hex());
    assert!(fs::read_to_string(&public).expect("readable").starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"));
    let again = own.vault.add_recipient(Path::new(""), &bob.certificate()).expect("let in");
    assert_eq!((again.names.len(), again.untouched), (0, 2));

    own.vault.remove_recipient(Path::new(""), &bob.fingerprint()).expect("taken out");
    assert!(his.get(&name("a")).expect_err("not any more").is_locked());
    assert_eq!(own.get("a"), "one");
    assert!(!public.exists());
    let gone = own.vault.remove_recipient(Path::new(""), &bob.fingerprint()).expect_err("gone");
    assert!(gone.to_string().ends_with("is no recipient"), "{gone}");
    let last = own.vault.remove_recipient(Path::new(""), &own.key.fingerprint()).expect_err("the last");
    assert!(last.to_string().contains("nobody could read"), "{last}");
}

#[test]
fn a_subfolder_has_recipients_of_its_own() {
    let own = OwnVault::new();
    own.set("team/a", "shared");
    own.set("mine", "mine");
    let bob = key(&own.place.path().join("keys"), "bob", KeyKind::Cv25519);
    let done = own.vault.add_recipient(Path::new("team"), &bob.certificate()).expect("let in");
    assert_eq!(done.names, [name("team/a")]);
    let his = own.seen_by(ring(&[&bob]));
    assert_eq!(text(&his.get(&name("team/a")).expect("readable")), "shared");
    assert!(his.get(&name("mine")).expect_err("not his").is_locked());
    // A change at the top leaves the folder with its own list alone.
    let eve = key(&own.place.path().join("keys"), "eve", KeyKind::Cv25519);
    let done = own.vault.add_recipient(Path::new(""), &eve.certificate()).expect("let in");
    assert_eq!(done.names, [name("mine")]);
    assert!(own.vault.check(Depth::Open(Prompting::Never)).expect("checked").is_good());
}

#[test]
fn rotate_encrypts_everything_anew_on_any_number_of_threads() {
    let own = OwnVault::new();
    let names: Vec<String> = (0..20).map(|n| format!("s/{n}")).collect();
    names.iter().for_each(|name| own.set(name, name));
    let bytes = || -> BTreeMap<&String, Vec<u8>> {
        names.iter().map(|name| (name, fs::read(own.path(&format!("{name}.gpg"))).expect("readable"))).collect()
    };
    for threads in [None, NonZeroUsize::new(1), NonZeroUsize::new(7)] {
        let before = bytes();
        let done = own.vault.rotate(threads).expect("rotated");
        assert_eq!((done.names.len(), done.untouched), (20, 0));
        let after = bytes();
        assert!(names.iter().all(|name| before[name] != after[name]));
        assert!(names.iter().all(|name| own.get(name) == *name));
    }
}

#[test]
fn one_secret_that_cannot_be_read_keeps_rotate_from_changing_any() {
    let own = OwnVault::new();
    own.set("a", "one");
    own.set("b", "two");
    fs::write(own.path("b.gpg"), "broken").expect("writable");
    let before = fs::read(own.path("a.gpg")).expect("readable");
    let refused = own.vault.rotate(None).expect_err("refused").to_string();
    assert!(refused.starts_with("nothing is changed: 1 of the secrets") && refused.contains("b.gpg"), "{refused}");
    assert_eq!(fs::read(own.path("a.gpg")).expect("readable"), before);
    assert!(
        !fs::read_dir(own.vault.path())
            .expect("listed")
            .any(|e| { e.expect("e").file_name().to_string_lossy().ends_with(".tmp") })
    );
}

#[test]
fn a_check_tells_who_can_read_what_and_what_is_wrong() {
    let own = OwnVault::new();
    own.set("good", "1");
    own.set("stale", "2");
    own.set("cut", "3");
    own.set("touched", "4");
    let stale = fs::read(own.path("stale.gpg")).expect("readable");
    let bob = key(&own.place.path().join("keys"), "bob", KeyKind::Cv25519);
    own.vault.add_recipient(Path::new(""), &bob.certificate()).expect("let in");
    fs::write(own.path("stale.gpg"), stale).expect("writable");
    let mut cut = fs::read(own.path("cut.gpg")).expect("readable");
    cut.truncate(cut.len() - 20);
    fs::write(own.path("cut.gpg"), cut).expect("writable");
    let mut touched = fs::read(own.path("touched.gpg")).expect("readable");
    *touched.last_mut().expect("not empty") ^= 1;
    fs::write(own.path("touched.gpg"), touched).expect("writable");
    fs::write(own.path("-x.gpg"), "").expect("writable");
    std::os::unix::fs::symlink("/etc/passwd", own.path("link.gpg")).expect("writable");

    let report = own.vault.check(Depth::Open(Prompting::Never)).expect("checked");
    let entry = |at: &str| report.entries.iter().find(|entry| entry.name == name(at)).expect("reported");
    assert!(entry("good").opened && entry("good").findings.is_empty());
    assert_eq!(entry("good").readers, [own.key.fingerprint().to_hex(), bob.fingerprint().to_hex()]);
    assert_eq!(entry("stale").findings, [Finding::Lacks(bob.fingerprint())]);
    for damaged in ["cut", "touched"] {
        let [Finding::Unreadable(why)] = entry(damaged).findings.as_slice() else { panic!("{:?}", entry(damaged)) };
        assert!(why.contains(&format!("{damaged}.gpg` is damaged")), "{why}");
    }
    let strays: Vec<_> = report.strays.iter().map(|stray| stray.path.display().to_string()).collect();
    assert_eq!(strays, ["-x.gpg", "link.gpg"]);
    assert!(report.keys.iter().all(|key| key.validity == Validity::Good(None)), "{:?}", report.keys);
    assert!(!report.is_good());

    let outside = own.vault.check(Depth::Outside).expect("checked");
    let cut = outside.entries.iter().find(|entry| entry.name == name("cut")).expect("reported");
    assert!(matches!(cut.findings.as_slice(), [Finding::Unreadable(_)]), "cutting is seen without a key: {cut:?}");
}

#[test]
fn repair_finishes_what_was_left_half_done() {
    let own = OwnVault::new();
    own.set("a", "1");
    own.set("b", "2");
    let stale = fs::read(own.path("a.gpg")).expect("readable");
    let bob = key(&own.place.path().join("keys"), "bob", KeyKind::Cv25519);
    own.vault.add_recipient(Path::new(""), &bob.certificate()).expect("let in");
    fs::write(own.path("a.gpg"), stale).expect("writable");
    let done = own.vault.repair().expect("repaired");
    assert_eq!((done.names.as_slice(), done.untouched), ([name("a")].as_slice(), 1));
    assert!(own.vault.check(Depth::Outside).expect("checked").is_good());
}

#[test]
fn the_next_write_takes_away_what_a_killed_one_left() {
    let own = OwnVault::new();
    own.set("a/x", "1");
    own.set("b/c/x", "2");
    let left = [".resilmesh-1.tmp", "a/.resilmesh-2.tmp", "b/c/.resilmesh-3.tmp", ".public-keys/.resilmesh-4.tmp"];
    let others = [".resilmesh-note", "a/.other.tmp"];
    let write = || left.iter().chain(&others).for_each(|file| fs::write(own.path(file), "x").expect("writable"));
    let is_there = |file: &&str| own.path(file).exists();
    write();
    own.set("new", "3");
    assert!(!left.iter().any(&is_there) && others.iter().all(&is_there));
    write();
    own.vault.remove(&name("new")).expect("removed");
    assert!(!left.iter().any(is_there));
}

#[test]
fn who_has_lapsed_keeps_nobody_from_being_taken_out() {
    let own = OwnVault::new();
    own.set("both", "one");
    let bob = key(&own.place.path().join("keys"), "bob", KeyKind::Cv25519);
    own.vault.add_recipient(Path::new(""), &bob.certificate()).expect("let in");
    let gpg = Gpg::new();
    let late = gpg.make("late", "default", "", &["--faked-system-time", "20240101T000000"]);
    let list = format!("{}\n{}\n{late}\n", own.key.fingerprint(), bob.fingerprint());
    fs::write(own.path(".gpg-id"), list).expect("writable");
    let public = own.path(&format!(".public-keys/{late}"));
    fs::write(&public, gpg.certificate(&late).armoured().expect("armoured")).expect("writable");

    let two = own.vault.rotate(None).expect_err("refused").to_string();
    let said =
        format!("nothing can be encrypted to recipient {late} (late <late@example.org>): it expired on 2024-01-02");
    assert_eq!(two, said, "once, however many secrets there are");
    let done = own.vault.remove_recipient(Path::new(""), &bob.fingerprint()).expect("taken out");
    assert_eq!(done.names, [name("both")]);
    assert_eq!(done.left_out.len(), 1);
    assert!(own.seen_by(ring(&[&bob])).get(&name("both")).expect_err("not any more").is_locked());
    assert_eq!(own.get("both"), "one");

    // Renewed, it is the same recipient again, and reads what she missed.
    gpg.must(&["--quick-set-expire", &late.to_hex(), "0"], b"");
    gpg.must(&["--quick-set-expire", &late.to_hex(), "0", "*"], b"");
    let done = own.vault.add_recipient(Path::new(""), &gpg.certificate(&late)).expect("renewed");
    assert_eq!((done.names.as_slice(), done.left_out.len()), ([name("both")].as_slice(), 0));
    assert_eq!(text(&own.seen_by(gpg.ring()).get(&name("both")).expect("readable")), "one");
    own.vault.set(&name("new"), &Secret::from("two")).expect("set");
}

#[test]
fn one_who_has_lapsed_is_taken_out_and_keeps_what_need_not_be_touched_till_then() {
    let own = OwnVault::new();
    own.set("old", "one");
    let gpg = Gpg::new();
    let late = gpg.make("late", "default", "", &["--faked-system-time", "20240101T000000"]);
    gpg.import(&own.key);
    let both = ["--recipient", "late", "--recipient", &own.key.fingerprint().to_hex()];
    let then = ["--faked-system-time", "20240101T000100", "--ignore-time-conflict", "--ignore-valid-from"];
    let always = ["--trust-model", "always", "--encrypt"];
    let theirs = gpg.must(&[&then[..], &always[..], &both[..]].concat(), b"theirs\n");
    fs::write(own.path("theirs.gpg"), &theirs).expect("writable");
    let bob = key(&own.place.path().join("keys"), "bob", KeyKind::Cv25519);
    let list = format!("{}\n{}\n{late}\n", own.key.fingerprint(), bob.fingerprint());
    fs::write(own.path(".gpg-id"), list).expect("writable");
    fs::write(own.path(&format!(".public-keys/{late}")), gpg.certificate(&late).armoured().expect("armoured"))
        .expect("writable");
    fs::write(own.path(&format!(".public-keys/{}", bob.fingerprint())), bob.certificate().armoured().expect("a"))
        .expect("writable");
    let done = own.vault.remove_recipient(Path::new(""), &bob.fingerprint()).expect("taken out");
    assert_eq!((done.names.len(), done.untouched), (0, 2), "bob could read neither");
    assert_eq!(fs::read(own.path("theirs.gpg")).expect("readable"), theirs, "she still reads it");
    let done = own.vault.remove_recipient(Path::new(""), &late).expect("taken out");
    assert_eq!((done.names.as_slice(), done.left_out.len()), ([name("theirs")].as_slice(), 0));
    assert!(own.vault.check(Depth::Open(Prompting::Never)).expect("checked").is_good());
}
