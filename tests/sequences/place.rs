//! A home with a project in it, and the program at work there.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;

/// Far more than anything takes, on a loaded machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Taken down with the test.
pub(crate) struct Place {
    home: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let home = tempfile::Builder::new().prefix("rm-").tempdir().expect("a temporary folder");
        for folder in ["mesh", "tenants", "run"] {
            std::fs::create_dir(home.path().join(folder)).expect("folder");
        }
        // Others may not look into it, or it is not used.
        std::fs::set_permissions(home.path().join("run"), PermissionsExt::from_mode(0o700)).expect("mode");
        Self { home }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.home.path().join("mesh")
    }

    /// What hooks set up.
    pub(crate) fn tenants(&self) -> PathBuf {
        self.home.path().join("tenants")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resilmesh"));
        command.args(args).current_dir(self.project()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.home()).env("XDG_RUNTIME_DIR", self.home().join("run"));
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(std::env::var_os("RESILMESH_NATS_SERVER").map(|server| ("RESILMESH_NATS_SERVER", server)));
        command
    }

    /// Exit code, standard output, standard error.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.command(args).output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// Runs it; it must succeed.
    pub(crate) fn must(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "resilmesh {args:?}\n{out}{err}\n{}", self.logs());
        out
    }

    /// Runs a command that tells its steps, and kills it when it has told of a random one. Whether it still had
    /// something to do then.
    pub(crate) fn killed(&self, args: &[&str], random: &mut StdRng) -> bool {
        let mut child =
            self.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut left = None;
        for line in lines.map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).expect("JSON");
            if event["event"] != "step" {
                continue;
            }
            let steps = usize::try_from(event["of"].as_u64().expect("of how many")).expect("a count");
            // Each step begins and ends.
            let more = left.get_or_insert_with(|| random.random_range(0..2 * steps - 1));
            if *more == 0 {
                break;
            }
            *more -= 1;
        }
        let is_killed = left == Some(0);
        // It may have come to its end meanwhile.
        let _ = child.kill();
        let ended = child.wait().expect("it has ended");
        is_killed && !ended.success()
    }

    /// The end of every service's log.
    pub(crate) fn logs(&self) -> String {
        let files = std::fs::read_dir(self.project().join(".resilmesh/logs")).into_iter().flatten().flatten();
        let tail = |file: std::fs::DirEntry| {
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(10).collect();
            format!("-- {}\n{}\n", file.path().display(), lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        };
        files.map(tail).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.run(&["down"]);
        }
    }
}

/// Waits until there is nothing left of something.
pub(crate) fn until_none(what: &str, mut left: impl FnMut() -> Vec<String>) {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if left().is_empty() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("{what}: {:#?}", left());
}
