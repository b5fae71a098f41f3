//! Operations on documents: checked, logged, then handed to the indices.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::commit::{Change, Pending, PendingDoc};
use super::handle::{IdReader, IndexHandle};
use super::schema::Stored;
use super::store::{Store, Writing};
use crate::error::ApiError;
use crate::json::Json;
use crate::mapping::Mapping;
use crate::mapping::document::take_apart;
use crate::wal::{Batch, Effect, Record};

/// Longest id, in bytes.
const MAX_ID_BYTES: usize = 512;

/// One thing to do to one document.
#[derive(Debug, Clone)]
pub(crate) struct Operation<'a> {
    pub(crate) index: String,
    /// None = make one up.
    pub(crate) id: Option<String>,
    pub(crate) action: Action<'a>,
    pub(crate) condition: Condition,
}

#[derive(Debug, Clone)]
pub(crate) enum Action<'a> {
    /// Store, in place of what is there.
    Index(&'a [u8]),
    /// Store, unless there is one.
    Create(&'a [u8]),
    /// Merge into what is there.
    Update(&'a [u8]),
    Delete,
}

/// What must hold for an operation to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Condition {
    #[default]
    None,
    /// The document was last changed by this operation.
    Seq(u64),
    /// The given version is greater than the present one; it is taken over.
    External(u64),
    /// The same, or equal.
    ExternalOrEqual(u64),
}

/// What an operation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effected {
    Created,
    Updated,
    Deleted,
    NotFound,
    Noop,
}

/// The outcome of an operation.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) id: String,
    pub(crate) result: Result<Done, ApiError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) effected: Effected,
    pub(crate) seq: u64,
    pub(crate) version: u64,
}

/// The present state of a document.
#[derive(Debug, Clone, Copy)]
struct Present {
    seq: u64,
    version: u64,
    source: SourceAt,
}

#[derive(Debug, Clone, Copy)]
enum SourceAt {
    /// In the batch that is being put together.
    Batch((usize, usize)),
    Log(crate::wal::Place),
    Index(tantivy::DocAddress),
    /// It is deleted.
    Nowhere,
}

/// A change to be made once it is in the log.
struct Staged {
    index: Arc<IndexHandle>,
    change: Change,
    /// Where the source is in the batch; none for a deletion.
    source: Option<(usize, usize)>,
    version: u64,
}

/// A request on its way through: nothing of it is in force until it is in the log.
struct Staging<'s> {
    store: &'s Store,
    writing: &'s mut Writing,
    batch: Batch,
    changes: Vec<Staged>,
    /// Documents that earlier operations of the request concerned.
    touched: HashMap<uuid::Uuid, HashMap<String, Present>>,
    readers: HashMap<uuid::Uuid, IdReader>,
    mappings: HashMap<uuid::Uuid, (Arc<IndexHandle>, Arc<Mapping>)>,
    next_seq: u64,
    now: i64,
}

impl Store {
    /// Does operations, in order. An answer means that they are in the write-ahead log; an error
    /// that none of them was done, and trying again is right.
    pub(crate) fn write(&self, operations: &[Operation<'_>]) -> Result<Vec<Outcome>, ApiError> {
        self.meters.received.received(operations.len() as u64);
        self.check_space()?;
        let mut writing = self.writing.lock();
        if let Some(lost) = writing.pending.values().find(|pending| pending.is_lost()) {
            return Err(ApiError::busy(format!(
                "index [{}] cannot be written at the moment, see the log of the store; nothing that was accepted is lost",
                lost.index.name
            )));
        }
        let now = chrono::Utc::now().timestamp_millis().max(writing.last_stored);
        let next_seq = writing.next_seq;
        let mut staging = Staging {
            store: self,
            writing: &mut writing,
            batch: Batch::default(),
            changes: Vec::with_capacity(operations.len()),
            touched: HashMap::new(),
            readers: HashMap::new(),
            mappings: HashMap::new(),
            next_seq,
            now,
        };
        let outcomes = operations.iter().map(|operation| staging.stage(operation)).collect();
        let Staging { batch, changes, mappings, next_seq, .. } = staging;
        if !batch.is_empty() {
            self.put_in_force(&mut writing, &batch, changes, mappings)?;
            writing.next_seq = next_seq;
            writing.last_stored = now;
            self.dirty_since.lock().get_or_insert_with(Instant::now);
            self.commit_if_much(&mut writing);
        }
        let unsynced = if self.options.sync_each { writing.wal.take_unsynced() } else { None };
        drop(writing);
        if let Some(file) = unsynced
            && let Err(error) = self.disk.sync(&file)
        {
            // What the log holds may come again, and is then found there: it must be synced first.
            self.writing.lock().wal.still_unsynced();
            return Err(error.into());
        }
        Ok(outcomes)
    }

    fn put_in_force(
        &self,
        writing: &mut Writing,
        batch: &Batch,
        changes: Vec<Staged>,
        mappings: HashMap<uuid::Uuid, (Arc<IndexHandle>, Arc<Mapping>)>,
    ) -> Result<(), ApiError> {
        let places: Vec<_> =
            changes.iter().map(|staged| staged.source.map(|source| writing.wal.place_of(source))).collect();
        writing.wal.append(batch).map_err(|error| {
            self.meters.stored.error();
            tracing::warn!(%error, "cannot write to the write-ahead log; the request is refused");
            ApiError::busy(format!(
                "cannot write to {}: {error}; nothing of the request was done, try again later",
                self.data.display()
            ))
        })?;
        for (index, mapping) in mappings.into_values() {
            if !Arc::ptr_eq(&index.mapping(), &mapping) {
                index.set_mapping(mapping);
                pending(writing, &index).mapping_changed();
            }
        }
        let mut stored = 0;
        for (Staged { index, change, version, .. }, source) in changes.into_iter().zip(places) {
            let (id, seq) = match &change {
                Change::Put { document, .. } => {
                    stored += 1;
                    (document.id.clone(), document.seq)
                }
                Change::Delete { id, seq } => (id.clone(), *seq),
            };
            let pending = pending(writing, &index);
            pending.docs.insert(id, PendingDoc { seq, version, source });
            pending.apply(change);
        }
        self.meters.stored.sent(stored);
        Ok(())
    }

    fn check_space(&self) -> Result<(), ApiError> {
        let free = self.disk.free(&self.data)?;
        if free < self.options.min_free {
            self.meters.stored.error();
            return Err(ApiError::new(
                429,
                "cluster_block_exception",
                format!(
                    "the file system of {} has {free} bytes left, the store keeps {} free (`min_free`): make room, or lower `retention.max_size`",
                    self.data.display(),
                    self.options.min_free
                ),
            ));
        }
        Ok(())
    }

    /// The newest state of a document, committed or not: its source, number of the operation that
    /// made it, version. None if there is no such document.
    pub(crate) fn get(&self, index: &IndexHandle, id: &str) -> Result<Option<(Vec<u8>, u64, u64)>, ApiError> {
        let writing = self.writing.lock();
        if let Some(doc) = writing.pending.get(&index.uuid).and_then(|pending| pending.docs.get(id)) {
            return match doc.source {
                Some(place) => Ok(Some((writing.wal.read(place)?, doc.seq, doc.version))),
                None => Ok(None),
            };
        }
        let reader = IdReader::new(index)?;
        drop(writing);
        match reader.find(&index.id_term(id))? {
            None => Ok(None),
            Some(found) => {
                Ok(Some((crate::search::source(reader.searcher(), index, found.address)?, found.seq, found.version)))
            }
        }
    }
}

fn pending<'w>(writing: &'w mut Writing, index: &Arc<IndexHandle>) -> &'w mut Pending {
    writing.pending.entry(index.uuid).or_insert_with(|| Pending::new(index.clone()))
}

impl Staging<'_> {
    fn stage(&mut self, operation: &Operation<'_>) -> Outcome {
        let generated = operation.id.is_none();
        let id = operation.id.clone().unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string());
        let result = self.try_stage(operation, &id, generated);
        Outcome { id, result }
    }

    fn try_stage(&mut self, operation: &Operation<'_>, id: &str, generated: bool) -> Result<Done, ApiError> {
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return Err(ApiError::illegal(format!(
                "id [{id}] must have between 1 and {MAX_ID_BYTES} bytes but has {}",
                id.len()
            )));
        }
        let index = match operation.action {
            Action::Delete if operation.condition == Condition::None => self.store.index(&operation.index)?,
            _ => self.store.index_or_create(&operation.index)?,
        };
        let present = if generated { None } else { self.present(&index, id)? };
        let alive = present.filter(|present| !matches!(present.source, SourceAt::Nowhere));
        let version = next_version(id, operation.condition, present, alive)?;
        match &operation.action {
            Action::Create(_) if alive.is_some() => {
                let seen = alive.map_or(0, |present| present.version);
                Err(conflict(id, format!("document already exists (current version [{seen}])")))
            }
            Action::Index(source) | Action::Create(source) => self.put(&index, id, source, version, present, alive),
            Action::Update(update) => self.update(&index, id, update, version, present, alive),
            Action::Delete => {
                let effected = if alive.is_some() { Effected::Deleted } else { Effected::NotFound };
                Ok(self.delete(&index, id, version, effected))
            }
        }
    }

    /// What is there under an id: in this request, not committed yet, or committed.
    fn present(&mut self, index: &Arc<IndexHandle>, id: &str) -> Result<Option<Present>, ApiError> {
        if let Some(present) = self.touched.get(&index.uuid).and_then(|docs| docs.get(id)) {
            return Ok(Some(*present));
        }
        if let Some(doc) = self.writing.pending.get(&index.uuid).and_then(|pending| pending.docs.get(id)) {
            let source = doc.source.map_or(SourceAt::Nowhere, SourceAt::Log);
            return Ok(Some(Present { seq: doc.seq, version: doc.version, source }));
        }
        let reader = match self.readers.entry(index.uuid) {
            std::collections::hash_map::Entry::Occupied(reader) => reader.into_mut(),
            std::collections::hash_map::Entry::Vacant(none) => none.insert(IdReader::new(index)?),
        };
        let found = reader.find(&index.id_term(id))?;
        Ok(found.map(|found| Present {
            seq: found.seq,
            version: found.version,
            source: SourceAt::Index(found.address),
        }))
    }

    fn put(
        &mut self,
        index: &Arc<IndexHandle>,
        id: &str,
        source: &[u8],
        version: u64,
        present: Option<Present>,
        alive: Option<Present>,
    ) -> Result<Done, ApiError> {
        let json = Json::parse(source)
            .map_err(|error| ApiError::new(400, "document_parsing_exception", format!("failed to parse: {error}")))?;
        let (_, mapping) = self.mappings.entry(index.uuid).or_insert_with(|| (index.clone(), index.mapping()));
        let indexed = take_apart(mapping, &json, index.rules(false))?;
        let seq = self.take_seq();
        let stored = self.now;
        let place =
            self.batch.push(&Record { effect: Effect::Put, index: index.uuid, seq, version, stored, id, source });
        let document = Box::new(Stored {
            fields: index.fields,
            id: id.to_owned(),
            source: source.to_vec(),
            seq,
            version,
            stored,
            indexed,
            turn: None,
        });
        self.changes.push(Staged {
            index: index.clone(),
            change: Change::Put { document, replaces: present.is_some() },
            source: Some(place),
            version,
        });
        self.touch(index, id, Present { seq, version, source: SourceAt::Batch(place) });
        let effected = if alive.is_some() { Effected::Updated } else { Effected::Created };
        Ok(Done { effected, seq, version })
    }

    fn delete(&mut self, index: &Arc<IndexHandle>, id: &str, version: u64, effected: Effected) -> Done {
        let seq = self.take_seq();
        let stored = self.now;
        self.batch.push(&Record { effect: Effect::Delete, index: index.uuid, seq, version, stored, id, source: b"" });
        self.changes.push(Staged {
            index: index.clone(),
            change: Change::Delete { id: id.to_owned(), seq },
            source: None,
            version,
        });
        self.touch(index, id, Present { seq, version, source: SourceAt::Nowhere });
        Done { effected, seq, version }
    }

    fn update(
        &mut self,
        index: &Arc<IndexHandle>,
        id: &str,
        update: &[u8],
        version: u64,
        present: Option<Present>,
        alive: Option<Present>,
    ) -> Result<Done, ApiError> {
        let update =
            Json::parse(update).map_err(|error| ApiError::parsing(format!("failed to parse update: {error}")))?;
        let Json::Object(keys) = &update else { return Err(ApiError::parsing("an update must be an object")) };
        if let Some((key, _)) =
            keys.iter().find(|(key, _)| !matches!(&**key, "doc" | "doc_as_upsert" | "upsert" | "detect_noop"))
        {
            return Err(ApiError::unsupported(format_args!("[{key}] in an update")));
        }
        let is_true = |key: &str| update.get(key) == Some(&Json::Bool(true));
        let doc = update.get("doc");
        let Some(alive) = alive else {
            let upsert = update.get("upsert").or(if is_true("doc_as_upsert") { doc } else { None });
            let upsert = upsert.ok_or_else(|| {
                ApiError::new(404, "document_missing_exception", format!("[{id}]: document missing"))
                    .of_index(&index.name)
            })?;
            return self.put(index, id, upsert.to_text().as_bytes(), version, present, None);
        };
        let doc = doc.ok_or_else(|| ApiError::illegal("an update needs [doc]"))?;
        let old = self.source(index, &alive)?;
        let mut merged = Json::parse(&old).map_err(ApiError::internal)?;
        let changed = merged.merge(doc.clone());
        if !changed && update.get("detect_noop") != Some(&Json::Bool(false)) {
            return Ok(Done { effected: Effected::Noop, seq: alive.seq, version: alive.version });
        }
        let merged = merged.to_text();
        self.put(index, id, merged.as_bytes(), version, present, Some(alive))
    }

    fn source(&self, index: &IndexHandle, present: &Present) -> Result<Vec<u8>, ApiError> {
        match present.source {
            SourceAt::Batch(place) => Ok(self.batch.source(place).to_vec()),
            SourceAt::Log(place) => Ok(self.writing.wal.read(place)?),
            SourceAt::Index(address) => {
                let reader = self.readers.get(&index.uuid).ok_or_else(|| ApiError::internal("no reader"))?;
                crate::search::source(reader.searcher(), index, address)
            }
            SourceAt::Nowhere => Err(ApiError::internal("the document is deleted")),
        }
    }

    fn take_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq - 1
    }

    fn touch(&mut self, index: &IndexHandle, id: &str, present: Present) {
        self.touched.entry(index.uuid).or_default().insert(id.to_owned(), present);
    }
}

fn conflict(id: &str, reason: String) -> ApiError {
    ApiError::new(409, "version_conflict_engine_exception", format!("[{id}]: version conflict, {reason}"))
}

/// The version an operation gives to a document, if its condition holds.
fn next_version(
    id: &str,
    condition: Condition,
    present: Option<Present>,
    alive: Option<Present>,
) -> Result<u64, ApiError> {
    let current = present.map_or(0, |present| present.version);
    match condition {
        Condition::None => Ok(current + 1),
        Condition::Seq(wanted) => match alive {
            Some(alive) if alive.seq == wanted => Ok(current + 1),
            Some(alive) => Err(conflict(
                id,
                format!(
                    "required seqNo [{wanted}], primary term [1]. current document has seqNo [{}] and primary term [1]",
                    alive.seq
                ),
            )),
            None => {
                Err(conflict(id, format!("required seqNo [{wanted}], primary term [1]. but no document was found")))
            }
        },
        Condition::External(given) if given > current => Ok(given),
        Condition::ExternalOrEqual(given) if given >= current => Ok(given),
        Condition::External(given) | Condition::ExternalOrEqual(given) => {
            Err(conflict(id, format!("current version [{current}] is higher or equal to the one provided [{given}]")))
        }
    }
}
