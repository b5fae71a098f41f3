//! Drives the real host as `resilmesh` does.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use resilmesh_hook_api::{Call, Failure, FromHost, HookKind, HookRef, Instance, Request, ToHost};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A project with products, and a host for it.
pub struct Bench {
    pub project: TempDir,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    last_call: u64,
}

/// How a call went.
#[derive(Debug)]
pub struct Outcome {
    pub logs: Vec<FromHost>,
    pub items: Vec<Value>,
    pub end: Result<Value, Failure>,
}

impl Outcome {
    /// The lines that people see.
    pub fn text(&self) -> String {
        self.logs
            .iter()
            .map(|log| if let FromHost::Log { text, .. } = log { format!("{text}\n") } else { String::new() })
            .collect()
    }

    pub fn value(&self) -> &Value {
        self.end.as_ref().unwrap_or_else(|error| panic!("the call failed: {error:#?}"))
    }

    pub fn error(&self) -> &Failure {
        self.end.as_ref().expect_err("the call should have failed")
    }
}

impl Bench {
    /// With files below `products/`.
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::with_packages(files, &[])
    }

    pub fn with_packages(files: &[(&str, &str)], packages: &[&str]) -> Self {
        let mut bench = Self::silent(files);
        let project = bench.project.path().display().to_string();
        let packages = packages.iter().map(|folder| format!("{project}/{folder}")).collect();
        assert!(matches!(bench.next(), FromHost::Hello { version: 1, .. }), "the host greets first");
        bench.send(&ToHost::Welcome { project, packages });
        bench
    }

    /// Not welcomed yet.
    pub fn silent(files: &[(&str, &str)]) -> Self {
        let project = TempDir::new().expect("a temporary folder");
        for (name, text) in files {
            write(&project.path().join("products").join(name), text);
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_resilmesh-python-host"))
            .current_dir(project.path())
            .env("HOME", "/nonexistent")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the host starts");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { project, child, stdin, lines, last_call: 0 }
    }

    pub fn folder(&self, product: &str) -> PathBuf {
        self.project.path().join("products").join(product)
    }

    pub fn send(&mut self, message: &ToHost) {
        self.send_line(&serde_json::to_string(message).expect("JSON"));
    }

    pub fn send_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("open");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("the host reads");
    }

    /// The next message of the host.
    pub fn next(&mut self) -> FromHost {
        let line = self.lines.recv_timeout(PATIENCE).expect("the host says something");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("not of the protocol: {error}: {line}"))
    }

    /// The next question: its number, the call, and the question.
    pub fn question(&mut self) -> (u64, u64, Request) {
        loop {
            if let FromHost::Ask { ask, call, request } = self.next() {
                return (ask, call, request);
            }
        }
    }

    pub fn answer(&mut self, ask: u64, value: Value) {
        self.send(&ToHost::Answer { ask, value, error: None });
    }

    /// A call of `product/file.py:function`.
    pub fn call(&self, kind: HookKind, place: &str) -> Call {
        let (path, function) = place.rsplit_once(':').expect("file and function");
        let (product, file) = path.split_once('/').expect("product and file");
        let folder = self.folder(product);
        let source = fs::read_to_string(folder.join(file)).unwrap_or_default();
        let name = format!("def {function}(");
        let at = source.lines().position(|line| line.contains(&name)).unwrap_or_default();
        let above = source.lines().take(at).collect::<Vec<_>>();
        let decorators = above.iter().rev().take_while(|line| line.starts_with('@')).count();
        let hook = HookRef {
            product: product.to_owned(),
            folder: folder.display().to_string(),
            file: file.to_owned(),
            function: function.to_owned(),
            line: u32::try_from(at + 1 - decorators).expect("few lines"),
        };
        Call {
            instance: Some(Instance {
                name: "one".to_owned(),
                product: product.to_owned(),
                path: format!("{}/instances/{product}/one", self.project.path().display()),
                settings: json!({"port": 7}).as_object().cloned().unwrap_or_default(),
            }),
            ..Call::of(hook, kind)
        }
    }

    /// Makes a call and does not wait; its number.
    pub fn begin(&mut self, call: Call) -> u64 {
        self.last_call += 1;
        let id = self.last_call;
        self.send(&ToHost::Call { id, call: Box::new(call) });
        id
    }

    /// Waits for the end of a call.
    pub fn finish(&mut self, id: u64) -> Outcome {
        let (mut logs, mut items) = (Vec::new(), Vec::new());
        loop {
            match self.next() {
                FromHost::Done { call, value } if call == id => return Outcome { logs, items, end: Ok(value) },
                FromHost::Failed { call, error } if call == id => return Outcome { logs, items, end: Err(error) },
                FromHost::Item { call, value } if call == id => items.push(value),
                // A hook that is interrupted leaves questions behind.
                FromHost::Forget { .. } => {}
                log @ (FromHost::Log { .. } | FromHost::Progress { .. }) => logs.push(log),
                other => panic!("not expected: {other:?}"),
            }
        }
    }

    /// Makes a `trigger` call on an instance, to its end.
    pub fn run(&mut self, place: &str) -> Outcome {
        self.run_as(HookKind::Trigger, place)
    }

    pub fn run_as(&mut self, kind: HookKind, place: &str) -> Outcome {
        let call = self.call(kind, place);
        let id = self.begin(call);
        self.finish(id)
    }

    /// Waits until a file of the project has content.
    pub fn wait_for_file(&self, name: &str) -> String {
        let path = self.project.path().join(name);
        let mut rounds = 0;
        loop {
            if let Ok(text) = fs::read_to_string(&path)
                && !text.is_empty()
            {
                return text;
            }
            rounds += 1;
            assert!(rounds < 6000, "{name} does not come");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Says no more.
    pub fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// How the host ended, what it said before, and what it wrote on standard error.
    pub fn end(mut self) -> (ExitStatus, Vec<String>, String) {
        self.stdin = None;
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            said.push(line);
        }
        let status = self.child.wait().expect("it ends");
        let mut words = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut words).expect("text");
        (status, said, words)
    }

    /// Waits for the end of what the host says, and tells what it said.
    pub fn until_it_dies(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            said.push(line);
        }
        said
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    fs::write(path, text).expect("a file");
}
