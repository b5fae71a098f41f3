//! The program at work while a test goes on.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::TestProject;

/// Far more than it takes, on a loaded machine too.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until something holds; `what` says what was waited for.
pub fn until(what: impl Fn() -> String, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "{}", what());
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The program in a process group of its own; killed with the test.
pub struct Background {
    child: Child,
    out: Printed,
    err: Printed,
}

/// What is printed on one of its outputs, as it comes.
struct Printed {
    text: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Printed {
    fn on(mut from: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&text);
        let reading = std::thread::spawn(move || {
            let mut part = [0; 4096];
            // What was read until a pipe broke is all there is.
            while let Ok(length @ 1..) = from.read(&mut part) {
                into.lock().expect("it reads").extend_from_slice(&part[..length]);
            }
        });
        Self { text, reading }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().expect("it reads")).into_owned()
    }

    /// All of it, once the program has ended. What it has started may still hold the pipe.
    fn to_the_end(&self) -> String {
        until(|| format!("something still holds the output: {}", self.so_far()), || self.reading.is_finished());
        self.so_far()
    }
}

impl Background {
    /// Starts the program in the project.
    pub fn start(project: &TestProject, args: &[&str]) -> Self {
        Self::start_with(project, args, &[])
    }

    /// Starts the program in the project, with these variables.
    pub fn start_with(project: &TestProject, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_resilmesh"))
            .args(args)
            .current_dir(project.root())
            .env_clear()
            .env("HOME", project.home())
            .envs(variables.iter().copied())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let out = Printed::on(child.stdout.take().expect("piped"));
        let err = Printed::on(child.stderr.take().expect("piped"));
        Self { child, out, err }
    }

    /// Waits until it has printed this.
    pub fn wait_for_output(&self, text: &str) {
        let what = || format!("`{text}` was never printed: {}{}", self.out.so_far(), self.err.so_far());
        until(what, || self.out.so_far().contains(text));
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
        until(|| "it does not end".to_owned(), || self.child.try_wait().expect("it can be waited for").is_some());
        let status = self.child.wait().expect("it has ended");
        (status.code(), self.out.to_the_end(), self.err.to_the_end())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl TestProject {
    /// Waits until a hook has noted this line.
    pub fn wait_for_trace(&self, line: &str) {
        self.wait_for(|trace| trace.iter().any(|noted| noted == line));
    }

    /// Waits until this is true of what hooks have noted.
    pub fn wait_for(&self, mut holds: impl FnMut(&[String]) -> bool) {
        until(|| format!("it never came to that: {:?}", self.trace()), || holds(&self.trace()));
    }
}
