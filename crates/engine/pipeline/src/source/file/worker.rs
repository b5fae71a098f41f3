//! The loop over all files of a source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::Utc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vrl::value::{ObjectMap, Value};

use super::find::Finder;
use super::fingerprint::{Place, Strategy};
use super::ledger::{Candidate, Known, Ledger};
use super::progress::Progress;
use super::tail::{Line, Read, Tail};
use crate::event::{Ack, Batch, Event, Fate};
use crate::seldom::Seldom;
use crate::source::fields::FieldKey;
use crate::source::stdin::own_host;
use crate::source::{SourceContext, SourceError};

/// How many batches are under way at once, at most.
const MOST_BATCHES: usize = 64;
/// How many bytes of lines are under way before no more are read.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// How long nothing is done when no file has anything new.
const REST: Duration = Duration::from_millis(100);
/// How often what is delivered is written to disk, at most.
const KEEP: Duration = Duration::from_millis(250);
/// A file that is not found any more is read on for so long: its writer may not know yet.
const GONE: Duration = Duration::from_secs(60);
/// How long after a failure lines are sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// Where the source puts what it knows of a line.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) file: FieldKey,
    pub(super) host: FieldKey,
    pub(super) offset: Option<FieldKey>,
}

/// Reads all files of a source.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) finder: Finder,
    pub(super) ledger: Ledger,
    pub(super) keys: Keys,
    pub(super) strategy: Strategy,
    pub(super) from_end: bool,
    pub(super) ignore_older: Option<Duration>,
    pub(super) max_line_bytes: usize,
    pub(super) look_again: Duration,
}

/// A file that is being read.
#[derive(Debug)]
struct Reading {
    place: Place,
    tail: Tail,
    progress: Progress,
    /// The path in the ledger.
    path: String,
    metadata: Value,
    fingerprint: u64,
    /// Since when it is not found any more.
    gone: Option<Instant>,
    /// Whether nothing more is read of it: only fates are waited for.
    over: bool,
    rest_until: Option<Instant>,
}

/// The fate of a part: key of the file, number of the part, its bytes.
type Told = (u64, u64, usize, Fate);

impl Worker {
    /// Reads until told to stop, then waits for the fate of what is under way. Ends at once, and
    /// writes nothing more, when `dropped` is cancelled.
    ///
    /// # Errors
    /// Never for a single file, which may be readable later.
    pub(super) fn run(
        self,
        mut context: SourceContext,
        dropped: &CancellationToken,
        handle: &Handle,
    ) -> Result<(), SourceError> {
        let (tell, told) = mpsc::unbounded_channel();
        let first = !self.ledger.has_run_before();
        let mut run = Run {
            from_end: self.from_end && first,
            worker: self,
            files: BTreeMap::new(),
            tell,
            told,
            batches: 0,
            bytes: 0,
            host: own_host(),
            seldom: Seldom::default(),
            dropped: dropped.clone(),
        };
        run.look(&context);
        run.from_end = false;
        run.keep(&context);
        context.readiness.ready();
        let (mut looked, mut kept) = (Instant::now(), Instant::now());
        while !context.stop.is_cancelled() {
            if dropped.is_cancelled() {
                return Ok(());
            }
            run.hear();
            if looked.elapsed() >= run.worker.look_again {
                run.look(&context);
                looked = Instant::now();
            }
            let any = run.read_all(&context, handle);
            if kept.elapsed() >= KEEP {
                run.keep(&context);
                kept = Instant::now();
            }
            if !any {
                handle.block_on(run.rest(&context));
            }
        }
        // What is downstream ends when nothing more can come.
        context.output = context.output.closed();
        handle.block_on(run.settle(&context));
        if !dropped.is_cancelled() {
            run.keep(&context);
        }
        Ok(())
    }
}

struct Run {
    worker: Worker,
    from_end: bool,
    files: BTreeMap<u64, Reading>,
    tell: mpsc::UnboundedSender<Told>,
    told: mpsc::UnboundedReceiver<Told>,
    batches: usize,
    bytes: usize,
    host: String,
    seldom: Seldom,
    dropped: CancellationToken,
}

impl Run {
    fn complain(&mut self, context: &SourceContext, path: &Path, error: &io::Error) {
        context.counters.error();
        if let Some(held) = self.seldom.turn() {
            tracing::warn!(
                component = %context.id,
                unreported = held,
                "`{}` cannot be read: {error}; it is tried again as long as it is there",
                path.display()
            );
        }
    }

    /// Looks for files that are new, gone, or begun anew.
    fn look(&mut self, context: &SourceContext) {
        let mut seen = BTreeSet::new();
        for path in self.worker.finder.find() {
            match self.look_at(&path, &mut seen) {
                Ok(()) => {}
                // Gone since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.complain(context, &path, &error),
            }
        }
        let now = Instant::now();
        for (key, reading) in &mut self.files {
            if seen.contains(key) {
                reading.gone = None;
            } else {
                reading.gone.get_or_insert(now);
            }
        }
    }

    fn look_at(&mut self, path: &Path, seen: &mut BTreeSet<u64>) -> io::Result<()> {
        let meta = std::fs::metadata(path)?;
        let place = Place::of(&meta);
        let current = self.files.iter().find(|(_, reading)| reading.place == place && !reading.over);
        if let Some((&key, reading)) = current {
            if !begun_anew(reading, &meta, self.worker.strategy)? {
                seen.insert(key);
                return Ok(());
            }
            // What was read of it before is still on its way.
            if let Some(reading) = self.files.get_mut(&key) {
                reading.over = true;
            }
        } else if self.is_old(&meta) {
            return Ok(());
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        let Some(fingerprint) = self.worker.strategy.fingerprint(&file, place)? else { return Ok(()) };
        let candidate = Candidate { file: &file, meta: &meta, path, fingerprint };
        let active: BTreeSet<u64> = self.files.keys().copied().collect();
        let key = match self.worker.ledger.identify(&candidate, &active)? {
            Known::Copy => return Ok(()),
            Known::As(key) => key,
            Known::New => {
                let offset = if self.from_end { meta.len() } else { 0 };
                self.worker.ledger.add(&candidate, offset)?
            }
        };
        let Some(entry) = self.worker.ledger.get(key) else { return Ok(()) };
        let reading = Reading {
            place: Place::of(&meta),
            progress: Progress::new(entry.offset),
            path: entry.path.display().to_string(),
            metadata: metadata(&entry.id),
            fingerprint,
            gone: None,
            over: false,
            rest_until: None,
            tail: Tail::new(file, entry.offset, self.worker.max_line_bytes),
        };
        self.files.insert(key, reading);
        seen.insert(key);
        Ok(())
    }

    fn is_old(&self, meta: &Metadata) -> bool {
        let age = meta.modified().ok().and_then(|modified| modified.elapsed().ok());
        self.worker.ignore_older.zip(age).is_some_and(|(limit, age)| age > limit)
    }

    /// Reads a batch of every file that has one. False if none had.
    fn read_all(&mut self, context: &SourceContext, handle: &Handle) -> bool {
        let mut any = false;
        let keys: Vec<u64> = self.files.keys().copied().collect();
        for key in keys {
            if self.batches >= MOST_BATCHES || self.bytes >= MOST_BYTES || context.stop.is_cancelled() {
                break;
            }
            any |= self.read(key, context, handle);
        }
        any
    }

    fn read(&mut self, key: u64, context: &SourceContext, handle: &Handle) -> bool {
        let Some(reading) = self.files.get_mut(&key) else { return false };
        if let Some(offset) = reading.progress.rewind() {
            reading.tail.rewind(offset);
            // A file that is gone is still open, and what failed of it can be read again. What was
            // in one that was emptied cannot.
            reading.over &= reading.gone.is_none();
            reading.rest_until = Some(Instant::now() + AGAIN);
        }
        let resting = reading.rest_until.is_some_and(|until| Instant::now() < until);
        if reading.over || reading.progress.failed() || resting {
            self.forget_if_over(key);
            return false;
        }
        match reading.tail.read() {
            Ok(Some(read)) => {
                self.send(key, read, context, handle);
                true
            }
            Ok(None) => {
                if reading.gone.is_some_and(|gone| gone.elapsed() > GONE) {
                    reading.over = true;
                    let last = reading.tail.last();
                    self.send(key, Read { lines: last.into_iter().collect(), too_long: 0 }, context, handle);
                }
                false
            }
            Err(error) => {
                reading.rest_until = Some(Instant::now() + AGAIN);
                let path = PathBuf::from(&reading.path);
                self.complain(context, &path, &error);
                false
            }
        }
    }

    fn forget_if_over(&mut self, key: u64) {
        if self.files.get(&key).is_some_and(|reading| reading.over && reading.progress.is_settled()) {
            self.advance(key);
            self.files.remove(&key);
        }
    }

    fn send(&mut self, key: u64, read: Read, context: &SourceContext, handle: &Handle) {
        if read.too_long > 0 {
            context.counters.dropped("longer than max_line_bytes", read.too_long);
        }
        let Some(reading) = self.files.get_mut(&key) else { return };
        if read.lines.is_empty() && read.too_long == 0 {
            return;
        }
        let number = reading.progress.sent(reading.tail.offset());
        let bytes = read.lines.iter().map(|line| line.text.len()).sum();
        self.batches += 1;
        self.bytes += bytes;
        let tell = self.tell.clone();
        let ack = Ack::telling(move |fate| {
            // Nobody waits for it any more: the lines are read again after the next start.
            let _ = tell.send((key, number, bytes, fate));
        });
        context.counters.received(read.lines.len() as u64);
        let batch: Batch = read
            .lines
            .into_iter()
            .map(|line| event(line, &self.worker.keys, &reading.path, &self.host, &reading.metadata, &ack))
            .collect();
        drop(ack);
        handle.block_on(async {
            tokio::select! {
                // When nobody takes events any more, the pipeline is failing and says so itself.
                _ = context.output.send(batch) => {}
                () = context.abandon.cancelled() => {}
                () = self.dropped.cancelled() => {}
            }
        });
    }

    /// Takes note of all fates that are known by now.
    fn hear(&mut self) {
        while let Ok(told) = self.told.try_recv() {
            self.note(told);
        }
    }

    fn note(&mut self, (key, number, bytes, fate): Told) {
        self.batches -= 1;
        self.bytes -= bytes;
        if let Some(reading) = self.files.get_mut(&key) {
            reading.progress.told(number, fate);
        }
    }

    /// Waits a little, or until a fate is known.
    async fn rest(&mut self, context: &SourceContext) {
        tokio::select! {
            () = context.stop.cancelled() => {}
            Some(told) = self.told.recv() => self.note(told),
            () = tokio::time::sleep(REST) => {}
        }
    }

    /// Waits for the fate of all that is under way.
    async fn settle(&mut self, context: &SourceContext) {
        while self.batches > 0 {
            tokio::select! {
                biased;
                () = context.abandon.cancelled() => return,
                () = self.dropped.cancelled() => return,
                Some(told) = self.told.recv() => self.note(told),
            }
        }
    }

    fn advance(&mut self, key: u64) {
        if let Some(reading) = self.files.get(&key) {
            self.worker.ledger.advance(key, reading.progress.delivered(), reading.tail.file());
        }
    }

    /// Writes to disk up to where everything is delivered.
    fn keep(&mut self, context: &SourceContext) {
        let keys: Vec<u64> = self.files.keys().copied().collect();
        keys.into_iter().for_each(|key| self.advance(key));
        if let Err(error) = self.worker.ledger.keep() {
            context.counters.error();
            if let Some(held) = self.seldom.turn() {
                tracing::warn!(
                    component = %context.id,
                    unreported = held,
                    "how far files were read cannot be kept: {error}; lines may come twice after a restart"
                );
            }
        }
    }
}

/// Whether the file at its place was emptied or replaced by other content.
fn begun_anew(reading: &Reading, meta: &Metadata, strategy: Strategy) -> io::Result<bool> {
    if meta.len() < reading.tail.position() {
        return Ok(true);
    }
    let fingerprint = strategy.fingerprint(reading.tail.file(), reading.place)?;
    Ok(fingerprint.is_some_and(|fingerprint| fingerprint != reading.fingerprint))
}

/// The events of the lines of a file that nobody has read before, for a rehearsal.
pub(super) fn rehearse(keys: &Keys, path: &str, lines: Vec<Bytes>) -> Batch {
    let metadata = metadata("rehearsal");
    let (host, mut offset) = (own_host(), 0);
    let mut batch = Batch::new();
    for text in lines {
        let next = offset + text.len() as u64 + 1;
        batch.push(event(Line { offset, text }, keys, path, &host, &metadata, &Ack::none()));
        offset = next;
    }
    batch
}

fn metadata(file_id: &str) -> Value {
    let id = ObjectMap::from([("file_id".into(), file_id.into())]);
    Value::Object(ObjectMap::from([("resilmesh".into(), Value::Object(id))]))
}

fn event(line: Line, keys: &Keys, path: &str, host: &str, metadata: &Value, ack: &Ack) -> Event {
    let mut value = Value::Object(ObjectMap::from([
        ("message".into(), Value::from_utf8_or_bytes(line.text)),
        ("source_type".into(), "file".into()),
        ("timestamp".into(), Utc::now().into()),
    ]));
    keys.file.fill(&mut value, path);
    keys.host.fill(&mut value, host);
    if let Some(key) = &keys.offset {
        key.fill(&mut value, i64::try_from(line.offset).unwrap_or(i64::MAX));
    }
    Event { value, metadata: metadata.clone(), ack: ack.clone() }
}
