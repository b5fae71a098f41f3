//! One host: its process, the calls it has, and the lines to and from it.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use parking_lot::Mutex;
use resilmesh_hook_api::{Call, CallId, Failure, FromHost, LONGEST_LINE, Level, ToHost, VERSION};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio_util::codec::{AnyDelimiterCodec, AnyDelimiterCodecError, FramedRead, LinesCodec};

use super::super::HookError;
use super::program::{self, WITHHELD};
use super::{Desk, GRACE, Kind, Voice};

/// How long a host may take to say its first line.
const START: Duration = Duration::from_secs(30);

/// How long a call that was given up may take to end before other calls are given to another host.
const SETTLE: Duration = Duration::from_millis(300);

/// How long a host may take to end when asked to.
const END: Duration = Duration::from_secs(3);

/// The most questions of a host that it has not taken the answers of.
const MOST_QUESTIONS: usize = 1_000;

/// The most lines for people that a call, or a host besides its calls, gets through.
const MOST_LINES: u32 = 10_000;

/// What the writer of a host's standard input is told.
enum Outgoing {
    /// A line; the permit is that of the question that it answers.
    Line(ToHost, Option<OwnedSemaphorePermit>),
    /// End of input: the host ends its calls and itself.
    Close,
}

pub(super) struct Host {
    /// What its hooks are written in, for people.
    words: &'static str,
    to: mpsc::UnboundedSender<Outgoing>,
    calls: Arc<Calls>,
    next: AtomicU64,
    /// Tells the keeper to kill the process.
    kill: Arc<Notify>,
    /// Told by the keeper when the process is gone.
    gone: Arc<Notify>,
}

/// What is known of the calls of a host.
#[derive(Default)]
struct Calls {
    open: Mutex<HashMap<CallId, Open>>,
    dead: AtomicBool,
    /// Told when a call has ended.
    ended: Notify,
}

impl Calls {
    /// Whether it is still at a call that nobody waits for any more.
    fn is_held_up(&self) -> bool {
        self.open.lock().values().any(|open| open.ended.is_none())
    }
}

struct Open {
    call: Arc<Call>,
    items: Option<mpsc::Sender<Value>>,
    /// None once nobody waits for it any more.
    ended: Option<oneshot::Sender<Result<Value, HookError>>>,
    /// What is under way for its questions.
    answering: HashMap<u64, AbortHandle>,
    /// How many lines it has said to people.
    lines: u32,
}

impl Drop for Open {
    /// Nobody waits for an answer when the call has ended.
    fn drop(&mut self) {
        self.answering.values().for_each(AbortHandle::abort);
    }
}

impl Host {
    /// Starts the process and shakes hands with it.
    pub(super) async fn start(
        project: &Path,
        kind: &Kind,
        desk: &Arc<dyn Desk>,
        voice: &Arc<dyn Voice>,
    ) -> Result<Arc<Self>, HookError> {
        let (program, packages) = match kind {
            Kind::Python(packages) => (program::find()?, packages.as_deref()),
            Kind::Rust(program) | Kind::Own(program) => (program.clone(), None),
        };
        let words = kind.words();
        let mut command = Command::new(&program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is ours: the host hears of it as a call that is no longer wanted. What hooks start ends with it.
        command.process_group(0);
        if let Ok(own) = std::env::current_exe() {
            // What a hook starts may use the package too.
            command.env("RESILMESH", own);
        }
        for name in WITHHELD {
            command.env_remove(name);
        }
        let mut child = command.spawn().map_err(|error| {
            let failed = HookError::new(format!("`{}` cannot be started: {error}", program.display()));
            match kind {
                Kind::Own(_) => {
                    failed.hint("`chmod +x` makes it a program; a script says on its first line what runs it")
                }
                Kind::Python(_) | Kind::Rust(_) => failed,
            }
        })?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(HookError::new(format!("{words} has no pipes")));
        };
        let mut lines = FramedRead::new(stdout, line_codec());
        let first = tokio::time::timeout(START, lines.next()).await;
        let hello = match first {
            Ok(Some(Ok(line))) => String::from_utf8_lossy(&line).into_owned(),
            _ => return Err(no_hello(&mut child, stderr, kind).await),
        };
        match serde_json::from_str(&hello) {
            Ok(FromHost::Hello { version: VERSION, .. }) => {}
            Ok(FromHost::Hello { version, .. }) => {
                return Err(HookError::new(format!(
                    "`{}` speaks version {version} of the protocol, this resilmesh version {VERSION}",
                    program.display()
                ))
                .hint(match kind {
                    Kind::Python(_) => "install both from one release",
                    Kind::Rust(_) => "build it again with the SDK of this resilmesh",
                    Kind::Own(_) => "docs/specs/hooks.md says what this version is",
                }));
            }
            _ => {
                return Err(HookError::new(format!(
                    "`{}` is no host of hooks: it says `{}`",
                    program.display(),
                    short(&hello)
                )));
            }
        }
        let (to, outgoing) = mpsc::unbounded_channel();
        let host = Arc::new(Self {
            words,
            to,
            calls: Arc::default(),
            next: AtomicU64::new(1),
            kill: Arc::default(),
            gone: Arc::default(),
        });
        host.send(ToHost::Welcome {
            project: project.to_string_lossy().into_owned(),
            packages: packages.map(|folder| folder.to_string_lossy().into_owned()).into_iter().collect(),
        });
        tokio::spawn(write(stdin, outgoing));
        tokio::spawn(read_errors(stderr, Arc::clone(voice)));
        let reader = Reader {
            calls: Arc::clone(&host.calls),
            to: host.to.clone(),
            desk: Arc::clone(desk),
            voice: Arc::clone(voice),
            questions: Arc::new(Semaphore::new(MOST_QUESTIONS)),
            lines: AtomicU32::new(0),
        };
        tokio::spawn(keep(child, Arc::clone(&host.kill), Arc::clone(&host.gone), reader, lines));
        Ok(host)
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.calls.dead.load(Ordering::Acquire)
    }

    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    /// Whether it can be given another call: it lives, and no call that was given up holds it up for long.
    pub(super) async fn is_free(&self) -> bool {
        self.settles(SETTLE).await
    }

    /// Whether it lives, and all calls that were given up have ended within that time.
    pub(super) async fn settles(&self, within: Duration) -> bool {
        let settled = async {
            loop {
                let ended = self.calls.ended.notified();
                tokio::pin!(ended);
                ended.as_mut().enable();
                if !self.is_alive() || !self.calls.is_held_up() {
                    return;
                }
                ended.await;
            }
        };
        tokio::time::timeout(within, settled).await.is_ok() && self.is_alive()
    }

    fn has_ended(&self) -> HookError {
        HookError::new(format!("{} has ended", self.words))
    }

    fn send(&self, message: ToHost) {
        // A host that is gone has failed its calls already.
        let _ = self.to.send(Outgoing::Line(message, None));
    }

    /// Makes a call; dropping the future interrupts it.
    pub(super) async fn call(
        self: &Arc<Self>,
        call: Call,
        items: Option<mpsc::Sender<Value>>,
    ) -> Result<Value, HookError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (ended, end) = oneshot::channel();
        let call = Arc::new(call);
        {
            let mut open = self.calls.open.lock();
            if !self.is_alive() {
                return Err(self.has_ended());
            }
            let open_call =
                Open { call: Arc::clone(&call), items, ended: Some(ended), answering: HashMap::new(), lines: 0 };
            open.insert(id, open_call);
        }
        let _wanted = Wanted { host: self, id };
        self.send(ToHost::Call { id, call: Box::new(Call::clone(&call)) });
        end.await.unwrap_or_else(|_| Err(self.has_ended()))
    }

    /// The call is not waited for any more: interrupts it, and kills the host if that does not help.
    fn cancel(self: &Arc<Self>, id: CallId) {
        match self.calls.open.lock().get_mut(&id) {
            Some(open) => open.ended = None,
            None => return,
        }
        self.send(ToHost::Cancel { id });
        let host = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(GRACE).await;
            if host.calls.open.lock().contains_key(&id) {
                host.kill.notify_one();
            }
        });
    }

    /// Asks the process to end, and kills it if it does not.
    pub(super) async fn end(&self) {
        let gone = self.gone.notified();
        tokio::pin!(gone);
        gone.as_mut().enable();
        if !self.is_alive() {
            return;
        }
        let unfinished: Vec<CallId> = self.calls.open.lock().keys().copied().collect();
        unfinished.into_iter().for_each(|id| self.send(ToHost::Cancel { id }));
        let _ = self.to.send(Outgoing::Close);
        if tokio::time::timeout(END, &mut gone).await.is_err() {
            self.kill.notify_one();
            let _ = tokio::time::timeout(END, gone).await;
        }
    }
}

/// Cancels its call when dropped, unless it has ended.
struct Wanted<'a> {
    host: &'a Arc<Host>,
    id: CallId,
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.host.cancel(self.id);
    }
}

/// Looks after the process until it is gone; then fails what it had.
async fn keep<R: AsyncRead + Unpin + Send + 'static>(
    mut child: Child,
    kill: Arc<Notify>,
    gone: Arc<Notify>,
    reader: Reader,
    lines: FramedRead<R, AnyDelimiterCodec>,
) {
    let calls = Arc::clone(&reader.calls);
    let group = child.id();
    let reading = reader.run(lines);
    tokio::pin!(reading);
    let why = tokio::select! {
        why = &mut reading => why.err(),
        () = kill.notified() => None,
    };
    calls.dead.store(true, Ordering::Release);
    // What hooks have started belongs to the host's group.
    if let Some(group) = group.and_then(|group| i32::try_from(group).ok()) {
        let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), nix::sys::signal::Signal::SIGKILL);
    }
    let status = child.wait().await;
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let open = std::mem::take(&mut *calls.open.lock());
    for mut one in open.into_values() {
        if let Some(ended) = one.ended.take() {
            let _ = ended.send(Err(match &why {
                Some(why) => HookError::new(format!("the hook's process was ended: {why}")),
                None => HookError::new(format!("the hook's process has ended before the hook ({how})"))
                    .hint("a hook must return; it must not end its process"),
            }));
        }
    }
    gone.notify_waiters();
}

async fn write(mut stdin: ChildStdin, mut outgoing: mpsc::UnboundedReceiver<Outgoing>) {
    while let Some(Outgoing::Line(message, _permit)) = outgoing.recv().await {
        let Ok(mut line) = serde_json::to_vec(&message) else { continue };
        line.push(b'\n');
        if stdin.write_all(&line).await.is_err() {
            return;
        }
    }
}

async fn read_errors(stderr: impl AsyncRead + Unpin, voice: Arc<dyn Voice>) {
    let mut lines = FramedRead::new(stderr, LinesCodec::new_with_max_length(64 * 1024));
    while let Some(line) = lines.next().await {
        match line {
            Ok(line) => voice.line(None, Level::Warning, &line),
            Err(tokio_util::codec::LinesCodecError::MaxLineLengthExceeded) => {}
            Err(_) => return,
        }
    }
}

/// Why a host said nothing: mostly, that its libraries are not there.
async fn no_hello(child: &mut Child, stderr: impl AsyncRead + Unpin, kind: &Kind) -> HookError {
    let _ = child.start_kill();
    let mut said = String::new();
    let mut lines = BufReader::new(stderr).lines();
    // Enough of it to see what is wrong.
    while said.len() < 4_096
        && let Ok(Ok(Some(line))) = tokio::time::timeout(GRACE, lines.next_line()).await
    {
        said.push_str(&format!("{}{line}", if said.is_empty() { "" } else { "; " }));
    }
    let said = if said.is_empty() { "it says nothing".to_owned() } else { short(&said).to_owned() };
    HookError::new(format!("{} does not start: {said}", kind.words())).hint(match kind {
        Kind::Python(_) => "it needs the Python that it was built with (Debian: python3, libpython3)",
        Kind::Own(_) => "its first line must be its `hello`: docs/specs/hooks.md",
        Kind::Rust(_) => "the `main.rs` of the crate must have `resilmesh_sdk::main!();`, and no other `main`",
    })
}

/// Lines of bytes: what is no UTF-8 harms nothing.
fn line_codec() -> AnyDelimiterCodec {
    AnyDelimiterCodec::new_with_max_length(b"\n".to_vec(), b"\n".to_vec(), LONGEST_LINE)
}

fn short(text: &str) -> &str {
    text.char_indices().nth(300).map_or(text, |(end, _)| &text[..end])
}

/// Takes in what a host says.
struct Reader {
    calls: Arc<Calls>,
    to: mpsc::UnboundedSender<Outgoing>,
    desk: Arc<dyn Desk>,
    voice: Arc<dyn Voice>,
    /// One for each question whose answer the host has not taken.
    questions: Arc<Semaphore>,
    /// How many lines it has said to people besides its calls.
    lines: AtomicU32,
}

/// A question that cannot be read as one.
#[derive(serde::Deserialize)]
struct Unreadable {
    ask: u64,
    call: CallId,
}

impl Reader {
    /// Until the host says nothing any more; why it must not go on, otherwise.
    async fn run<R: AsyncRead + Unpin>(&self, mut lines: FramedRead<R, AnyDelimiterCodec>) -> Result<(), String> {
        while let Some(line) = lines.next().await {
            let line = match line {
                Ok(line) => line,
                Err(AnyDelimiterCodecError::MaxChunkLengthExceeded) => {
                    return Err(format!("it says a line of more than {} MiB", LONGEST_LINE >> 20));
                }
                Err(AnyDelimiterCodecError::Io(_)) => return Ok(()),
            };
            match serde_json::from_slice(&line) {
                Ok(message) => self.take(message).await?,
                Err(error) => self.take_unreadable(&line, &error),
            }
        }
        Ok(())
    }

    /// Answers a question that is none, so that nobody waits for it; what else is none of the protocol is of the
    /// hook, and must harm nothing.
    fn take_unreadable(&self, line: &[u8], error: &serde_json::Error) {
        match serde_json::from_slice(line) {
            Ok(Unreadable { ask, call }) if self.call(call).is_some() => {
                let message = format!("the question cannot be read: {error}");
                let error = Some(Failure { message, ..Failure::default() });
                let _ = self.to.send(Outgoing::Line(ToHost::Answer { ask, value: Value::Null, error }, None));
            }
            _ => self.say(None, Level::Info, &String::from_utf8_lossy(line)),
        }
    }

    /// Tells people a line, if there have not been too many.
    fn say(&self, call: Option<CallId>, level: Level, text: &str) {
        let mut open = self.calls.open.lock();
        let of_call = call.and_then(|id| open.get_mut(&id));
        let (said, hook) = match of_call {
            Some(open) => {
                open.lines = open.lines.saturating_add(1);
                (open.lines, Some(Arc::clone(&open.call)))
            }
            None => (self.lines.fetch_add(1, Ordering::Relaxed).saturating_add(1), None),
        };
        drop(open);
        let hook = hook.as_ref().map(|call| &call.hook);
        match said.cmp(&MOST_LINES) {
            std::cmp::Ordering::Less => self.voice.line(hook, level, text),
            std::cmp::Ordering::Equal => self.voice.line(hook, Level::Warning, "too many lines: the rest is left out"),
            std::cmp::Ordering::Greater => {}
        }
    }

    /// Takes in a message; why the host must not go on, if so.
    async fn take(&self, message: FromHost) -> Result<(), String> {
        match message {
            FromHost::Hello { .. } => {}
            FromHost::Log { call, level, text } => {
                self.say(call, level, &text);
            }
            FromHost::Progress { call, text, .. } => self.say(Some(call), Level::Info, &text),
            FromHost::Item { call, value } => {
                let items = self.calls.open.lock().get(&call).and_then(|open| open.items.clone());
                if let Some(items) = items {
                    // Nobody who takes it: the call is being ended.
                    let _ = items.send(value).await;
                }
            }
            FromHost::Ask { ask, call, request } => {
                let Some(asking) = self.call(call) else { return Ok(()) };
                let Ok(permit) = Arc::clone(&self.questions).try_acquire_owned() else {
                    return Err(format!("it asks more than is answered: {MOST_QUESTIONS} answers are not taken"));
                };
                let (desk, to) = (Arc::clone(&self.desk), self.to.clone());
                let answering = tokio::spawn(async move {
                    let items = to.clone();
                    let item = move |value| {
                        let _ = items.send(Outgoing::Line(ToHost::Item { ask, value }, None));
                    };
                    let answer = match desk.answer(&asking, request, &item).await {
                        Ok(value) => ToHost::Answer { ask, value, error: None },
                        Err(error) => ToHost::Answer { ask, value: Value::Null, error: Some(error) },
                    };
                    let _ = to.send(Outgoing::Line(answer, Some(permit)));
                });
                if let Some(open) = self.calls.open.lock().get_mut(&call) {
                    open.answering.retain(|_, one| !one.is_finished());
                    open.answering.insert(ask, answering.abort_handle());
                }
            }
            FromHost::Forget { ask } => {
                let mut open = self.calls.open.lock();
                if let Some(answering) = open.values_mut().find_map(|open| open.answering.remove(&ask)) {
                    answering.abort();
                }
            }
            FromHost::Done { call, value } => self.ended(call, Ok(value)),
            FromHost::Failed { call, error } => {
                let mut error = HookError::from(error).map(|text| self.voice.clean(text));
                if let (Some(call), Some(trace)) = (self.call(call), &mut error.trace) {
                    let own = |line: &String| format!("products/{}/{line}", call.hook.product);
                    trace.lines = trace.lines.iter().map(own).collect();
                }
                self.ended(call, Err(error));
            }
        }
        Ok(())
    }

    fn call(&self, id: CallId) -> Option<Arc<Call>> {
        self.calls.open.lock().get(&id).map(|open| Arc::clone(&open.call))
    }

    fn ended(&self, id: CallId, result: Result<Value, HookError>) {
        if let Some(ended) = self.calls.open.lock().remove(&id).and_then(|mut open| open.ended.take()) {
            let _ = ended.send(result);
        }
        self.calls.ended.notify_waiters();
    }
}
