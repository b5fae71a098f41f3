//! A project and the people who use it, each with a home of their own.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Somebody with a home, a clone of the project, and GnuPG. Paths are short: gpg-agent's socket must
/// fit into 100 bytes.
pub(crate) struct Person {
    place: TempDir,
    name: &'static str,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Person {
    /// With an empty project in a git repository.
    pub(crate) fn with_project(name: &'static str) -> Self {
        let person = Self::new(name);
        fs::create_dir(person.project()).expect("writable");
        person.run(&["init", "--no-key"], b"").good();
        person
    }

    /// With a clone of somebody else's project.
    pub(crate) fn who_clones(name: &'static str, other: &Person) -> Self {
        let person = Self::new(name);
        let origin = other.project();
        let args = ["clone", "--quiet", origin.to_str().expect("text"), "p"];
        let done = person.command("git", person.place.path()).args(args).status().expect("git runs");
        assert!(done.success(), "git clone");
        person
    }

    fn new(name: &'static str) -> Self {
        let place = tempfile::Builder::new().prefix("rs").tempdir_in("/tmp").expect("a temporary folder");
        for folder in ["g", "run"] {
            fs::create_dir(place.path().join(folder)).expect("writable");
            fs::set_permissions(place.path().join(folder), fs::Permissions::from_mode(0o700)).expect("ours");
        }
        let config = format!("[user]\nname = {name}\nemail = {name}@example.org\n[pull]\nrebase = false\n");
        fs::write(place.path().join(".gitconfig"), config).expect("writable");
        Self { place, name }
    }

    pub(crate) fn home(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.place.path().join("p")
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.project().join(below)
    }

    /// What the environment of everything this person starts has.
    pub(crate) fn variables(&self) -> Vec<(&'static str, std::ffi::OsString)> {
        vec![
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("HOME", self.home().into()),
            ("GNUPGHOME", self.home().join("g").into()),
            ("LC_ALL", "C.UTF-8".into()),
        ]
    }

    pub(crate) fn command(&self, program: impl AsRef<OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().envs(self.variables());
        command
    }

    /// Runs `resilmesh` with this standard input.
    pub(crate) fn run(&self, args: &[&str], input: &[u8]) -> Outcome {
        self.run_with(args, &[], input)
    }

    pub(crate) fn run_with(&self, args: &[&str], variables: &[(&str, &str)], input: &[u8]) -> Outcome {
        let mut command = self.command(env!("CARGO_BIN_EXE_resilmesh"), &self.project());
        self.finish(command.args(args).envs(variables.iter().copied()), input)
    }

    pub(crate) fn finish(&self, command: &mut Command, input: &[u8]) -> Outcome {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(
                |error| panic!("{command:?}: {error}; `scripts/bootstrap test` installs what is missing"),
            );
        // Who does not read it may have ended.
        let _ = child.stdin.take().expect("piped").write_all(input);
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.replace(&self.home().display().to_string(), &format!("[{}]", self.name))
        };
        Outcome { code: output.status.code().expect("not killed"), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Sets a secret.
    pub(crate) fn set(&self, name: &str, value: &str) {
        self.run(&["secret", "set", name], value.as_bytes()).good();
    }

    /// The value of a secret.
    pub(crate) fn get(&self, name: &str) -> String {
        self.run(&["secret", "get", name], b"").good()
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.finish(self.command("git", &self.project()).args(args), b"").good()
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    pub(crate) fn gpg(&self, args: &[&str], input: &[u8]) -> Outcome {
        let mut command = self.command("gpg", self.home());
        command.args(["--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""]);
        self.finish(command.args(args), input)
    }

    /// Gives GnuPG this person's key; its fingerprint.
    pub(crate) fn key_into_gpg(&self) -> String {
        let folder = self.home().join(".local/share/resilmesh/keys");
        let entry = fs::read_dir(folder).expect("a key was made").next().expect("one").expect("readable");
        let fingerprint = entry.path().file_stem().expect("a name").to_string_lossy().into_owned();
        self.gpg(&["--import", entry.path().to_str().expect("text")], b"").good();
        self.gpg(&["--import-ownertrust"], format!("{fingerprint}:6:\n").as_bytes()).good();
        fingerprint
    }
}

impl Person {
    /// Makes gpg-agent forget passphrases.
    pub(crate) fn forget_passphrases(&self) {
        let args =
            ["--homedir", &self.home().join("g").display().to_string(), "--kill", "gpg-agent"].map(str::to_owned);
        assert!(Command::new("gpgconf").args(args).status().expect("gpgconf runs").success());
    }

    /// Makes a key in GnuPG that expired long ago; its fingerprint.
    pub(crate) fn expired_key(&self, who: &str) -> String {
        let user_id = format!("{who} <{who}@example.org>");
        let then = ["--faked-system-time", "20240101T000000", "--quick-generate-key", &user_id, "default", "default"];
        self.gpg(&[&then[..], &["1d"]].concat(), b"").good();
        let listed = self.gpg(&["--with-colons", "--list-keys", who], b"").good();
        let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("a fingerprint");
        line.split(':').nth(9).expect("a field").to_owned()
    }

    /// Makes somebody a recipient as another member's commit would: by the files alone.
    pub(crate) fn list_recipient(&self, folder: &str, fingerprint: &str, certificate: &str) {
        let list = self.path("secrets").join(folder).join(".gpg-id");
        let before = fs::read_to_string(&list).unwrap_or_default();
        fs::write(&list, format!("{before}{fingerprint}\n")).expect("writable");
        fs::write(self.path("secrets/.public-keys").join(fingerprint), certificate).expect("writable");
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let gpg = self.home().join("g");
        let _ = Command::new("gpgconf").arg("--homedir").arg(gpg).args(["--kill", "all"]).status();
    }
}

impl Outcome {
    /// What it printed; it must have succeeded.
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// What it complained of; it must have failed like that.
    pub(crate) fn bad(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self.err
    }
}
