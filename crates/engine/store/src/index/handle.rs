//! One index on disk: its folder, its tantivy index, its mapping.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tantivy::directory::MmapDirectory;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::schema::IndexRecordOption;
use tantivy::{
    DocAddress, DocSet, Index, IndexReader, IndexSettings, IndexWriter, InvertedIndexReader, ReloadPolicy, Searcher,
    TERMINATED, TantivyError, Term,
};

use super::schema::{Fields, SEQ, STORED_AT, Stored, VERSION, register_tokenizers, schema};
use crate::disk;
use crate::error::ApiError;
use crate::mapping::Mapping;
use crate::mapping::document::Rules;

/// Memory an index may gather before it writes a segment.
const WRITER_BYTES: usize = 20_000_000;
/// Segments with more documents are not merged any more, unless much in them is deleted.
const MAX_MERGE_DOCS: usize = 2_000_000;
/// A segment with a greater share of deleted documents is rewritten.
pub(crate) const MAX_DELETED_SHARE: f32 = 0.3;
const DEFINITION: &str = "index.json";

/// What is known of an index besides its documents; kept in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) uuid: uuid::Uuid,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    /// Settings as they were given, flat: `index.number_of_shards` and so on.
    pub(crate) settings: serde_json::Map<String, Value>,
    pub(crate) mapping: Value,
}

/// An index.
pub(crate) struct IndexHandle {
    pub(crate) name: String,
    pub(crate) uuid: uuid::Uuid,
    pub(crate) created: i64,
    pub(crate) settings: serde_json::Map<String, Value>,
    pub(crate) fields: Fields,
    folder: PathBuf,
    index: Index,
    reader: IndexReader,
    mapping: RwLock<Arc<Mapping>>,
    committed_seq: AtomicU64,
}

impl std::fmt::Debug for IndexHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// A document of the index that is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) address: DocAddress,
    pub(crate) seq: u64,
    pub(crate) version: u64,
}

impl IndexHandle {
    /// Makes an index in a new folder below `parent`.
    pub(crate) fn create(parent: &Path, definition: &Definition) -> Result<Self, ApiError> {
        let folder = parent.join(definition.uuid.simple().to_string());
        std::fs::create_dir_all(&folder)?;
        let created = Self::create_in(&folder, definition);
        if created.is_err() {
            // A folder without definition is removed at the next start if this fails.
            let _ = std::fs::remove_dir_all(&folder);
        }
        created
    }

    fn create_in(folder: &Path, definition: &Definition) -> Result<Self, ApiError> {
        let directory = MmapDirectory::open(folder).map_err(TantivyError::from)?;
        Index::create(directory, schema().0, IndexSettings::default())?;
        save(folder, definition)?;
        disk::sync_folder(folder.parent().unwrap_or(folder))?;
        Self::open(folder)?.ok_or_else(|| ApiError::internal("the index that was just made is not there"))
    }

    /// Opens the index in a folder; none if its making was never finished.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>, ApiError> {
        let text = match std::fs::read(folder.join(DEFINITION)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let definition: Definition = serde_json::from_slice(&text)
            .map_err(|error| ApiError::internal(format!("{}: {error}", folder.join(DEFINITION).display())))?;
        let index = Index::open(MmapDirectory::open(folder).map_err(TantivyError::from)?)?;
        register_tokenizers(&index);
        let (wanted, fields) = schema();
        if index.schema() != wanted {
            return Err(ApiError::internal(format!(
                "index {} in {} was written by another version of resilmesh: open it with that version",
                definition.name,
                folder.display()
            )));
        }
        let reader =
            index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(8).try_into()?;
        let committed = index.load_metas()?.payload.and_then(|payload| payload.parse().ok()).unwrap_or_default();
        Ok(Some(Self {
            mapping: RwLock::new(Arc::new(Mapping::parse(&definition.mapping)?)),
            name: definition.name,
            uuid: definition.uuid,
            created: definition.created,
            settings: definition.settings,
            fields,
            folder: folder.to_owned(),
            index,
            reader,
            committed_seq: AtomicU64::new(committed),
        }))
    }

    /// The documents as of the last commit.
    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    pub(crate) fn reload(&self) -> Result<(), ApiError> {
        Ok(self.reader.reload()?)
    }

    pub(crate) fn mapping(&self) -> Arc<Mapping> {
        self.mapping.read().clone()
    }

    /// Puts a mapping in force.
    pub(crate) fn set_mapping(&self, mapping: Arc<Mapping>) {
        *self.mapping.write() = mapping;
    }

    /// Writes the definition, with the mapping in force.
    pub(crate) fn save(&self) -> Result<(), ApiError> {
        let definition = Definition {
            name: self.name.clone(),
            uuid: self.uuid,
            created: self.created,
            settings: self.settings.clone(),
            mapping: self.mapping().to_json(),
        };
        save(&self.folder, &definition)
    }

    /// The last operation that is committed.
    pub(crate) fn committed_seq(&self) -> u64 {
        self.committed_seq.load(Ordering::Acquire)
    }

    /// How documents of this index are taken apart.
    pub(crate) fn rules(&self, lenient: bool) -> Rules {
        let limit = self.settings.get("index.mapping.total_fields.limit");
        let limit = limit.and_then(|limit| limit.as_u64().or_else(|| limit.as_str()?.parse().ok()));
        Rules { total_fields: limit.unwrap_or(1000) as usize, lenient }
    }

    /// When the newest document was stored, in milliseconds since 1970; 0 without documents.
    pub(crate) fn newest(&self) -> Result<i64, ApiError> {
        let mut newest = 0;
        for segment in self.searcher().segment_readers() {
            newest = newest.max(segment.fast_fields().i64(STORED_AT)?.max_value());
        }
        Ok(newest)
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        disk::size_of(&self.folder)
    }

    /// A writer for the index. There may be one at a time.
    pub(crate) fn writer(&self) -> Result<IndexWriter<Stored>, ApiError> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .memory_budget_per_thread(WRITER_BYTES)
            .num_merge_threads(1)
            .build();
        let writer = self.index.writer_with_options(options)?;
        let mut merging = LogMergePolicy::default();
        merging.set_max_docs_before_merge(MAX_MERGE_DOCS);
        merging.set_del_docs_ratio_before_merge(MAX_DELETED_SHARE);
        writer.set_merge_policy(Box::new(merging));
        Ok(writer)
    }

    /// Commits what a writer holds, up to the operation `seq`, and makes it searchable.
    pub(crate) fn commit(&self, writer: &mut IndexWriter<Stored>, seq: u64) -> Result<(), ApiError> {
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&seq.to_string());
        commit.commit()?;
        self.committed_seq.store(seq, Ordering::Release);
        self.reload()
    }

    /// The term by which a document is found and deleted.
    pub(crate) fn id_term(&self, id: &str) -> Term {
        Term::from_field_text(self.fields.id, id)
    }

    /// Removes the index from disk.
    pub(crate) fn remove(&self) -> Result<(), ApiError> {
        // Without its definition the folder is no index any more, whatever happens next.
        std::fs::remove_file(self.folder.join(DEFINITION))?;
        disk::sync_folder(&self.folder)?;
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot remove the folder of a deleted index; it is tried again at the next start");
        }
        Ok(())
    }
}

fn save(folder: &Path, definition: &Definition) -> Result<(), ApiError> {
    let text = serde_json::to_vec(definition).map_err(ApiError::internal)?;
    Ok(disk::replace(&folder.join(DEFINITION), &text)?)
}

/// Finds documents by id, in one state of an index.
pub(crate) struct IdReader {
    searcher: Searcher,
    terms: Vec<Arc<InvertedIndexReader>>,
}

impl IdReader {
    pub(crate) fn new(index: &IndexHandle) -> Result<Self, ApiError> {
        let searcher = index.searcher();
        let terms = searcher
            .segment_readers()
            .iter()
            .map(|segment| segment.inverted_index(index.fields.id))
            .collect::<Result<_, _>>()?;
        Ok(Self { searcher, terms })
    }

    /// The document of an id, newest segment first.
    pub(crate) fn find(&self, term: &Term) -> Result<Option<Found>, ApiError> {
        for (ord, terms) in self.terms.iter().enumerate().rev() {
            let Some(mut docs) = terms.read_postings(term, IndexRecordOption::Basic)? else { continue };
            let segment = self.searcher.segment_reader(ord as u32);
            while docs.doc() != TERMINATED {
                let doc = docs.doc();
                if !segment.is_deleted(doc) {
                    let number = |name: &str| -> Result<u64, ApiError> {
                        Ok(segment.fast_fields().u64(name)?.first(doc).unwrap_or_default())
                    };
                    return Ok(Some(Found {
                        address: DocAddress::new(ord as u32, doc),
                        seq: number(SEQ)?,
                        version: number(VERSION)?,
                    }));
                }
                docs.advance();
            }
        }
        Ok(None)
    }

    pub(crate) fn searcher(&self) -> &Searcher {
        &self.searcher
    }
}
