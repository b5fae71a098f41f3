//! What the templates of a mesh may take. They come from others, and a plan evaluates them before
//! anybody has trusted their authors.
//!
//! Steps and output are counted by the template language. A single step may work on a text of any
//! size, though; so all of the rendering happens in a thread of its own, which is given up when it
//! takes too long, or the process too much memory. The command then fails, and the thread ends with it.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::project::code::Code;
use crate::project::position::Diagnostic;

/// How often the time and the memory are looked at.
const TICK: Duration = Duration::from_millis(20);
/// Templates may be nested: as much stack as the first thread of a process has.
const STACK: usize = 8 << 20;

/// What the templates may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps of the template language for one file.
    pub steps: u64,
    /// Bytes of one file.
    pub output: usize,
    /// Time for all files.
    pub time: Duration,
    /// How many bytes of memory the process may take more than before.
    pub memory: u64,
}

impl Default for Limits {
    /// Far more than any mesh needs.
    fn default() -> Self {
        Self { steps: 5_000_000, output: 16 << 20, time: Duration::from_secs(30), memory: 1 << 30 }
    }
}

/// What is being rendered, as it is told if that takes too much: of what is rendered at the same time, what
/// was begun first.
#[derive(Debug, Clone, Default)]
pub(super) struct Doing(Arc<Mutex<Vec<Place>>>);

/// Since when somebody is at what; none when not at anything.
type Place = Option<(Instant, Diagnostic)>;

/// What one who renders is at.
pub(super) struct At<'a> {
    doing: &'a Doing,
    place: usize,
}

impl Doing {
    /// Somebody begins to render.
    pub(super) fn begin(&self) -> At<'_> {
        let mut places = self.0.lock();
        places.push(None);
        At { doing: self, place: places.len() - 1 }
    }

    fn takes(&self, why: &str) -> Vec<Diagnostic> {
        let first = self.0.lock().iter().flatten().min_by_key(|(since, _)| *since).map(|(_, what)| what.clone());
        let what = first.unwrap_or_else(|| nowhere("rendering"));
        let message = format!("{} takes {why}, which is the limit for all templates of a mesh", what.message);
        vec![Diagnostic { message, ..what }]
    }
}

impl At<'_> {
    /// Notes it: a finding without its end, which says what it takes.
    pub(super) fn note(&self, what: Diagnostic) {
        self.doing.0.lock()[self.place] = Some((Instant::now(), what));
    }
}

impl Drop for At<'_> {
    fn drop(&mut self) {
        self.doing.0.lock()[self.place] = None;
    }
}

/// Threads to render in; none if they cannot be had.
pub(super) fn pool(threads: usize) -> Option<ThreadPool> {
    let name = |number| format!("templates {number}");
    ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).thread_name(name).build().ok()
}

/// Does the work within the limits of time and memory.
///
/// # Errors
/// Those of the work, or that it took too much.
pub(super) fn within<T: Send + 'static>(
    limits: Limits,
    doing: &Doing,
    work: impl FnOnce() -> Result<T, Vec<Diagnostic>> + Send + 'static,
) -> Result<T, Vec<Diagnostic>> {
    let (sender, receiver) = mpsc::channel();
    let failed = |why: &str| vec![nowhere(format!("templates cannot be rendered: {why}"))];
    // Nobody may be waiting for it any more.
    let run = move || drop(sender.send(work()));
    std::thread::Builder::new()
        .name("templates".to_owned())
        .stack_size(STACK)
        .spawn(run)
        .map_err(|error| failed(&error.to_string()))?;
    let (start, before) = (Instant::now(), memory());
    loop {
        match receiver.recv_timeout(TICK) {
            Ok(done) => return done,
            Err(RecvTimeoutError::Disconnected) => return Err(failed("the template engine has failed")),
            Err(RecvTimeoutError::Timeout) if start.elapsed() > limits.time => {
                return Err(doing.takes(&format!("longer than {} s", limits.time.as_secs_f64())));
            }
            Err(RecvTimeoutError::Timeout) if memory().saturating_sub(before) > limits.memory => {
                return Err(doing.takes(&format!("more than {} MiB of memory", limits.memory >> 20)));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Bytes of memory that this process uses now; 0 where that cannot be told.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    resident.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024)
}

/// A finding about templates in general.
fn nowhere(message: impl std::convert::Into<String>) -> Diagnostic {
    Diagnostic::nowhere(message).coded(Code::Template)
}

/// What is said of a file beyond the limit.
pub(super) fn too_long(limit: usize) -> String {
    format!("it makes more than {} MiB, the limit of a file", limit >> 20)
}

/// A text that does not grow beyond a limit.
pub(super) struct Bounded {
    text: Vec<u8>,
    limit: usize,
}

impl Bounded {
    pub(super) fn new(limit: usize) -> Self {
        Self { text: Vec::new(), limit }
    }

    /// What was written.
    pub(super) fn text(self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit - self.text.len() {
            return Err(io::Error::other(too_long(self.limit)));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for Bounded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bounded").field("limit", &self.limit).finish_non_exhaustive()
    }
}
