//! A process that is killed at any moment of writing leaves every secret with its old value or its
//! new one.
//!
//! This program starts itself again as the process that stops, without any clean-up, at the n-th
//! step; for n = 1, 2, ... until there is no such step any more.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is its own test harness")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};

use resilmesh_vault::keys::{KeyFile, KeyKind};
use resilmesh_vault::{Depth, Prompting, Secret, Vault, VaultError};
use support::{OwnVault, key, name, ring, text};

/// The exit code of a worker that came to its end.
const FINISHED: i32 = 0;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, folder, key, other, what, stop] = args.as_slice()
        && word == "--worker"
    {
        worker(Path::new(folder), Path::new(key), Path::new(other), what, stop.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    for what in ["set", "set-new", "rotate", "add", "remove"] {
        scenario(what);
        println!("test killed_during_{what} ... ok");
    }
    ExitCode::SUCCESS
}

fn worker(folder: &Path, own: &Path, other: &Path, what: &str, stop: usize) {
    let own = KeyFile::read(own).expect("a key");
    let other = KeyFile::read(other).expect("a key");
    let seen = AtomicUsize::new(0);
    let vault = Vault::open(folder, ring(&[&own])).expect("a vault").with_watch(move |_| {
        if seen.fetch_add(1, Ordering::SeqCst) + 1 == stop {
            std::process::abort();
        }
    });
    let all = Path::new("");
    match what {
        "set" => vault.set(&name("a/0"), &Secret::from("new")).expect("set"),
        "set-new" => vault.set(&name("b/new"), &Secret::from("new")).expect("set"),
        "rotate" => drop(vault.rotate(None).expect("rotated")),
        "add" => drop(vault.add_recipient(all, &other.certificate()).expect("let in")),
        "remove" => match vault.remove_recipient(all, &other.fingerprint()) {
            Err(VaultError::NotARecipient(_)) => drop(vault.repair().expect("repaired")),
            done => drop(done.expect("taken out")),
        },
        other => panic!("no such work: {other}"),
    }
}

fn scenario(what: &str) {
    let this = std::env::current_exe().expect("this program");
    let mut stop = 0;
    loop {
        stop += 1;
        let own = OwnVault::new();
        let other = key(&own.place.path().join("keys"), "bob", KeyKind::Cv25519);
        (0..5).for_each(|n| own.set(&format!("a/{n}"), &format!("old {n}")));
        if what == "remove" {
            own.vault.add_recipient(Path::new(""), &other.certificate()).expect("let in");
        }
        let work = |stop: usize| {
            Command::new(&this)
                .arg("--worker")
                .args([own.vault.path(), own.key.place(), other.place()])
                .args([what, &stop.to_string()])
                .output()
                .expect("it starts")
        };
        let output = work(stop);
        let finished = output.status.code() == Some(FINISHED);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(finished || output.status.code().is_none(), "{what}, step {stop}: {}\n{message}", output.status);
        readable(&own, what, stop, finished);

        // What was left half done is done by doing it again, and nothing is left beside it.
        assert_eq!(work(usize::MAX).status.code(), Some(FINISHED), "{what}, step {stop}");
        readable(&own, what, stop, true);
        own.vault.rotate(None).expect("rotated");
        assert_eq!(leftovers(own.vault.path()), 0, "{what}, step {stop}");
        let report = own.vault.check(Depth::Open(Prompting::Never)).expect("checked");
        assert!(report.is_good(), "{what}, step {stop}: {report:?}");
        let readers = if what == "add" { 2 } else { 1 };
        assert!(report.entries.iter().all(|entry| entry.opened && entry.readers.len() == readers), "{report:?}");
        if finished {
            assert!(stop > 4, "{what} has more steps than {stop}");
            return;
        }
    }
}

/// Every secret has its old value or its new one; after the end, the new one.
fn readable(own: &OwnVault, what: &str, stop: usize, finished: bool) {
    for n in 0..5 {
        let value = own.get(&format!("a/{n}"));
        let new = what == "set" && n == 0;
        let old_is_good = value == format!("old {n}") && !(new && finished);
        assert!(old_is_good || new && value == "new", "{what}, step {stop}: {value}");
    }
    if what == "set-new" {
        match own.vault.get(&name("b/new")) {
            Ok(value) => assert_eq!(text(&value), "new"),
            Err(error) => assert!(!finished && error.to_string().starts_with("there is no"), "{what}, {stop}: {error}"),
        }
    }
}

fn leftovers(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("listed").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| {
            let path = entry.path();
            let own = usize::from(entry.file_name().to_string_lossy().ends_with(".tmp"));
            own + if path.is_dir() { leftovers(&path) } else { 0 }
        })
        .sum()
}
