//! What `resilmesh` says, and what comes of it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use resilmesh_hook_api::{Call, CallId, Failure, FromHost, Level, ToHost, VERSION};
use resilmesh_hook_host::{Prints, Streams, read_message};
use serde_json::Value;

use super::calls::{CallDesk, Running};
use super::outbox::Outbox;
use super::panics;
use super::questions::Questions;
use crate::context::Context;
use crate::registry;

/// How long calls may take to end once `resilmesh` has gone.
const GRACE: Duration = Duration::from_secs(2);

/// What all threads of the host share.
pub(super) struct Host {
    pub(super) outbox: Outbox,
    pub(super) questions: Questions,
    prints: Prints,
    calls: Mutex<HashMap<CallId, Arc<Running>>>,
    call_ended: Condvar,
}

impl Host {
    fn calls(&self) -> MutexGuard<'_, HashMap<CallId, Arc<Running>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call that runs, if it is the only one.
    fn only_call(&self) -> Option<CallId> {
        let calls = self.calls();
        if calls.len() == 1 { calls.keys().next().copied() } else { None }
    }

    fn printed(&self, text: String) {
        let _ = self.outbox.send(&FromHost::Log { call: self.only_call(), level: Level::Info, text });
    }

    fn warn(&self, text: String) {
        // If resilmesh has gone, the end of input ends the host.
        let _ = self.outbox.send(&FromHost::Log { call: None, level: Level::Warning, text });
    }

    /// Makes a call look up and end, if it has not ended.
    fn cancel(&self, id: CallId, why: &str) {
        let running = self.calls().get(&id).cloned();
        if let Some(running) = running {
            running.cancel(why);
            self.questions.nudge(id);
        }
    }
}

/// Does what `resilmesh` says until it says no more.
pub(super) fn serve(streams: Streams) -> io::Result<()> {
    panics::note();
    let host = Arc::new(Host {
        outbox: Outbox::new(streams.output),
        questions: Questions::default(),
        prints: streams.prints,
        calls: Mutex::default(),
        call_ended: Condvar::new(),
    });
    host.outbox.send(&FromHost::Hello {
        version: VERSION,
        language: "rust".to_owned(),
        runtime: env!("CARGO_PKG_VERSION").to_owned(),
        program: None,
    })?;
    let printing = Arc::clone(&host);
    thread::Builder::new()
        .name("prints".to_owned())
        .spawn(move || printing.prints.forward(&|text| printing.printed(text)))?;
    let mut input = BufReader::new(streams.input);
    let Some(ToHost::Welcome { project, .. }) = read(&host, &mut input)? else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "resilmesh has to begin with a welcome"));
    };
    let project: Arc<Path> = Path::new(&project).into();
    while let Some(message) = read(&host, &mut input)? {
        match message {
            ToHost::Welcome { .. } => host.warn("resilmesh said welcome twice".to_owned()),
            ToHost::Call { id, call } => begin(&host, &project, id, *call),
            ToHost::Answer { ask, value, error } => host.questions.answer(ask, error.map_or(Ok(value), Err)),
            ToHost::Item { ask, value } => host.questions.item(ask, value),
            ToHost::Cancel { id } => host.cancel(id, "cancelled"),
        }
    }
    end(&host);
    Ok(())
}

/// The next message; none at the end of input.
fn read(host: &Host, input: &mut BufReader<File>) -> io::Result<Option<ToHost>> {
    read_message(input, |error| {
        host.warn(format!("the host of Rust hooks does not understand what resilmesh said: {error}"));
    })
}

/// Makes a call in a thread of its own.
fn begin(host: &Arc<Host>, project: &Arc<Path>, id: CallId, call: Call) {
    let running = Arc::<Running>::default();
    if host.calls().contains_key(&id) {
        return host.warn(format!("resilmesh made call {id} twice"));
    }
    host.calls().insert(id, Arc::clone(&running));
    host.prints.renew();
    let (own, project) = (Arc::clone(host), Arc::clone(project));
    let made = thread::Builder::new().name("hook".to_owned()).spawn(move || {
        let over = call.deadline.and_then(|deadline| watch(&own, id, Duration::from_millis(deadline)));
        let desk = CallDesk { host: Arc::clone(&own), id, running };
        let outcome = make(call, project, desk);
        drop(over);
        finish(&own, id, outcome);
    });
    if let Err(error) = made {
        let message = format!("no thread could be started for the hook: {error}");
        finish(host, id, Err(Failure { message, ..Failure::default() }));
    }
}

/// Runs the hook.
fn make(call: Call, project: Arc<Path>, desk: CallDesk) -> Result<Value, Failure> {
    let function = call.hook.function.clone();
    let run = registry::find(&call.hook, |run| run.call(call.kind)).map_err(|error| error.failure(&function))?;
    let context = Context::new(Arc::new(call), project, Arc::new(desk));
    panics::caught(&function, || run(context))?.map_err(|error| error.failure(&function))
}

/// Tells how a call has ended.
fn finish(host: &Host, id: CallId, outcome: Result<Value, Failure>) {
    // What is printed without an end of line is still held back.
    let _ = io::stdout().flush();
    host.prints.drain(true, &|text| host.printed(text));
    let message = match outcome {
        Ok(value) => FromHost::Done { call: id, value },
        Err(error) => FromHost::Failed { call: id, error },
    };
    if let Err(error) = host.outbox.send(&message) {
        // Too long, or resilmesh has gone; then the second attempt fails as well, and no harm is done.
        let error = Failure { message: format!("what the hook gave cannot be sent: {error}"), ..Failure::default() };
        let _ = host.outbox.send(&FromHost::Failed { call: id, error });
    }
    host.calls().remove(&id);
    host.call_ended.notify_all();
}

/// Cancels a call at its deadline, unless what this returns has been dropped by then.
fn watch(host: &Arc<Host>, id: CallId, deadline: Duration) -> Option<mpsc::Sender<()>> {
    let (over, ended) = mpsc::channel();
    let host = Arc::clone(host);
    let watching = thread::Builder::new().name(format!("deadline {id}")).spawn(move || {
        if ended.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
            host.cancel(id, &format!("no answer within {} s", deadline.as_secs_f64()));
        }
    });
    // Without it `resilmesh` still ends a host that takes too long.
    watching.is_ok().then_some(over)
}

/// Lets calls end; it does not take long, whatever they do.
fn end(host: &Host) {
    host.questions.close();
    let running: Vec<CallId> = host.calls().keys().copied().collect();
    running.into_iter().for_each(|id| host.cancel(id, "resilmesh has ended"));
    let until = Instant::now() + GRACE;
    let mut calls = host.calls();
    while !calls.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        calls = host.call_ended.wait_timeout(calls, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}
