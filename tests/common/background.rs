//! The program at work while a test goes on.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::TestProject;

/// Far more than it takes, on a loaded machine too.
const DEADLINE: Duration = Duration::from_secs(60);

/// The program in a process group of its own; killed with the test.
pub struct Background {
    child: Child,
    reading: Option<std::thread::JoinHandle<(String, String)>>,
}

impl Background {
    /// Starts the program in the project.
    pub fn start(project: &TestProject, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_resilmesh"))
            .args(args)
            .current_dir(project.root())
            .env_clear()
            .env("HOME", project.home())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let reading = std::thread::spawn(move || {
            let other = std::thread::spawn(move || text(&mut out));
            let err = text(&mut err);
            (other.join().expect("it reads"), err)
        });
        Self { child, reading: Some(reading) }
    }

    /// Its number.
    pub fn id(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id()), signal).expect("it runs");
    }

    /// Waits until it ends: exit code (none if killed), standard output, standard error.
    pub fn end(mut self) -> (Option<i32>, String, String) {
        let end = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let (out, err) = self.reading.take().expect("it is read once").join().expect("it reads");
        (status.code(), out, err)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    // What was read until a pipe broke is all there is.
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

impl TestProject {
    /// Waits until a hook has noted this line.
    pub fn wait_for_trace(&self, line: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.trace().iter().any(|noted| noted == line) {
            assert!(Instant::now() < end, "`{line}` was never noted, only {:?}", self.trace());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
