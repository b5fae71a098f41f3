//! A module's worker: what becomes of events.

use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use resilmesh_hook_api::batch::{self, BATCH_VERSION, FrameKind, Hello, Outcome, Welcome};
use resilmesh_hook_api::{Failure, HookRef};
use serde_json::{Value, json};

use crate::support::{HEAD, does, sensor};

const HOOKS: &str = r#"
#[trigger("isolate")]
fn isolate() {}

#[process("events", "out")]
fn same(_: Event<'_>) -> Outcome {
    Outcome::Same
}

#[process("events", "out")]
fn by_value(mut event: serde_json::Value) -> Result<Option<serde_json::Value>> {
    if event["drop"] == true { return Ok(None); }
    if event["fail"] == true { bail!("cannot do that one") }
    if event["panic"] == true { panic!("nor that one") }
    println!("seen");
    event["seen"] = true.into();
    Ok(Some(event))
}

struct Seen { ids: std::collections::HashSet<String>, prefix: String }

impl Seen {
    fn new(start: &Start) -> Result<Self> {
        #[derive(serde::Deserialize)]
        struct Settings { prefix: String }
        let Settings { prefix } = start.settings()?;
        Ok(Self { ids: Default::default(), prefix: format!("{prefix}{}", start.secret("salt").unwrap_or("")) })
    }
}

#[process("events", "out", init = Seen::new)]
fn once(seen: &mut Seen, event: &Event<'_>) -> Result<Outcome> {
    #[derive(serde::Deserialize)]
    struct Id<'a> { id: &'a str }
    let Id { id } = event.read()?;
    Ok(if seen.ids.insert(format!("{}{id}", seen.prefix)) { Outcome::Same } else { Outcome::Drop })
}

#[process("events", "out", batch)]
fn together(events: &[Event<'_>]) -> Result<Vec<Outcome>> {
    if events.len() > 3 { bail!("too many") }
    events.iter().map(|event| Outcome::events([event.value()?, serde_json::json!({"of": events.len()})])).collect()
}
"#;

/// A worker that runs one of these.
struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    logs: Vec<String>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let project = sensor("working", HOOKS);
        let (out, _) = does(&project, &["hooks", "build", "working", "--json"]);
        let programs: Value = serde_json::from_str(&out).expect("JSON");
        programs["programs"][0]["program"].as_str().expect("a path").into()
    });
    built.clone()
}

impl Worker {
    /// The worker, and what it says to its welcome.
    fn start(function: &str, settings: Value) -> (Self, FrameKind, Vec<u8>) {
        let mut child = Command::new(program())
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let mut worker = Self { child, stdin, stdout, logs: Vec::new() };
        let (kind, body) = worker.next();
        let hello: Hello = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((kind, hello.version, hello.language.as_str()), (FrameKind::Hello, BATCH_VERSION, "rust"));
        let text = format!("{HEAD}{HOOKS}");
        let at = text.lines().position(|line| line.starts_with(&format!("fn {function}("))).expect("a function");
        let hook = HookRef {
            product: "working".to_owned(),
            folder: "/project/products/working".to_owned(),
            file: "hooks/src/main.rs".to_owned(),
            function: function.to_owned(),
            line: u32::try_from(at).expect("small"),
        };
        let settings = settings.as_object().cloned().unwrap_or_default();
        let secrets = [("salt".to_owned(), json!("s"))].into_iter().collect();
        let welcome = Welcome { hook, instance: "m1".to_owned(), settings, secrets, packages: Vec::new() };
        let body = serde_json::to_vec(&welcome).expect("JSON");
        worker.say(FrameKind::Welcome, &body);
        let (kind, body) = worker.next();
        (worker, kind, body)
    }

    fn say(&mut self, kind: FrameKind, body: &[u8]) {
        batch::write(self.stdin.as_mut().expect("open"), kind, body).expect("it reads");
    }

    fn ready(function: &str, settings: Value) -> Self {
        let (worker, kind, body) = Self::start(function, settings);
        assert_eq!(kind, FrameKind::Ready, "{}", String::from_utf8_lossy(&body));
        worker
    }

    /// The next frame; logs are noted.
    fn next(&mut self) -> (FrameKind, Vec<u8>) {
        loop {
            let mut body = Vec::new();
            match batch::read(&mut self.stdout, &mut body).expect("a frame").expect("not the end") {
                FrameKind::Log => self.logs.push(String::from_utf8_lossy(&body).into_owned()),
                kind => return (kind, body),
            }
        }
    }

    fn work(&mut self, events: &[Value]) -> Vec<u8> {
        let mut body = Vec::new();
        events.iter().for_each(|event| batch::put_event(&mut body, event.to_string().as_bytes()));
        self.say(FrameKind::Batch, &body);
        let (kind, body) = self.next();
        assert_eq!(kind, FrameKind::Outcomes);
        body
    }
}

fn failure(outcome: &Outcome<'_>) -> Failure {
    let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    serde_json::from_slice(failure).expect("JSON")
}

#[test]
fn an_event_goes_on_is_changed_dropped_or_fails() {
    let mut worker = Worker::ready("same", Value::Null);
    assert_eq!(worker.work(&[json!({"a": 1}), json!({})]), b"ss");
    let mut worker = Worker::ready("by_value", Value::Null);
    let body = worker.work(&[
        json!({"a": 1}),
        json!({"drop": true}),
        json!({"fail": true}),
        json!({"panic": true}),
        json!({"b": 2}),
    ]);
    let outcomes = batch::outcomes(&body).expect("outcomes");
    assert_eq!(outcomes.len(), 5);
    assert_eq!(outcomes[0], Outcome::Events(vec![br#"{"a":1,"seen":true}"#]));
    assert_eq!(outcomes[1], Outcome::Dropped);
    assert_eq!(failure(&outcomes[2]).message, "cannot do that one");
    assert!(failure(&outcomes[2]).traceback[0].starts_with("hooks/src/main.rs:"), "{:?}", failure(&outcomes[2]));
    assert_eq!(failure(&outcomes[3]).message, "it panicked: nor that one");
    assert_eq!(outcomes[4], Outcome::Events(vec![br#"{"b":2,"seen":true}"#]), "a panic spoils no event but its own");
    assert!(worker.logs.iter().any(|log| log.contains("seen")), "{:?}", worker.logs);
}

#[test]
fn a_state_is_made_once_of_settings_and_secrets() {
    let mut worker = Worker::ready("once", json!({"prefix": "p"}));
    assert_eq!(worker.work(&[json!({"id": "1"}), json!({"id": "1"})]), b"sd");
    assert_eq!(worker.work(&[json!({"id": "1"}), json!({"id": "2"})]), b"ds");
    let (_, kind, body) = Worker::start("once", json!({}));
    let failure: Failure = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((kind, failure.message.as_str()), (FrameKind::Failed, "setting `prefix` of m1 has no value"));
}

#[test]
fn a_batch_is_worked_on_as_a_whole() {
    let mut worker = Worker::ready("together", Value::Null);
    let body = worker.work(&[json!(1), json!(2)]);
    let outcomes = batch::outcomes(&body).expect("outcomes");
    assert_eq!(outcomes[1], Outcome::Events(vec![b"2", br#"{"of":2}"#]));
    let body = worker.work(&[json!(1), json!(2), json!(3), json!(4)]);
    let outcomes = batch::outcomes(&body).expect("outcomes");
    assert!(outcomes.iter().all(|one| failure(one).message == "too many"), "{outcomes:?}");
}

#[test]
fn the_end_of_input_ends_a_worker() {
    let mut worker = Worker::ready("same", Value::Null);
    drop(worker.stdin.take());
    assert!(worker.child.wait().expect("it ends").success());
}
