//! What `resilmesh` says, and what comes of it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use resilmesh_hook_api::{Call, CallId, Failure, FromHost, Level, ToHost};
use resilmesh_hook_host::{Prints, read_message};

use crate::interpreter::{Interpreter, Interruption};
use crate::outbox::Outbox;
use crate::questions::Questions;

/// The stack of a hook's thread: C code that Python calls uses it.
const STACK: usize = 16 << 20;

/// How long calls may take to end once `resilmesh` has gone.
const GRACE: Duration = Duration::from_secs(2);

/// What all threads of the host share.
pub(crate) struct Host {
    outbox: Outbox,
    prints: Prints,
    questions: Questions,
    calls: Mutex<HashSet<CallId>>,
    call_ended: Condvar,
    /// Threads that wait for a call.
    idle: Mutex<Vec<mpsc::Sender<Work>>>,
}

/// A call to be made.
struct Work {
    id: CallId,
    call: Box<Call>,
}

impl Host {
    pub(crate) fn new(outbox: Outbox, prints: Prints) -> Self {
        let (questions, calls, idle) = (Questions::default(), Mutex::default(), Mutex::default());
        Self { outbox, prints, questions, calls, call_ended: Condvar::new(), idle }
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(crate) fn prints(&self) -> &Prints {
        &self.prints
    }

    /// Tells on all that was printed so far: a call, or a batch, is over.
    pub(crate) fn drain_prints(&self) {
        self.prints.drain(true, &|text| self.printed(text));
    }

    /// What was written without going through Python: by programs that hooks start, by C libraries, by
    /// `os.write(1, ...)`.
    fn printed(&self, text: String) {
        // If resilmesh has gone there is nobody to tell; the end of input ends the host.
        let _ = self.outbox.send(&FromHost::Log { call: self.only_call(), level: Level::Info, text });
    }

    pub(crate) fn questions(&self) -> &Questions {
        &self.questions
    }

    /// The call that runs, if it is the only one.
    pub(crate) fn only_call(&self) -> Option<CallId> {
        let calls = self.calls.lock();
        if calls.len() == 1 { calls.iter().next().copied() } else { None }
    }

    fn warn(&self, text: String) {
        // If resilmesh has gone, the end of input ends the host.
        let _ = self.outbox.send(&FromHost::Log { call: None, level: Level::Warning, text });
    }
}

/// Starts to tell on what is printed.
pub(crate) fn forward_prints(host: &Arc<Host>) -> io::Result<()> {
    let host = Arc::clone(host);
    let forward = move || host.prints.forward(&|text| host.printed(text));
    thread::Builder::new().name("prints".to_owned()).spawn(forward).map(drop)
}

/// Does what `resilmesh` says until it says no more. This thread never waits for the interpreter: a
/// hook may hold it for as long as it likes.
pub(crate) fn serve(host: &Arc<Host>, python: &Arc<Interpreter>, mut input: BufReader<File>) -> io::Result<()> {
    let Some(ToHost::Welcome { project, packages }) = read(host, &mut input)? else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "resilmesh has to begin with a welcome"));
    };
    python.welcome(&project, packages).map_err(|error| io::Error::other(error.to_string()))?;
    while let Some(message) = read(host, &mut input)? {
        match message {
            ToHost::Welcome { .. } => host.warn("resilmesh said welcome twice".to_owned()),
            ToHost::Call { id, call } => begin(host, python, id, call),
            ToHost::Answer { ask, value, error } => host.questions.answer(ask, error.map_or(Ok(value), Err)),
            ToHost::Item { ask, value } => host.questions.item(ask, value),
            ToHost::Cancel { id } => interrupt(host, python, id, Interruption::Cancelled),
        }
    }
    end(host, python);
    Ok(())
}

/// The next message; none at the end of input.
fn read(host: &Host, input: &mut BufReader<File>) -> io::Result<Option<ToHost>> {
    read_message(input, |error| {
        host.warn(format!("the Python host does not understand what resilmesh said: {error}"));
    })
}

/// Makes a call in a thread where no other one runs.
fn begin(host: &Arc<Host>, python: &Arc<Interpreter>, id: CallId, call: Box<Call>) {
    if !host.calls.lock().insert(id) {
        return host.warn(format!("resilmesh made call {id} twice"));
    }
    host.prints.renew();
    let mut work = Work { id, call };
    while let Some(thread) = { host.idle.lock().pop() } {
        match thread.send(work) {
            Ok(()) => return,
            Err(mpsc::SendError(back)) => work = back,
        }
    }
    let (caller, interpreter) = (Arc::clone(host), Arc::clone(python));
    let thread = thread::Builder::new().name("hook".to_owned()).stack_size(STACK);
    let make = move || interpreter.keep_thread(|| make_calls(&caller, &interpreter, work));
    if let Err(error) = thread.spawn(make) {
        let message = format!("no thread could be started for the hook: {error}");
        finish(host, id, Err(Failure { message, ..Failure::default() }));
    }
}

/// Makes a call, and then others, as long as they come.
fn make_calls(host: &Arc<Host>, python: &Arc<Interpreter>, first: Work) {
    let (more, next) = mpsc::channel();
    let mut work = first;
    loop {
        let Work { id, call } = work;
        let deadline = call.deadline.map(Duration::from_millis);
        let over = deadline.and_then(|deadline| watch(host, python, id, deadline));
        let outcome = python.run(id, &call);
        if host.outbox.is_forked() {
            return;
        }
        drop(over);
        // Before `resilmesh` hears of it: it may make the next call at once.
        host.idle.lock().push(more.clone());
        finish(host, id, outcome);
        match next.recv() {
            Ok(another) => work = another,
            Err(mpsc::RecvError) => return,
        }
    }
}

/// Tells how a call has ended.
fn finish(host: &Host, id: CallId, outcome: Result<serde_json::Value, Failure>) {
    host.drain_prints();
    let message = match outcome {
        Ok(value) => FromHost::Done { call: id, value },
        Err(error) => FromHost::Failed { call: id, error },
    };
    if let Err(error) = host.outbox.send(&message) {
        // Too long, or resilmesh has gone; then the second attempt fails as well, and no harm is done.
        let error = Failure { message: format!("what the hook gave cannot be sent: {error}"), ..Failure::default() };
        let _ = host.outbox.send(&FromHost::Failed { call: id, error });
    }
    host.calls.lock().remove(&id);
    host.call_ended.notify_all();
}

/// Interrupts a call at its deadline, unless what this returns has been dropped by then.
fn watch(host: &Arc<Host>, python: &Arc<Interpreter>, id: CallId, deadline: Duration) -> Option<mpsc::Sender<()>> {
    let (over, ended) = mpsc::channel();
    let (host, python) = (Arc::clone(host), Arc::clone(python));
    let watching = thread::Builder::new().name(format!("deadline {id}")).spawn(move || {
        if ended.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
            interrupt(&host, &python, id, Interruption::Late(deadline));
        }
    });
    // Without it `resilmesh` still ends a host that takes too long.
    watching.is_ok().then_some(over)
}

/// Interrupts a call, if it has not ended. In a thread of its own: a hook may hold the interpreter.
fn interrupt(host: &Arc<Host>, python: &Arc<Interpreter>, id: CallId, why: Interruption) {
    if !host.calls.lock().contains(&id) {
        return;
    }
    let (teller, python) = (Arc::clone(host), Arc::clone(python));
    let made = thread::Builder::new().name(format!("interrupt {id}")).spawn(move || {
        // `resilmesh` ends a host that does not come to an end.
        if let Err(error) = python.interrupt(id, &why) {
            teller.warn(format!("a hook could not be interrupted: {error}"));
        }
    });
    if let Err(error) = made {
        host.warn(format!("a hook could not be interrupted: {error}"));
    }
}

/// Lets calls end, and then all that was left for the end; neither takes long.
fn end(host: &Arc<Host>, python: &Arc<Interpreter>) {
    host.questions.close();
    let until = Instant::now() + GRACE;
    let running: Vec<_> = host.calls.lock().iter().copied().collect();
    for id in running {
        interrupt(host, python, id, Interruption::Abandoned);
    }
    let mut calls = host.calls.lock();
    while !calls.is_empty() && !host.call_ended.wait_until(&mut calls, until).timed_out() {}
    drop(calls);
    let (over, ended) = mpsc::channel();
    let python = Arc::clone(python);
    let made = thread::Builder::new().name("end".to_owned()).spawn(move || {
        python.end();
        drop(over);
    });
    if made.is_ok() {
        // Either way it is over: what is sent is the end of the channel, or nothing in time.
        let _: Result<(), RecvTimeoutError> = ended.recv_timeout(GRACE);
    }
}
