//! The supervisor: one detached process for each project that keeps its services running.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures::future::join_all;
use parking_lot::Mutex;
use resilmesh_service::control::{self, Answer, Handler, Reply, Socket};
use resilmesh_service::{Lifecycle, Stats};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use super::keeper::{self, Handle, Order, Shared};
use super::layout::{Layout, build_of};
use super::process::Process;
use super::protocol::{self, Finished, Hello, Named, PROTOCOL, Spec, Wait};
use super::reaper::Reaper;
use super::record::Record;
use super::seat::{Lock, Seat};
use super::{launch, probe, rotate, tail};
use crate::runtime::{RuntimeError, ServiceStatus, State};

/// How long to wait for an earlier supervisor to end.
const LOCK_WITHIN: Duration = Duration::from_secs(5);
/// A service that ends so often in a row will not become ready by waiting.
const HOPELESS: u32 = 5;
/// Lines of a log in an error.
const LINES: usize = 8;

/// Runs as the supervisor of the project until it is told to end.
///
/// # Errors
/// When it cannot begin. Another supervisor that is there already is no error.
pub fn supervise(project: &Path) -> Result<(), RuntimeError> {
    let failed = |what: &str, error: io::Error| RuntimeError::new(format!("the supervisor cannot {what}: {error}"));
    let layout = Layout::own(project, super::runtime_dir().as_deref())?;
    launch::detach().map_err(|error| failed("detach", error))?;
    resilmesh_service::log::init();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .thread_keep_alive(Duration::from_millis(100))
        .build()
        .map_err(|error| failed("start", error))?
        .block_on(run(layout))
}

async fn run(mut layout: Layout) -> Result<(), RuntimeError> {
    let failed = |what: &str, error: io::Error| RuntimeError::new(format!("the supervisor cannot {what}: {error}"));
    layout.make_state()?;
    let Some(_lock) = take_lock(&layout).await.map_err(|error| failed("take its lock", error))? else {
        tracing::info!("the project has a supervisor already");
        return Ok(());
    };
    layout = layout.at_home(super::runtime_dir().as_deref());
    layout.make_sockets()?;
    let mut signals = Signals::listen().map_err(|error| failed("listen to signals", error))?;
    let reaper = Reaper::start().map_err(|error| failed("collect its children", error))?;

    let records = Record::load_all(&layout);
    let next = records.iter().map(|record| record.order + 1).max().unwrap_or(0);
    let shared = Arc::new(Shared { layout: layout.clone(), reaper, order: AtomicU64::new(next) });
    let verbs = Arc::new(Verbs::new(shared).map_err(|error| failed("tell its build", error))?);
    for record in records {
        verbs.adopt(record);
    }
    let mut socket = sit_down(&layout, &verbs).map_err(|error| failed("listen on its socket", error))?;
    tokio::spawn(rotate::keep_small(layout.logs()));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "supervising");

    let end = loop {
        tokio::select! {
            end = verbs.told_to_end() => break end,
            told = signals.next() => match told {
                Told::End => break End::Suspend,
                Told::HangUp => continue,
                Told::Revive => {
                drop(socket);
                if layout.make_sockets().is_err() {
                    layout = layout.with_shared_sockets();
                    layout.make_sockets()?;
                }
                socket = sit_down(&layout, &verbs).map_err(|error| failed("listen on its socket", error))?;
                }
            },
        }
    };
    tracing::info!(?end, "ending");
    drop(socket);
    if end == End::Suspend {
        verbs.suspend_all().await;
    }
    if end != End::HandOver {
        leave(&layout);
    }
    Ok(())
}

/// Takes the lock, also from a supervisor that is just ending; none = one is there and answers.
async fn take_lock(layout: &Layout) -> io::Result<Option<Lock>> {
    let deadline = Instant::now() + LOCK_WITHIN;
    loop {
        if let Some(lock) = Lock::take(layout)? {
            return Ok(Some(lock));
        }
        let answers = control::ask(&layout.supervisor_socket(), protocol::HELLO, Value::Null).await.is_ok();
        if answers || Instant::now() > deadline {
            return Ok(None);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Begins to listen, and writes down where. The signals are listened to already: whoever reads the
/// note may send one.
fn sit_down(layout: &Layout, verbs: &Arc<Verbs>) -> io::Result<Socket> {
    let lifecycle = Lifecycle::new();
    let socket = control::serve(&layout.supervisor_socket(), lifecycle.clone(), Stats::new(), verbs.clone())?;
    let process = Process::of(std::process::id()).ok_or_else(|| io::Error::other("/proc is not there"))?;
    Seat { process, sockets: layout.sockets().to_owned() }.write(layout)?;
    lifecycle.ready();
    Ok(socket)
}

/// Removes what belongs to the supervisor. What is gone already is as good.
pub(super) fn leave(layout: &Layout) {
    let _ = std::fs::remove_file(layout.supervisor_socket());
    let _ = std::fs::remove_dir(layout.sockets());
    let _ = std::fs::remove_file(layout.seat());
    let _ = std::fs::remove_dir(layout.records());
}

/// Why the supervisor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// No service is left.
    Finished,
    /// Another one takes over; the services run on.
    HandOver,
    /// The machine shuts down, or somebody wants it so: stop the services, start them next time.
    Suspend,
}

/// What a signal tells the supervisor.
enum Told {
    /// SIGTERM, SIGINT.
    End,
    /// SIGHUP: nothing. Not by `SIG_IGN`, which the services would inherit.
    HangUp,
    /// SIGUSR1: the socket was lost (a cleaned `/tmp`, a logout); make it again.
    Revive,
}

struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.term.recv() => Told::End,
            _ = self.int.recv() => Told::End,
            _ = self.hup.recv() => Told::HangUp,
            _ = self.usr1.recv() => Told::Revive,
        }
    }
}

/// What can be asked of the supervisor.
struct Verbs {
    shared: Arc<Shared>,
    hello: Hello,
    keepers: Mutex<BTreeMap<String, Handle>>,
    end: Mutex<Option<End>>,
    ending: Notify,
}

impl Verbs {
    fn new(shared: Arc<Shared>) -> io::Result<Self> {
        let hello = Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: build_of(Path::new("/proc/self/exe"))?,
            pid: std::process::id(),
            project: Some(shared.layout.project().to_owned()),
        };
        Ok(Self { shared, hello, keepers: Mutex::default(), end: Mutex::default(), ending: Notify::new() })
    }

    fn adopt(&self, record: Record) {
        let instance = record.spec.instance.clone();
        self.keepers.lock().insert(instance, keeper::keep(self.shared.clone(), Some(record)));
    }

    fn keeper(&self, instance: &str) -> Handle {
        let mut keepers = self.keepers.lock();
        keepers.entry(instance.to_owned()).or_insert_with(|| keeper::keep(self.shared.clone(), None)).clone()
    }

    fn all(&self) -> Vec<Handle> {
        self.keepers.lock().values().cloned().collect()
    }

    async fn told_to_end(&self) -> End {
        loop {
            if let Some(end) = *self.end.lock() {
                return end;
            }
            self.ending.notified().await;
        }
    }

    fn end(&self, end: End) {
        *self.end.lock() = Some(end);
        self.ending.notify_one();
    }

    /// Stops what was started last first.
    async fn suspend_all(&self) {
        let mut order: Vec<(u64, Handle)> =
            self.all().into_iter().filter_map(|keeper| Some((keeper.seen()?.order, keeper))).collect();
        order.sort_by_key(|(order, _)| std::cmp::Reverse(*order));
        for (_, keeper) in order {
            if let Err(why) = keeper.tell(Order::Suspend).await {
                tracing::error!(why, "a service could not be stopped");
            }
        }
    }

    async fn list(&self) -> Vec<ServiceStatus> {
        let keepers = self.all();
        // Busy ones are shown as last seen.
        let looks = keepers.iter().map(|keeper| keeper.tell(Order::Look));
        let _ = tokio::time::timeout(probe::WHILE_READY + Duration::from_secs(1), join_all(looks)).await;
        keepers.iter().filter_map(Handle::seen).map(|seen| seen.status).collect()
    }

    async fn start(&self, spec: Spec) -> Result<(), String> {
        let instance = spec.instance.clone();
        self.keeper(&instance).tell(|answer| Order::Start(Box::new(spec), answer)).await
    }

    async fn reload(&self, spec: Spec) -> Result<(), String> {
        let instance = spec.instance.clone();
        self.keeper(&instance).tell(|answer| Order::Reload(Box::new(spec), answer)).await
    }

    async fn stop(&self, instance: &str) -> Result<(), String> {
        self.keeper(instance).tell(Order::Stop).await?;
        keeper::end_unrecorded(&self.shared.layout, instance).await
    }

    async fn wait(&self, Wait { instance, within }: Wait) -> Result<(), String> {
        let deadline = Instant::now() + within;
        let mut seen = self.keeper(&instance).watch();
        loop {
            let now = seen.borrow_and_update().clone().ok_or_else(|| format!("`{instance}` was not started"))?;
            let because = now.status.because.unwrap_or_else(|| "it does not say why".to_owned());
            match now.status.state {
                State::Ready => return Ok(()),
                State::Failed => return Err(self.with_log(&instance, &format!("`{instance}` failed: {because}"))),
                _ if now.ends_in_row >= HOPELESS => {
                    let times = now.ends_in_row;
                    return Err(self.with_log(&instance, &format!("`{instance}` ended {times} times: {because}")));
                }
                _ => {}
            }
            if timeout_at(deadline, seen.changed()).await.is_err() {
                let seconds = within.as_secs_f64();
                return Err(
                    self.with_log(&instance, &format!("`{instance}` is not ready after {seconds:.1} s: {because}"))
                );
            }
        }
    }

    fn with_log(&self, instance: &str, what: &str) -> String {
        let lines = tail::last_lines(&self.shared.layout.log(instance), LINES);
        lines.iter().fold(what.to_owned(), |text, line| format!("{text}\n  | {line}"))
    }

    fn finish(&self) -> Finished {
        let left: Vec<String> = self.all().iter().filter_map(Handle::seen).map(|it| it.status.spec.instance).collect();
        if left.is_empty() {
            self.end(End::Finished);
        }
        Finished { left }
    }

    async fn obey(&self, verb: &str, with: Value) -> Result<Value, String> {
        match verb {
            protocol::HELLO => write(&self.hello),
            protocol::HAND_OVER => write(&self.end(End::HandOver)),
            protocol::LIST => write(&self.list().await),
            protocol::START => write(&self.start(read(with)?).await?),
            protocol::RELOAD => write(&self.reload(read(with)?).await?),
            protocol::STOP => write(&self.stop(&read::<Named>(with)?.instance).await?),
            protocol::WAIT => write(&self.wait(read(with)?).await?),
            protocol::FINISH => write(&self.finish()),
            unknown => Err(format!("no such verb: {unknown}")),
        }
    }
}

impl Handler for Verbs {
    fn answer<'a>(&'a self, verb: &'a str, with: Value, _: &'a mut Reply) -> Option<Answer<'a>> {
        Some(Box::pin(self.obey(verb, with)))
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("not understood: {error}"))
}

fn write(value: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}
