//! The host that a crate becomes, spoken to as `resilmesh` does: what `docs/specs/hooks.md` asks of every host.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use resilmesh_hook_api::{Call, Failure, FromHost, HookKind, HookRef, Instance, Request, ToHost, VERSION};
use serde_json::{Map, Value, json};

use crate::support::{HEAD, builds, does, sensor};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const HOOKS: &str = r#"
#[trigger("echo")]
fn echo(ctx: &Trigger) -> Result<serde_json::Value> {
    Ok(ctx.data().clone())
}

#[trigger("ask")]
fn ask(ctx: &Trigger) -> Result<String> {
    ctx.prompt("Which?")
}

#[trigger("wait")]
fn wait(ctx: &Trigger) -> Result<()> {
    ctx.info("waits");
    while !ctx.is_cancelled() {
        std::thread::park_timeout(std::time::Duration::from_millis(2));
    }
    ctx.go_on()
}

#[trigger("large")]
fn large() -> Result<String> {
    Ok("x".repeat(65 << 20))
}

#[trigger("read")]
fn read() -> Result<usize> {
    Ok(std::io::read_to_string(std::io::stdin())?.len())
}

#[watch("many")]
fn many(ctx: &Watch) -> Result<()> {
    for number in 0.. {
        ctx.give(number)?;
    }
    Ok(())
}

#[trigger("panic")]
fn panic() {
    panic!("on\npurpose")
}

#[trigger("hold_out")]
fn hold_out(ctx: &Trigger) {
    ctx.info("holds out");
    loop { std::thread::park() }
}
"#;

struct Host {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    last: u64,
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Host {
    /// Not welcomed yet.
    fn silent() -> Self {
        let program = program();
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let (to, lines) = channel();
        let reader = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || reader.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
        let stdin = child.stdin.take();
        Self { child, stdin, lines, last: 0 }
    }

    fn start() -> Self {
        let mut host = Self::silent();
        let hello = host.next();
        assert!(
            matches!(&hello, FromHost::Hello { version: VERSION, language, .. } if language == "rust"),
            "{hello:?}"
        );
        host.say(&ToHost::Welcome { project: "/project".to_owned(), packages: Vec::new() });
        host
    }

    fn say(&mut self, message: &ToHost) {
        self.write(&serde_json::to_string(message).expect("JSON"));
    }

    fn write(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("open");
        writeln!(stdin, "{line}").expect("it reads");
    }

    fn next(&self) -> FromHost {
        let line = self.lines.recv_timeout(PATIENCE).expect("the host says something");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn call(&mut self, function: &str, data: Value, deadline: Option<u64>) -> u64 {
        self.last += 1;
        let text = format!("{HEAD}{HOOKS}");
        let at = text.lines().position(|line| line.starts_with(&format!("fn {function}("))).expect("a function");
        let kind = if function == "many" { HookKind::Watch } else { HookKind::Trigger };
        let hook = HookRef {
            product: "spoken_to".to_owned(),
            folder: "/project/products/spoken_to".to_owned(),
            file: "hooks/src/main.rs".to_owned(),
            function: function.to_owned(),
            // The line before it, counted from 1, is its attribute's.
            line: u32::try_from(at).expect("small"),
        };
        let instance =
            Instance { name: "s1".into(), product: "spoken_to".into(), path: "/".into(), settings: Map::new() };
        let call = Call {
            hook,
            kind,
            instance: Some(instance),
            plug: None,
            integration: None,
            topic: None,
            mode: None,
            data,
            path: None,
            deadline,
        };
        self.say(&ToHost::Call { id: self.last, call: Box::new(call) });
        self.last
    }

    /// How a call ends; what else is said is passed over.
    fn end_of(&self, id: u64) -> Result<Value, Failure> {
        loop {
            match self.next() {
                FromHost::Done { call, value } if call == id => return Ok(value),
                FromHost::Failed { call, error } if call == id => return Err(error),
                _ => {}
            }
        }
    }

    fn wait_for_log(&self, expected: &str) {
        while !matches!(self.next(), FromHost::Log { text, .. } if text.contains(expected)) {}
    }

    /// Ends its input; how it ends.
    fn end(mut self) -> (ExitStatus, Duration) {
        let since = Instant::now();
        drop(self.stdin.take());
        (self.child.wait().expect("it ends"), since.elapsed())
    }
}

/// Built through `resilmesh`, once.
fn program() -> std::path::PathBuf {
    static BUILT: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let project = sensor("spoken_to", HOOKS);
        does(&project, &["trigger", "echo", "s1"]);
        let is_own = |name: &str| name.starts_with("spoken_to-");
        let entries = std::fs::read_dir(builds()).expect("listed").map(|entry| entry.expect("an entry").path());
        let own = entries.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_own));
        let hosts = own.map(|folder| folder.join("host")).filter(|host| host.is_file());
        hosts.max_by_key(|host| host.metadata().and_then(|seen| seen.modified()).ok()).expect("a program")
    });
    built.clone()
}

#[test]
fn several_calls_run_at_once_and_each_ends_once() {
    let mut host = Host::start();
    let waits = host.call("wait", Value::Null, None);
    host.wait_for_log("waits");
    let echo = host.call("echo", json!({"a": [1, null]}), None);
    assert_eq!(host.end_of(echo).expect("done"), json!({"a": [1, null]}));
    host.say(&ToHost::Cancel { id: waits });
    assert_eq!(host.end_of(waits).expect_err("cancelled").message, "cancelled");
    // One for a call that has ended does nothing.
    host.say(&ToHost::Cancel { id: waits });
    let again = host.call("echo", json!(1), None);
    assert_eq!(host.end_of(again).expect("done"), json!(1));
    assert!(host.end().0.success());
}

#[test]
fn a_question_is_answered_refused_or_taken_back() {
    let mut host = Host::start();
    let asks = |host: &Host| loop {
        if let FromHost::Ask { ask, request, .. } = host.next() {
            assert_eq!(request, Request::Prompt { message: "Which?".to_owned(), hidden: false });
            return ask;
        }
    };
    let first = host.call("ask", Value::Null, None);
    let ask = asks(&host);
    host.say(&ToHost::Answer { ask, value: json!("that one"), error: None });
    assert_eq!(host.end_of(first).expect("done"), json!("that one"));
    // Nobody waits for this any more.
    host.say(&ToHost::Answer { ask, value: json!("late"), error: None });

    let second = host.call("ask", Value::Null, None);
    let ask = asks(&host);
    let refusal = Failure { message: "nobody is there".into(), hint: Some("come back".into()), ..Failure::default() };
    host.say(&ToHost::Answer { ask, value: Value::Null, error: Some(refusal) });
    let error = host.end_of(second).expect_err("refused");
    assert_eq!((error.message.as_str(), error.hint.as_deref()), ("nobody is there", Some("come back")));

    let third = host.call("ask", Value::Null, None);
    let ask = asks(&host);
    host.say(&ToHost::Cancel { id: third });
    let taken_back = host.next();
    assert_eq!(taken_back, FromHost::Forget { ask });
    assert_eq!(host.end_of(third).expect_err("cancelled").message, "cancelled");
}

#[test]
fn a_deadline_and_a_cancellation_end_what_looks() {
    let mut host = Host::start();
    let late = host.call("wait", Value::Null, Some(30));
    assert_eq!(host.end_of(late).expect_err("late").message, "no answer within 0.03 s");
    let endless = host.call("many", Value::Null, None);
    for number in 0..3 {
        assert_eq!(host.next(), FromHost::Item { call: endless, value: json!(number) });
    }
    host.say(&ToHost::Cancel { id: endless });
    assert_eq!(host.end_of(endless).expect_err("cancelled").message, "cancelled");
}

#[test]
fn what_cannot_be_sent_and_what_is_not_there_are_failures() {
    let mut host = Host::start();
    let large = host.call("large", Value::Null, None);
    assert!(host.end_of(large).expect_err("too large").message.contains("65 MiB are too much"));
    let panics = host.call("panic", Value::Null, None);
    let error = host.end_of(panics).expect_err("a panic");
    assert_eq!(error.message, "it panicked: on; purpose");
    assert!(
        error.traceback[0].starts_with("hooks/src/main.rs:") && error.traceback[0].ends_with(" in panic"),
        "{error:?}"
    );
    let reads = host.call("read", Value::Null, None);
    assert_eq!(host.end_of(reads).expect("done"), json!(0), "standard input of hooks is empty");
    host.write("this is no message");
    host.wait_for_log("does not understand");
    let unknown = json!({"type": "call", "id": 99, "kind": "trigger", "new_field": 1, "hook": {"product": "p", "folder": "/", "file": "hooks/src/main.rs", "function": "ekko", "line": 1}});
    host.write(&unknown.to_string());
    let error = host.end_of(99).expect_err("unknown");
    assert!(error.message.contains("there is no such hook `ekko` in hooks/src/main.rs"), "{error:?}");
}

#[test]
fn what_resilmesh_says_wrong_ends_the_host() {
    let mut host = Host::silent();
    assert!(matches!(host.next(), FromHost::Hello { .. }));
    host.write("{\"type\":\"cancel\",\"id\":1}");
    assert!(!host.child.wait().expect("it ends").success());
}

#[test]
fn the_end_of_input_ends_the_host_whatever_runs() {
    let mut host = Host::start();
    host.call("wait", Value::Null, None);
    host.wait_for_log("waits");
    host.call("hold_out", Value::Null, None);
    host.wait_for_log("holds out");
    let (status, took) = host.end();
    assert!(status.success() && took < Duration::from_secs(20), "{status} {took:?}");
}
