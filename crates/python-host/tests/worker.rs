//! The host as a worker of a module, driven frame by frame as the module's service does.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::Write as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use resilmesh_hook_api::batch::{self, BATCH_VERSION, FrameKind, Hello, Log, Outcome, Welcome};
use resilmesh_hook_api::{Failure, HookRef};
use serde_json::{Map, json};
use tempfile::TempDir;

struct Worker {
    folder: TempDir,
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    logs: Vec<String>,
}

impl Worker {
    /// With a file whose hook is the function `process`.
    fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("m.py"), text).expect("written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_resilmesh-python-host"))
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the host starts");
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("a pipe"));
        let mut worker = Self { folder, child, input, output, logs: Vec::new() };
        let (kind, hello) = worker.next().expect("a frame");
        let hello: Hello = serde_json::from_slice(&hello).expect("JSON");
        assert_eq!((kind, hello.version, hello.language.as_str()), (FrameKind::Hello, BATCH_VERSION, "python"));
        worker
    }

    fn welcomed(text: &str) -> Self {
        let mut worker = Self::start(text);
        let line = text.lines().position(|line| line.starts_with("@process")).expect("a hook") + 1;
        let welcome = Welcome {
            hook: HookRef {
                product: "m".to_owned(),
                folder: worker.folder.path().display().to_string(),
                file: "m.py".to_owned(),
                function: "tag".to_owned(),
                line: u32::try_from(line).expect("a line"),
            },
            instance: "mine".to_owned(),
            settings: Map::from_iter([("word".to_owned(), json!("hello"))]),
            secrets: Map::new(),
            packages: Vec::new(),
        };
        worker.send(FrameKind::Welcome, &serde_json::to_vec(&welcome).expect("JSON"));
        worker
    }

    fn ready(text: &str) -> Self {
        let mut worker = Self::welcomed(text);
        assert_eq!(worker.next().map(|frame| frame.0), Some(FrameKind::Ready));
        worker
    }

    fn send(&mut self, kind: FrameKind, body: &[u8]) {
        batch::write(self.input.as_mut().expect("open"), kind, body).expect("the worker reads");
    }

    fn give(&mut self, events: &[&str]) {
        let mut body = Vec::new();
        events.iter().for_each(|event| batch::put_event(&mut body, event.as_bytes()));
        self.send(FrameKind::Batch, &body);
    }

    /// The next frame but logs, which are kept; none at the end.
    fn next(&mut self) -> Option<(FrameKind, Vec<u8>)> {
        let mut body = Vec::new();
        loop {
            match batch::read(&mut self.output, &mut body).expect("frames")? {
                FrameKind::Log => {
                    let log: Log = serde_json::from_slice(&body).expect("JSON");
                    self.logs.push(log.text);
                }
                kind => return Some((kind, body)),
            }
        }
    }

    /// All outcomes until the end, as words.
    fn rest(&mut self) -> Vec<String> {
        self.input = None;
        let mut words = Vec::new();
        while let Some((kind, body)) = self.next() {
            assert_eq!(kind, FrameKind::Outcomes);
            words.extend(batch::outcomes(&body).expect("outcomes").iter().map(word));
        }
        words
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn word(outcome: &Outcome<'_>) -> String {
    let text = |event: &&[u8]| String::from_utf8_lossy(event).into_owned();
    match outcome {
        Outcome::Dropped => "dropped".to_owned(),
        Outcome::Same => "same".to_owned(),
        Outcome::Events(events) => events.iter().map(text).collect::<Vec<_>>().join(" "),
        Outcome::Failed(failure) => {
            let failure: Failure = serde_json::from_slice(failure).expect("JSON");
            format!("{}: {}", failure.class.unwrap_or_default(), failure.message)
        }
    }
}

const TAG: &str = "\
import time
from resilmesh import module
from resilmesh.decorators import process

print('loaded for', module.instance, module.settings['word'])


@process('a', 'b')
def tag(event):
    time.sleep(0.01)
    return event if event['n'] % 2 else None
";

#[test]
fn at_the_end_of_input_what_was_given_is_finished() {
    let mut worker = Worker::ready(TAG);
    let events: Vec<String> = (0..40).map(|n| format!("{{\"n\":{n}}}")).collect();
    let texts: Vec<&str> = events.iter().map(String::as_str).collect();
    worker.give(&texts[..20]);
    worker.give(&texts[20..]);
    let outcomes = worker.rest();
    assert_eq!(outcomes.len(), 40);
    assert_eq!((outcomes[0].as_str(), outcomes[39].as_str()), ("dropped", "{\"n\":39}"));
    assert!(worker.child.wait().expect("ended").success());
    assert_eq!(worker.logs, ["loaded for mine hello"]);
}

#[test]
fn a_module_asks_nothing_of_the_project() {
    let mut worker = Worker::ready(
        "from resilmesh.decorators import process\nfrom resilmesh.model import get_instance\n\n\n@process('a', 'b')\ndef tag(event):\n    return {'x': get_instance('other')}\n",
    );
    worker.give(&["{}"]);
    let outcomes = worker.rest();
    assert!(outcomes[0].starts_with("RequestError: a module cannot ask for anything of the project"), "{outcomes:?}");
}

#[test]
fn a_copy_made_with_fork_says_nothing() {
    let mut worker = Worker::ready(
        "import os\nfrom resilmesh.decorators import process\n\n\n@process('a', 'b')\ndef tag(event):\n    child = os.fork()\n    if child == 0: raise ValueError('in the copy')\n    os.waitpid(child, 0)\n    return event\n",
    );
    worker.give(&["{\"n\":1}"]);
    assert_eq!(worker.rest(), ["{\"n\":1}"]);
}

#[test]
fn a_hook_that_wants_what_there_is_not_is_not_loaded() {
    let mut worker = Worker::welcomed(
        "from resilmesh.decorators import process\n\n\n@process('a', 'b')\ndef tag(event, plug):\n    return event\n",
    );
    let (kind, failure) = worker.next().expect("a frame");
    let failure: Failure = serde_json::from_slice(&failure).expect("JSON");
    assert_eq!(kind, FrameKind::Failed);
    assert_eq!(failure.message, "tag() wants 'plug'; this process hook gets only event, settings, secrets, instance");
    assert!(!worker.child.wait().expect("ended").success());
}

#[test]
fn a_service_that_breaks_the_protocol_ends_the_worker() {
    let mut worker = Worker::start(TAG);
    worker.input.as_mut().expect("open").write_all(b"no frame at all").expect("written");
    assert_eq!(worker.next(), None);
    assert!(!worker.child.wait().expect("ended").success());
}
