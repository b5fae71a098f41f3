//! A project in a temporary folder, and the whole outcome of a command as one text.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

pub mod background;
pub mod python;
pub mod terminal;

/// A project in a folder of its own, gone after the test.
pub struct TestProject {
    place: TempDir,
}

impl TestProject {
    /// An empty folder called `mesh`.
    pub fn empty_folder() -> Self {
        let place = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(place.path().join("mesh")).expect("writable");
        Self { place }
    }

    /// A project with nothing in it.
    pub fn new() -> Self {
        let project = Self::empty_folder();
        project.must(&["init", "--no-key"]);
        project
    }

    /// A project with these files.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let project = Self::empty_folder();
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// The example of that name.
    pub fn example(name: &str) -> Self {
        let project = Self::empty_folder();
        project.must(&["init", "--no-key", "--from", name]);
        project
    }

    /// The project's folder.
    pub fn root(&self) -> PathBuf {
        self.place.path().join("mesh")
    }

    /// The folder that the program takes for the user's home; the project's lies in it.
    pub fn home(&self) -> &Path {
        self.place.path()
    }

    /// Puts a file into the project.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Whether there is such a file or folder.
    pub fn has(&self, path: &str) -> bool {
        self.root().join(path).exists()
    }

    /// Every file of the project, hidden ones too, but for git's own.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.root(), &self.root(), &mut files);
        files
    }

    /// Runs the program in the project: exit code, standard output, standard error. The environment
    /// is empty and standard input ends at once.
    pub fn output(&self, args: &[&str]) -> (i32, String, String) {
        self.output_with(args, &[])
    }

    /// Runs the program with these variables.
    pub fn output_with(&self, args: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
        self.output_of(args, variables, "")
    }

    /// Runs the program with these variables and this standard input.
    pub fn output_of(&self, args: &[&str], variables: &[(&str, &str)], input: &str) -> (i32, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_resilmesh"))
            .args(args)
            .current_dir(self.root())
            .env_clear()
            .env("HOME", self.place.path())
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        // A program that reads nothing may have ended already.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("the program ends");
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("the program prints UTF-8");
            let real = self.place.path().canonicalize().expect("it is there");
            text.replace(&real.display().to_string(), "[PLACE]")
                .replace(&self.place.path().display().to_string(), "[PLACE]")
        };
        (output.status.code().expect("it was not killed"), text(output.stdout), text(output.stderr))
    }

    /// Runs the program: all it does as one text, for a snapshot.
    pub fn run(&self, args: &[&str]) -> String {
        self.run_with(args, "")
    }

    /// Runs the program with this standard input: all it does as one text.
    pub fn run_with(&self, args: &[&str], input: &str) -> String {
        let (code, out, err) = self.output_of(args, &[], input);
        let part =
            |title: &str, text: &str| if text.is_empty() { String::new() } else { format!("-- {title}\n{text}") };
        format!("{}{}-- exit {code}", part("stdout", &out), part("stderr", &err))
    }

    /// Runs the program, which must succeed.
    pub fn must(&self, args: &[&str]) {
        let (code, out, err) = self.output(args);
        assert_eq!(code, 0, "resilmesh {}\n{out}{err}", args.join(" "));
    }

    /// Runs the program, which must succeed; what it prints.
    pub fn prints(&self, args: &[&str]) -> String {
        let (code, out, err) = self.output(args);
        assert_eq!(code, 0, "resilmesh {}\n{out}{err}", args.join(" "));
        out
    }

    /// Runs the program, which must succeed; what it says besides.
    pub fn says(&self, args: &[&str]) -> String {
        let (code, out, err) = self.output(args);
        assert_eq!(code, 0, "resilmesh {}\n{out}{err}", args.join(" "));
        err
    }

    /// Runs the program, which must fail; what it says.
    pub fn fails(&self, args: &[&str]) -> String {
        let (code, out, err) = self.output(args);
        assert_eq!(code, 1, "resilmesh {}\n{out}{err}", args.join(" "));
        err
    }

    /// Runs the program, which must fail and change nothing; what it does as one text.
    pub fn refused(&self, args: &[&str]) -> String {
        let before = self.files();
        let outcome = self.run(args);
        assert!(!outcome.ends_with("-- exit 0"), "resilmesh {} succeeded:\n{outcome}", args.join(" "));
        assert_eq!(self.files(), before, "resilmesh {} changed files", args.join(" "));
        outcome
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.ends_with(".git") {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("below the root").display().to_string();
            files.insert(name, std::fs::read(&path).expect("readable"));
        }
    }
}

/// The commands that make the soapa mesh from nothing.
pub const SOAPA: [&[&str]; 14] = [
    &["add", "syslog", "senders"],
    &["add", "logfile", "packages", "-c", "include=/var/log/dpkg.log"],
    &["add", "nats", "bus"],
    &["add", "vector", "collector"],
    &["add", "vector", "indexer"],
    &["add", "silentpush", "enrichment", "-c", "providers=local", "-c", "providers=silentpush"],
    &["add", "elasticsearch", "store"],
    &["plug", "logs", "senders", "collector"],
    &["plug", "logs", "packages", "collector", "-m", "pull"],
    &["plug", "ecs_events", "collector", "bus"],
    &["plug", "ecs_events", "bus", "enrichment", "-m", "pull"],
    &["plug", "enriched_events", "enrichment", "bus"],
    &["plug", "enriched_events", "bus", "indexer", "-m", "pull"],
    &["plug", "enriched_events", "indexer", "store"],
];
