//! When operations become searchable, and what happens when that fails.
//!
//! Operations are in the write-ahead log and in a tantivy writer. A commit makes those of the
//! writer durable and searchable, then forgets the log. It happens a second after the first of
//! them while somebody searches, after five seconds while nobody does (a search that comes in
//! between waits for it), and when much has gathered. If a writer fails, as it does on a full
//! disk, it is given up: what it held is read again from the log, which is kept until then.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tantivy::IndexWriter;

use super::handle::IndexHandle;
use super::schema::{Queue, Stored};
use super::store::{Store, Writing};
use crate::error::ApiError;
use crate::json::Json;
use crate::mapping::document::take_apart;
use crate::wal::{Effect, Place, Record, WalError};

/// Operations older than this are searchable, as with `refresh_interval` 1 s.
const REFRESH: Duration = Duration::from_secs(1);
/// While nobody searches, operations are gathered for this long.
const REFRESH_UNSEARCHED: Duration = Duration::from_secs(5);
/// A search makes refreshes frequent for this long.
const SEARCHED_LATELY: Duration = Duration::from_secs(30);
/// Commit when so many operations or bytes have gathered.
const MAX_PENDING: usize = 200_000;
const MAX_LOG_BYTES: u64 = 128 << 20;
/// A commit that failed is tried again after this time.
const RETRY: Duration = Duration::from_secs(2);
/// A writer that had nothing to do for so long is closed, to give its memory back.
const IDLE: Duration = Duration::from_secs(60);

/// What an index has not committed yet.
pub(super) struct Pending {
    pub(super) index: Arc<IndexHandle>,
    /// None until something is written, and after a failure.
    writer: Option<IndexWriter<Stored>>,
    queue: Arc<Queue>,
    /// The newest state of each document that an operation since the last commit concerned.
    pub(super) docs: HashMap<String, PendingDoc>,
    /// The last operation; none since the last commit = nothing to commit.
    last_seq: Option<u64>,
    mapping_changed: bool,
    /// The writer failed: what it held has to be read again from the log.
    lost: bool,
    last_used: Instant,
}

/// The newest state of a document, not committed yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingDoc {
    pub(super) seq: u64,
    pub(super) version: u64,
    /// Where its source is; none if it is deleted.
    pub(super) source: Option<Place>,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} documents of {}", self.docs.len(), self.index.name)
    }
}

/// Something to be done to an index.
pub(super) enum Change {
    Put { document: Box<Stored>, replaces: bool },
    Delete { id: String, seq: u64 },
}

impl Pending {
    pub(super) fn new(index: Arc<IndexHandle>) -> Self {
        Self {
            index,
            writer: None,
            queue: Arc::default(),
            docs: HashMap::new(),
            last_seq: None,
            mapping_changed: false,
            lost: false,
            last_used: Instant::now(),
        }
    }

    pub(super) fn mapping_changed(&mut self) {
        self.mapping_changed = true;
    }

    /// Hands an operation that is in the log to the writer. A failure loses nothing: the operation
    /// is read again from the log when there is a writer again.
    pub(super) fn apply(&mut self, change: Change) {
        self.last_used = Instant::now();
        self.last_seq = Some(match &change {
            Change::Put { document, .. } => document.seq,
            Change::Delete { seq, .. } => *seq,
        });
        if self.lost {
            return;
        }
        if let Err(error) = self.write(change) {
            self.fail(&error);
        }
    }

    fn write(&mut self, change: Change) -> Result<(), ApiError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            empty => empty.insert(self.index.writer()?),
        };
        match change {
            Change::Put { mut document, replaces } => {
                if replaces {
                    writer.delete_term(self.index.id_term(&document.id));
                }
                document.turn = Some(self.queue.enter());
                writer.add_document(*document)?;
            }
            Change::Delete { id, .. } => {
                writer.delete_term(self.index.id_term(&id));
            }
        }
        Ok(())
    }

    pub(super) fn fail(&mut self, error: &ApiError) {
        tracing::error!(index = self.index.name, %error, "cannot write to the index; what was accepted is safe in the log and is written again later");
        self.lost = true;
        self.writer = None;
    }

    /// Whether writes have to wait for the writer to recover.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    fn is_dirty(&self) -> bool {
        self.last_seq.is_some() || self.mapping_changed
    }

    fn commit(&mut self) -> Result<(), ApiError> {
        if self.mapping_changed {
            self.index.save()?;
            self.mapping_changed = false;
        }
        let Some(seq) = self.last_seq else { return Ok(()) };
        if let Some(writer) = &mut self.writer
            && let Err(error) = self.index.commit(writer, seq)
        {
            self.fail(&error);
            return Err(error);
        }
        // Also without a writer: a commit may have succeeded whose documents no reader has seen yet, and an id is
        // known by `docs` or by the reader.
        self.index.reload()?;
        self.docs = HashMap::new();
        self.last_seq = None;
        Ok(())
    }

    /// The writer, for retention.
    pub(super) fn writer(&mut self) -> Result<&mut IndexWriter<Stored>, ApiError> {
        self.last_used = Instant::now();
        match &mut self.writer {
            Some(writer) => Ok(writer),
            empty => Ok(empty.insert(self.index.writer()?)),
        }
    }
}

impl Store {
    /// Applies what the log holds and the indices do not.
    pub(super) fn replay(&self) -> Result<(), WalError> {
        let mut writing = self.writing.lock();
        let writing = &mut *writing;
        let mut next_seq = writing.next_seq;
        let mut last_stored = writing.last_stored;
        let mut pending: HashMap<uuid::Uuid, Pending> = HashMap::new();
        let indices: HashMap<uuid::Uuid, Arc<IndexHandle>> =
            self.all().into_iter().map(|index| (index.uuid, index)).collect();
        let mut count = 0u64;
        writing.wal.replay(&mut |record, place| {
            next_seq = next_seq.max(record.seq + 1);
            last_stored = last_stored.max(record.stored);
            // The index was deleted, or has it already.
            let Some(index) = indices.get(&record.index).filter(|index| record.seq > index.committed_seq()) else {
                return Ok(());
            };
            count += 1;
            let pending = pending.entry(index.uuid).or_insert_with(|| Pending::new(index.clone()));
            reapply(pending, &record, place);
            Ok(())
        })?;
        writing.next_seq = next_seq;
        writing.last_stored = last_stored;
        writing.pending = pending;
        if count > 0 {
            tracing::info!(operations = count, "read from the write-ahead log");
        }
        if let Err(error) = self.commit_locked(writing) {
            // As on a full disk: what was accepted is in the log, and is there for whoever asks by id.
            tracing::warn!(%error, "cannot commit what the write-ahead log holds yet; it is tried again");
            *self.dirty_since.lock() = Some(Instant::now());
        }
        Ok(())
    }

    /// Makes all operations until now durable and searchable.
    pub(crate) fn refresh(&self) -> Result<(), ApiError> {
        self.commit_locked(&mut self.writing.lock())
    }

    pub(super) fn commit_locked(&self, writing: &mut Writing) -> Result<(), ApiError> {
        if !writing.pending.values().any(Pending::is_dirty) {
            *self.dirty_since.lock() = None;
            return Ok(());
        }
        self.disk.before_commit()?;
        if writing.pending.values().any(Pending::is_lost) {
            self.recover(writing)?;
        }
        let committed = writing.wal.rotate()?;
        for pending in writing.pending.values_mut() {
            pending.commit()?;
        }
        writing.wal.forget_before(committed);
        *self.dirty_since.lock() = None;
        Ok(())
    }

    /// Reads again from the log what failed writers held.
    fn recover(&self, writing: &mut Writing) -> Result<(), ApiError> {
        let Writing { wal, pending, .. } = writing;
        for pending in pending.values_mut().filter(|pending| pending.lost) {
            pending.lost = false;
            pending.mapping_changed = true;
            let index = pending.index.clone();
            let replayed = wal.replay(&mut |record, place| {
                if record.index == index.uuid && record.seq > index.committed_seq() {
                    reapply(pending, &record, place);
                }
                Ok(())
            });
            if let Err(error) = replayed {
                pending.lost = true;
                return Err(ApiError::internal(error));
            }
            if pending.lost {
                return Err(ApiError::busy(format!("index [{}] cannot be written yet", index.name)));
            }
            tracing::info!(index = index.name, "the index can be written again");
        }
        Ok(())
    }

    /// Called a few times a second: commits what is due.
    pub(crate) fn tick(&self) {
        let Some(since) = *self.dirty_since.lock() else { return };
        let searched = self.last_search.lock().is_some_and(|last| last.elapsed() < SEARCHED_LATELY);
        let due = if searched { REFRESH } else { REFRESH_UNSEARCHED };
        if since.elapsed() < due || self.failed_at.lock().is_some_and(|failed| failed.elapsed() < RETRY) {
            return;
        }
        match self.refresh() {
            Ok(()) => *self.failed_at.lock() = None,
            Err(error) => {
                self.meters.stored.error();
                // Once is enough to know: the next one is said when it works again.
                if self.failed_at.lock().replace(Instant::now()).is_none() {
                    tracing::warn!(%error, "cannot commit yet; what was accepted is in the log, and it is tried every few seconds");
                }
            }
        }
    }

    /// Called once a second: what was written until now survives a power loss.
    pub(crate) fn sync(&self) {
        let Some(file) = self.writing.lock().wal.take_unsynced() else { return };
        if let Err(error) = self.disk.sync(&file) {
            self.writing.lock().wal.still_unsynced();
            tracing::warn!(%error, "cannot sync the write-ahead log");
        }
    }

    /// Called before a search: what is older than a second is searchable. While the indices cannot
    /// be written the search sees what was committed before.
    pub(crate) fn before_search(&self) {
        *self.last_search.lock() = Some(Instant::now());
        let due = self.dirty_since.lock().is_some_and(|since| since.elapsed() >= REFRESH);
        if due && let Err(error) = self.refresh() {
            tracing::debug!(%error, "searching what was committed before");
        }
    }

    pub(super) fn commit_if_much(&self, writing: &mut Writing) {
        let docs: usize = writing.pending.values().map(|pending| pending.docs.len()).sum();
        if (docs >= MAX_PENDING || writing.wal.bytes() >= MAX_LOG_BYTES)
            && let Err(error) = self.commit_locked(writing)
        {
            tracing::warn!(%error, "cannot commit yet");
        }
    }

    /// Called now and then: gives back what idle writers hold, and sees merged segments.
    pub(crate) fn release_idle(&self) {
        let mut writing = self.writing.lock();
        let (idle, kept) = std::mem::take(&mut writing.pending)
            .into_iter()
            .partition(|(_, pending)| !pending.is_dirty() && !pending.lost && pending.last_used.elapsed() > IDLE);
        writing.pending = kept;
        drop(writing);
        let idle: HashMap<uuid::Uuid, Pending> = idle;
        for pending in idle.into_values() {
            drop(pending.writer);
            if let Err(error) = pending.index.reload() {
                tracing::warn!(index = pending.index.name, %error, "cannot reload the index");
            }
        }
    }

    /// Commits everything, for an orderly end.
    pub(crate) fn close(&self) -> Result<(), ApiError> {
        let mut writing = self.writing.lock();
        let committed = self.commit_locked(&mut writing);
        writing.pending.clear();
        committed
    }
}

/// Applies an operation of the log. It was accepted before, so whatever does not fit the mapping
/// is only left out of the index.
fn reapply(pending: &mut Pending, record: &Record<'_>, place: Place) {
    let source = (record.effect == Effect::Put).then_some(place);
    pending.docs.insert(record.id.to_owned(), PendingDoc { seq: record.seq, version: record.version, source });
    if record.effect == Effect::Delete {
        pending.apply(Change::Delete { id: record.id.to_owned(), seq: record.seq });
        return;
    }
    let mut mapping = pending.index.mapping();
    let before = mapping.clone();
    let parsed = Json::parse(record.source).map_err(ApiError::internal);
    let indexed = parsed.and_then(|json| take_apart(&mut mapping, &json, pending.index.rules(true)));
    let indexed = indexed.unwrap_or_else(|error| {
        tracing::error!(index = pending.index.name, id = record.id, %error, "a document of the log is kept without being indexed");
        crate::mapping::document::Indexed::default()
    });
    if !Arc::ptr_eq(&before, &mapping) {
        pending.index.set_mapping(mapping);
        pending.mapping_changed();
    }
    let document = Box::new(Stored {
        fields: pending.index.fields,
        id: record.id.to_owned(),
        source: record.source.to_vec(),
        seq: record.seq,
        version: record.version,
        stored: record.stored,
        indexed,
        turn: None,
    });
    pending.apply(Change::Put { document, replaces: true });
}
