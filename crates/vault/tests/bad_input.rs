//! What a vault refuses, with what it says.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use resilmesh_vault::keys::{KeyFile, KeyFolder, KeyKind, NewKey, NoPassphrases, Passphrases, Protection};
use resilmesh_vault::{Certificate, Keyring, Prompting, Secret, Validity, Vault, VaultError};
use support::{Given, Gpg, OwnVault, key, name, ring, text};

fn locked(own: &OwnVault) -> KeyFile {
    let protection = Protection::Passphrase(Secret::from("right"));
    let new = NewKey { user_id: "Eve".to_owned(), kind: KeyKind::Cv25519, protection };
    let key = new.make(&KeyFolder::new(own.place.path().join("hers"))).expect("a key");
    own.vault.add_recipient(Path::new(""), &key.certificate()).expect("let in");
    key
}

fn refusal(vault: &Vault, at: &str) -> String {
    vault.get(&name(at)).expect_err("refused").to_string()
}

/// Somebody who mistypes as often as they can.
struct Mistyping(Arc<AtomicU32>);

impl Passphrases for Mistyping {
    fn given(&self) -> Result<Option<Secret>, String> {
        Ok(None)
    }

    fn ask(&self, key: &str, attempt: u32) -> Result<Option<Secret>, String> {
        assert!(key.contains("Eve"), "{key}");
        assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), attempt);
        Ok(Some(Secret::from("rihgt")))
    }
}

#[test]
fn a_wrong_passphrase_is_said_and_asked_for_three_times_only() {
    let own = OwnVault::new();
    own.set("a", "one");
    own.set("b", "two");
    let key = locked(&own);
    let wrong = own.seen_by(Keyring::new(vec![key.clone()], None, Box::new(Given("wrong"))));
    let said = refusal(&wrong, "a");
    assert_eq!(said, format!("wrong passphrase for key {} (Eve)", key.fingerprint()));
    let asked = Arc::new(AtomicU32::new(0));
    let typed = own.seen_by(Keyring::new(vec![key.clone()], None, Box::new(Mistyping(Arc::clone(&asked)))));
    assert!(refusal(&typed, "a").starts_with("wrong passphrase"));
    assert!(refusal(&typed, "b").contains("needs its passphrase"));
    assert_eq!(asked.load(Ordering::Relaxed), 3, "nobody is asked again for the next secret");
    let nobody = own.seen_by(Keyring::new(vec![key.clone()], None, Box::new(NoPassphrases)));
    assert_eq!(refusal(&nobody, "a"), format!("key {} (Eve) needs its passphrase", key.fingerprint()));
}

#[test]
fn a_missing_key_is_said_with_the_recipients() {
    let own = OwnVault::new();
    own.set("a", "one");
    let stranger = key(&own.place.path().join("keys"), "bob", KeyKind::Cv25519);
    for keys in [Keyring::empty(), ring(&[&stranger]), Gpg::new().ring()] {
        let said = refusal(&own.seen_by(keys), "a");
        let start = format!("none of the keys here opens `{}`; it is encrypted to ", own.path("a.gpg").display());
        assert!(said.starts_with(&start), "{said}");
    }
}

#[test]
fn every_cut_and_every_changed_byte_is_noticed() {
    let own = OwnVault::new();
    own.set("a", "one");
    let whole = fs::read(own.path("a.gpg")).expect("readable");
    let refused = |bytes: &[u8], what: &str| {
        fs::write(own.path("a.gpg"), bytes).expect("writable");
        match own.vault.get(&name("a")) {
            Ok(value) => panic!("{what} was read as {:?}", text(&value)),
            Err(error) => assert!(error.to_string().contains("a.gpg`"), "{what}: {error}"),
        }
    };
    for length in 0..whole.len() {
        refused(&whole[..length], &format!("the first {length} bytes"));
    }
    // A PKESK says who it is for, which is not protected: whoever it names instead has no such key.
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        refused(&changed, &format!("a change at byte {at} of {}", whole.len()));
    }
}

#[test]
fn gpg_notices_a_change_too() {
    let gpg = Gpg::new();
    let fingerprint = gpg.make("ann", "future-default", "", &[]);
    let own = OwnVault::new();
    own.vault.add_recipient(Path::new(""), &gpg.certificate(&fingerprint)).expect("let in");
    own.set("a", "one");
    let mut bytes = fs::read(own.path("a.gpg")).expect("readable");
    *bytes.last_mut().expect("not empty") ^= 1;
    fs::write(own.path("a.gpg"), &bytes).expect("writable");
    let said = refusal(&own.seen_by(gpg.ring()), "a");
    assert!(said.contains("a.gpg` is damaged: it was changed"), "{said}");
}

#[test]
fn what_is_not_encrypted_is_no_secret() {
    let own = OwnVault::new();
    let gpg = Gpg::new();
    let plain = gpg.must(&["--store"], b"in clear");
    let by_password = gpg.must(&["--symmetric", "--passphrase", "x"], b"by password");
    for bytes in [&b""[..], b"in clear", &plain, &by_password] {
        fs::write(own.path("a.gpg"), bytes).expect("writable");
        assert!(refusal(&own.vault, "a").contains("a.gpg` is damaged"));
    }
}

#[test]
fn an_expired_recipient_is_named_and_the_old_value_stays() {
    let own = OwnVault::new();
    own.set("a", "old");
    let gpg = Gpg::new();
    let expired = gpg.make("old", "default", "", &["--faked-system-time", "20240101T000000"]);
    let certificate = gpg.certificate(&expired);
    assert!(matches!(certificate.validity(), Validity::Expired(_)));
    let refused = own.vault.add_recipient(Path::new(""), &certificate).expect_err("refused").to_string();
    assert_eq!(
        refused,
        format!("nothing can be encrypted to recipient {expired} (old <old@example.org>): it expired on 2024-01-02")
    );
    // As a repository may have it after a while.
    fs::write(own.path(".gpg-id"), format!("{}\n{expired}\n", own.key.fingerprint())).expect("writable");
    fs::write(own.path(&format!(".public-keys/{expired}")), certificate.armoured().expect("armoured")).expect("w");
    assert!(matches!(own.vault.set(&name("a"), &Secret::from("new")), Err(VaultError::Unusable { .. })));
    assert_eq!(own.get("a"), "old");
    // GnuPG may know that it was renewed.
    gpg.must(&["--quick-set-expire", &expired.to_hex(), "0"], b"");
    gpg.must(&["--quick-set-expire", &expired.to_hex(), "0", "*"], b"");
    own.seen_by(gpg.ring()).set(&name("a"), &Secret::from("new")).expect("set");
    assert_eq!(own.get("a"), "new");
}

#[test]
fn a_certificate_under_another_name_is_not_taken() {
    let own = OwnVault::new();
    let stranger = key(&own.place.path().join("keys"), "eve", KeyKind::Cv25519);
    let file = own.path(&format!(".public-keys/{}", own.key.fingerprint()));
    fs::write(&file, stranger.certificate().armoured().expect("armoured")).expect("writable");
    let refused = own.vault.set(&name("a"), &Secret::from("x")).expect_err("refused").to_string();
    assert!(refused.ends_with(&format!("it is the one of {}", stranger.fingerprint())), "{refused}");
    assert!(!own.path("a.gpg").exists());
}

#[test]
fn nothing_is_encrypted_to_somebody_who_is_named_vaguely() {
    let own = OwnVault::new();
    fs::write(own.path(".gpg-id"), "ann@example.org\n").expect("writable");
    let refused = own.vault.set(&name("a"), &Secret::from("x")).expect_err("refused").to_string();
    assert!(refused.contains("`ann@example.org` is no fingerprint"), "{refused}");
}

#[test]
fn links_are_not_followed() {
    let own = OwnVault::new();
    let outside = own.place.path().join("outside");
    fs::create_dir(&outside).expect("writable");
    own.set("real", "one");
    fs::copy(own.path("real.gpg"), outside.join("x.gpg")).expect("writable");
    symlink(&outside, own.path("folder")).expect("writable");
    symlink(outside.join("x.gpg"), own.path("file.gpg")).expect("writable");
    symlink(outside.join("list"), own.path("sub")).expect("writable");
    assert_eq!(own.vault.names().expect("listed"), [name("real")]);
    for at in ["folder/x", "file", "sub/a"] {
        assert!(refusal(&own.vault, at).ends_with("is a symbolic link: a vault holds files only"), "{at}");
        assert!(matches!(own.vault.set(&name(at), &Secret::from("x")), Err(VaultError::Link(_))), "{at}");
        assert!(matches!(own.vault.remove(&name(at)), Err(VaultError::Link(_))), "{at}");
    }
    assert_eq!(fs::read_dir(&outside).expect("listed").count(), 1);
}

#[test]
fn a_secret_of_100_mb_is_refused_before_anything_is_written() {
    let own = OwnVault::new();
    let large = Secret::new(vec![b'x'; 100 * 1024 * 1024]);
    let refused = own.vault.set(&name("large"), &large).expect_err("refused").to_string();
    assert_eq!(refused, "secret `large` is larger than the 1048576 bytes that a secret may have");
    assert!(!own.path("large.gpg").exists());
    let file = fs::File::create(own.path("large.gpg")).expect("writable");
    file.set_len(100 * 1024 * 1024).expect("sparse");
    assert_eq!(refusal(&own.vault, "large"), "secret `large` is larger than the 1048576 bytes that a secret may have");
}

#[test]
fn a_small_file_that_unpacks_to_a_large_secret_is_refused() {
    let own = OwnVault::new();
    let gpg = Gpg::new();
    gpg.import(&own.key);
    let packed = gpg.must(&["--encrypt", "--recipient", "ann"], &vec![0; 3 * 1024 * 1024]);
    assert!(packed.len() < 100_000);
    fs::write(own.path("a.gpg"), packed).expect("writable");
    for vault in [own.seen_by(ring(&[&own.key])), own.seen_by(gpg.ring())] {
        assert!(matches!(vault.get(&name("a")), Err(VaultError::TooLarge { .. })));
    }
}

#[test]
fn a_key_file_that_others_may_read_is_not_used() {
    let own = OwnVault::new();
    let folder = KeyFolder::new(own.place.path().join("keys"));
    assert_eq!(fs::metadata(own.key.place()).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(folder.path()).expect("there").permissions().mode() & 0o777, 0o700);
    fs::set_permissions(own.key.place(), fs::Permissions::from_mode(0o640)).expect("ours");
    let refused = folder.keys().expect_err("refused").to_string();
    assert!(refused.ends_with("others may read it (mode 0640); `chmod 600` closes it"), "{refused}");
    let public = own.key.certificate().armoured().expect("armoured");
    let refused = KeyFile::parse(&Secret::new(public), Path::new("x")).expect_err("refused").to_string();
    assert!(refused.ends_with("it holds no secret key, only a public one"), "{refused}");
    assert!(Certificate::parse(b"nonsense", "x").is_err());
}

#[test]
fn nobody_is_asked_where_nobody_may_be_asked() {
    let own = OwnVault::new();
    own.set("a", "one");
    let key = locked(&own);
    let asked = Arc::new(AtomicU32::new(0));
    let vault = own.seen_by(Keyring::new(vec![key], None, Box::new(Mistyping(Arc::clone(&asked)))));
    assert!(vault.get_with(&name("a"), Prompting::Never).expect_err("locked").is_locked());
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}
