//! Vaults, keys and the real gpg and pass, each in folders that go away.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use resilmesh_vault::keys::{GnuPg, KeyFile, KeyFolder, KeyKind, NewKey, NoPassphrases, Passphrases, Protection};
use resilmesh_vault::{Certificate, Fingerprint, Keyring, Secret, SecretName, Vault};
use tempfile::TempDir;

/// A folder with a short path: sockets of gpg-agent must fit into 100 bytes.
pub fn place() -> TempDir {
    tempfile::Builder::new().prefix("rv").tempdir_in("/tmp").expect("a temporary folder")
}

pub fn name(text: &str) -> SecretName {
    text.parse().expect("a name")
}

/// A passphrase that is at hand.
pub struct Given(pub &'static str);

impl Passphrases for Given {
    fn given(&self) -> Result<Option<Secret>, String> {
        Ok(Some(Secret::from(self.0)))
    }

    fn ask(&self, _: &str, _: u32) -> Result<Option<Secret>, String> {
        Err("nobody must be asked".to_owned())
    }
}

/// A key of ours, without a passphrase.
pub fn key(folder: &Path, who: &str, kind: KeyKind) -> KeyFile {
    let user_id = format!("{who} <{who}@example.org>");
    let new = NewKey { user_id, kind, protection: Protection::Unprotected };
    new.make(&KeyFolder::new(folder)).expect("a key")
}

/// A ring of these keys.
pub fn ring(files: &[&KeyFile]) -> Keyring {
    Keyring::new(files.iter().copied().cloned().collect(), None, Box::new(NoPassphrases))
}

/// A vault in `place` with one recipient, whose key it has.
pub struct OwnVault {
    pub place: TempDir,
    pub key: KeyFile,
    pub vault: Vault,
}

impl OwnVault {
    pub fn new() -> Self {
        let place = place();
        let key = key(&place.path().join("keys"), "ann", KeyKind::Cv25519);
        let vault = Vault::open(&place.path().join("v"), ring(&[&key])).expect("a vault");
        vault.create(&key.certificate()).expect("made");
        Self { place, key, vault }
    }

    pub fn set(&self, at: &str, value: &str) {
        self.vault.set(&name(at), &Secret::from(value)).expect("set");
    }

    pub fn get(&self, at: &str) -> String {
        text(&self.vault.get(&name(at)).expect("readable"))
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.vault.path().join(below)
    }

    /// The same folder as somebody else sees it.
    pub fn seen_by(&self, keys: Keyring) -> Vault {
        Vault::open(self.vault.path(), keys).expect("a vault")
    }
}

pub fn text(secret: &Secret) -> String {
    secret.expose_text().expect("text").to_owned()
}

/// A home of GnuPG with an agent of its own, which ends with it.
pub struct Gpg {
    home: TempDir,
}

impl Gpg {
    pub fn new() -> Self {
        let home = place();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).expect("ours");
        assert!(
            Command::new("gpg").arg("--version").output().is_ok(),
            "gpg is missing: `scripts/bootstrap test` installs it"
        );
        Self { home }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn as_source(&self) -> GnuPg {
        GnuPg::new("gpg").with_home(self.home())
    }

    /// A ring of nothing but what this GnuPG has.
    pub fn ring(&self) -> Keyring {
        Keyring::new(Vec::new(), Some(self.as_source()), Box::new(NoPassphrases))
    }

    /// Runs a program in this home, with this standard input.
    pub fn run(&self, program: &str, args: &[&str], input: &[u8], variables: &[(&str, &Path)]) -> Output {
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("GNUPGHOME", self.home())
            .env("LC_ALL", "C.UTF-8")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; `scripts/bootstrap test` installs it"));
        child.stdin.take().expect("piped").write_all(input).expect("it reads");
        child.wait_with_output().expect("it ends")
    }

    pub fn must(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut all = vec!["--batch", "--yes", "--pinentry-mode", "loopback"];
        all.extend(args);
        done("gpg", self.run("gpg", &all, input, &[]))
    }

    /// Makes a key that GnuPG keeps.
    pub fn make(&self, who: &str, algorithm: &str, passphrase: &str, more: &[&str]) -> Fingerprint {
        let user_id = format!("{who} <{who}@example.org>");
        let mut args = more.to_vec();
        args.extend(["--passphrase", passphrase, "--quick-generate-key", &user_id, algorithm]);
        // One that was made in the past ends there.
        args.extend(if more.is_empty() { [].as_slice() } else { ["default", "1d"].as_slice() });
        self.must(&args, b"");
        let listed = self.must(&["--with-colons", "--list-keys", who], b"");
        let listed = String::from_utf8(listed).expect("text");
        let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("a fingerprint");
        line.split(':').nth(9).expect("the tenth field").parse().expect("a fingerprint")
    }

    pub fn certificate(&self, fingerprint: &Fingerprint) -> Certificate {
        let bytes = self.must(&["--export", &fingerprint.to_hex()], b"");
        Certificate::parse(&bytes, "gpg").expect("a certificate")
    }

    /// Gives it a secret key, which it may encrypt to.
    pub fn import(&self, key: &KeyFile) {
        let bytes = fs::read(key.place()).expect("readable");
        self.must(&["--import"], &bytes);
        self.must(&["--import-ownertrust"], format!("{}:6:\n", key.fingerprint()).as_bytes());
    }

    /// Makes the agent forget passphrases.
    pub fn forget(&self) {
        let args = ["--homedir", self.home().to_str().expect("text"), "--kill", "gpg-agent"];
        assert!(Command::new("gpgconf").args(args).status().expect("gpgconf").success());
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.home()).args(["--kill", "all"]).status();
    }
}

pub fn done(what: &str, output: Output) -> Vec<u8> {
    assert!(output.status.success(), "{what}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    output.stdout
}
