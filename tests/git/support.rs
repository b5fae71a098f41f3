//! People with homes of their own, who share a mesh through repositories below one temporary folder.

#![allow(unreachable_pub, reason = "the tests beside it use it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// One temporary folder for all that a test does.
pub struct Place {
    folder: TempDir,
}

/// A person: a home, and a name that git knows.
pub struct Person {
    home: PathBuf,
    place: PathBuf,
    variables: Vec<(String, String)>,
}

/// What a program did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().expect("it is there").join(name)
    }

    /// A person whom git knows.
    pub fn person(&self, name: &str) -> Person {
        let person = self.stranger(name);
        let config = format!("[user]\n\tname = {name}\n\temail = {name}@example.org\n[init]\n\tdefaultBranch = main\n");
        std::fs::write(person.home.join(".gitconfig"), config).expect("writable");
        person
    }

    /// Somebody who is there already, with an environment of their own.
    pub fn again(&self, name: &str) -> Person {
        Person { home: self.path(name), place: self.path(""), variables: Vec::new() }
    }

    /// A person whom git does not know.
    pub fn stranger(&self, name: &str) -> Person {
        let home = self.path(name);
        std::fs::create_dir(&home).expect("writable");
        Person { home, place: self.path(""), variables: Vec::new() }
    }

    /// An empty repository without files, to be shared through.
    pub fn bare(&self, name: &str) -> String {
        let path = self.path(name);
        let made = Command::new("git").args(["init", "-q", "--bare", "-b", "main"]).arg(&path).output();
        assert!(made.expect("git is installed: Debian package `git`").status.success());
        path.display().to_string()
    }
}

impl Person {
    /// With a variable set in all that they do.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.variables.push((key.to_owned(), value.into()));
        self
    }

    /// Their home, in which they work.
    pub fn path(&self, below: &str) -> PathBuf {
        self.home.join(below)
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("below their home")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }

    /// A file that can be run.
    pub fn program(&self, path: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        self.write(path, text);
        std::fs::set_permissions(self.path(path), std::fs::Permissions::from_mode(0o755)).expect("writable");
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn has(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// Runs a program in a folder below their home; no terminal, nothing on standard input.
    pub fn run(&self, program: &str, folder: &str, args: &[&str]) -> Done {
        let output = self.command(program, folder).args(args).output();
        self.done(output.unwrap_or_else(|error| panic!("{program} cannot be started, is it installed? {error}")))
    }

    pub fn command(&self, program: &str, folder: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path(folder))
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C")
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null());
        command
    }

    fn done(&self, output: Output) -> Done {
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).expect("it prints UTF-8").replace(&self.place.display().to_string(), "[PLACE]/")
        };
        let code = output.status.code().expect("it was not killed");
        Done { code, out: text(output.stdout), err: text(output.stderr).replace("[PLACE]//", "[PLACE]/") }
    }

    pub fn resilmesh(&self, folder: &str, args: &[&str]) -> Done {
        self.run(env!("CARGO_BIN_EXE_resilmesh"), folder, args)
    }

    /// Runs resilmesh, which must succeed; what it printed as data.
    pub fn must(&self, folder: &str, args: &[&str]) -> String {
        let done = self.resilmesh(folder, args);
        assert_eq!(done.code, 0, "resilmesh {}\n{}{}", args.join(" "), done.out, done.err);
        done.out
    }

    /// Runs resilmesh, which must fail; what it said.
    pub fn refused(&self, folder: &str, args: &[&str]) -> String {
        let done = self.resilmesh(folder, args);
        assert_eq!(done.code, 1, "resilmesh {}\n{}{}", args.join(" "), done.out, done.err);
        done.err
    }

    pub fn json(&self, folder: &str, args: &[&str]) -> serde_json::Value {
        let out = self.must(folder, &[args, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// Runs git, which must succeed; what it printed.
    pub fn git(&self, folder: &str, args: &[&str]) -> String {
        let done = self.run("git", folder, args);
        assert_eq!(done.code, 0, "git {}\n{}{}", args.join(" "), done.out, done.err);
        done.out.trim_end().to_owned()
    }

    /// Puts a secret into the vault of the mesh in a folder.
    pub fn set_secret(&self, folder: &str, name: &str, value: &str) {
        let mut command = self.command(env!("CARGO_BIN_EXE_resilmesh"), folder);
        let mut child = command.args(["secret", "set", name, "-"]).stdin(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(value.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success(), "secret set {name}");
    }

    /// Commits all that is in a folder, with git.
    pub fn commit(&self, folder: &str, message: &str) {
        self.git(folder, &["add", "-A"]);
        self.git(folder, &["commit", "-q", "-m", message]);
    }

    /// A mesh of two tenants and one plug, in a folder called `mesh`.
    pub fn small_mesh(&self) {
        self.must("", &["init", "mesh"]);
        for (path, text) in SMALL {
            self.write(&format!("mesh/{path}"), text);
        }
        self.commit("mesh", "Add the products and instances");
    }
}

/// Two products of vendors, an instance of each, and a plug.
pub const SMALL: [(&str, &str); 6] = [
    (
        "products/edr/definition.yaml",
        "settings:\n- name: region\n- name: retention\n- name: tags\n  type: array\nproduces:\n  alerts:\n  - owns_both: true\n    renders: [{template: a.txt, to: a.txt}]\n",
    ),
    ("products/edr/templates/a.txt", "{{ instance.name }}\n"),
    ("products/siem/definition.yaml", "consumes:\n  alerts:\n  - {}\n"),
    (
        "instances/edr/edr-1/config.yaml",
        "# the agents\nname: edr-1\nproduct: edr\nsettings:\n  # where\n  region: eu1\n  # how long\n  retention: 30d\n",
    ),
    (
        "instances/edr/edr-1/plugs/siem-1/alerts.yaml",
        "dst_instance: siem-1\nmode: push\nsrc_instance: edr-1\ntopic: alerts\n",
    ),
    ("instances/siem/siem-1/config.yaml", "name: siem-1\nproduct: siem\n"),
];

/// Whether a path is a file that its owner may run.
pub fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|there| there.is_file() && there.permissions().mode() & 0o100 != 0)
}
