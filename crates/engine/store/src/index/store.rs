//! All indices of a data folder.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use resilmesh_service::stats::Counters;
use serde_json::{Map, Value, json};

use super::commit::Pending;
use super::handle::{Definition, IndexHandle};
use super::template::{Templates, flat_settings};
use crate::disk::{self, Disk};
use crate::error::ApiError;
use crate::mapping::Mapping;
use crate::pattern::Glob;
use crate::wal::{Wal, WalError};

/// Version of the layout of the data folder.
const FORMAT: u32 = 1;

/// How a store keeps its data.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Documents stored longer ago are let go, in milliseconds.
    pub(crate) max_age: Option<i64>,
    /// Beyond this many bytes the oldest documents are let go.
    pub(crate) max_size: Option<u64>,
    /// Writes are refused when the file system has fewer bytes left.
    pub(crate) min_free: u64,
    /// Whether a write is on the disk, not only handed to the system, before it is acknowledged.
    pub(crate) sync_each: bool,
}

/// What a store counts.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    /// Operations that came in.
    pub(crate) received: Counters,
    /// Documents that are stored, and those let go.
    pub(crate) stored: Counters,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("data folder {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error(
        "data folder {path} is in use by another resilmesh engine store: stop that one, or give this one a `data_dir` of its own"
    )]
    Locked { path: PathBuf },
    #[error("data folder {path} has format {found}, this program knows format {FORMAT}: use a newer resilmesh")]
    Newer { path: PathBuf, found: String },
    #[error(transparent)]
    Log(#[from] WalError),
    #[error("data folder {path}: {reason}")]
    Index { path: PathBuf, reason: Box<ApiError> },
}

/// The indices of a data folder. One process may have it open.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) data: PathBuf,
    pub(super) options: Options,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) meters: Meters,
    pub(super) indices: RwLock<BTreeMap<String, Arc<IndexHandle>>>,
    templates: RwLock<Templates>,
    /// Everything that changes documents goes through here, one after the other.
    pub(super) writing: Mutex<Writing>,
    /// Since when there are operations that cannot be searched yet.
    pub(super) dirty_since: Mutex<Option<Instant>>,
    pub(super) last_search: Mutex<Option<Instant>>,
    /// When a commit failed; none when the last one did not.
    pub(super) failed_at: Mutex<Option<Instant>>,
    _lock: File,
}

/// What writers share.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) wal: Wal,
    pub(super) next_seq: u64,
    /// When the last operation was stored; never goes back, even if the clock does.
    pub(super) last_stored: i64,
    pub(super) pending: HashMap<uuid::Uuid, Pending>,
}

impl Store {
    /// Opens a data folder, and applies what its write-ahead log holds.
    pub(crate) fn open(data: &Path, options: Options, disk: Arc<dyn Disk>, meters: Meters) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: data.to_owned(), source };
        let failed = |reason: ApiError| OpenError::Index { path: data.to_owned(), reason: Box::new(reason) };
        std::fs::create_dir_all(data.join("indices")).map_err(io)?;
        let lock = File::options().create(true).truncate(false).write(true).open(data.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path: data.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        check_format(data)?;
        let mut indices = BTreeMap::new();
        for entry in std::fs::read_dir(data.join("indices")).map_err(io)? {
            let folder = entry.map_err(io)?.path();
            match IndexHandle::open(&folder).map_err(failed)? {
                Some(index) => {
                    indices.insert(index.name.clone(), Arc::new(index));
                }
                None => std::fs::remove_dir_all(&folder).map_err(io)?,
            }
        }
        let newest = indices.values().map(|index| index.newest()).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let last_stored = newest.into_iter().max().unwrap_or_default();
        let store = Self {
            data: data.to_owned(),
            options,
            meters,
            templates: RwLock::new(Templates::load(data).map_err(failed)?),
            writing: Mutex::new(Writing {
                wal: Wal::open(&data.join("log"), disk.clone())?,
                next_seq: indices.values().map(|index| index.committed_seq() + 1).max().unwrap_or(1),
                last_stored,
                pending: HashMap::new(),
            }),
            disk,
            indices: RwLock::new(indices),
            dirty_since: Mutex::new(None),
            last_search: Mutex::new(None),
            failed_at: Mutex::new(None),
            _lock: lock,
        };
        store.replay()?;
        Ok(store)
    }

    /// The index of a name.
    pub(crate) fn index(&self, name: &str) -> Result<Arc<IndexHandle>, ApiError> {
        self.indices.read().get(name).cloned().ok_or_else(|| ApiError::no_such_index(name))
    }

    /// All indices, by name.
    pub(crate) fn all(&self) -> Vec<Arc<IndexHandle>> {
        self.indices.read().values().cloned().collect()
    }

    /// The indices an expression names: names and patterns, separated by commas; empty or `_all`
    /// for all of them.
    pub(crate) fn matching(&self, expression: &str, ignore_missing: bool) -> Result<Vec<Arc<IndexHandle>>, ApiError> {
        if matches!(expression, "" | "_all" | "*") {
            return Ok(self.all());
        }
        let indices = self.indices.read();
        let mut found = BTreeMap::new();
        for part in expression.split(',') {
            if part.contains('*') {
                let glob = Glob::star_only(part);
                found
                    .extend(indices.iter().filter(|(name, _)| glob.matches(name)).map(|(n, i)| (n.clone(), i.clone())));
            } else if let Some(index) = indices.get(part) {
                found.insert(part.to_owned(), index.clone());
            } else if part.starts_with('-') || part.starts_with('<') || part.contains(':') {
                return Err(ApiError::unsupported(format_args!("index expression [{part}]")));
            } else if !ignore_missing {
                return Err(ApiError::no_such_index(part));
            }
        }
        Ok(found.into_values().collect())
    }

    /// Makes an index, from the template that fits and what is given besides.
    pub(crate) fn create_index(
        &self,
        name: &str,
        settings: &Value,
        mappings: &Value,
    ) -> Result<Arc<IndexHandle>, ApiError> {
        check_name(name)?;
        let (base_settings, base_mapping) = self.templates.read().for_index(name).unwrap_or_default();
        let mut all_settings = flat_settings(&base_settings)?;
        all_settings.extend(flat_settings(settings)?);
        let mut mapping = Mapping::parse(&base_mapping)?;
        mapping.merge(mappings)?;
        let mut indices = self.indices.write();
        if let Some(existing) = indices.get(name) {
            return Err(ApiError::new(
                400,
                "resource_already_exists_exception",
                format!("index [{name}/{}] already exists", existing.uuid.simple()),
            )
            .of_index(name));
        }
        let definition = Definition {
            name: name.to_owned(),
            uuid: uuid::Uuid::new_v4(),
            created: chrono::Utc::now().timestamp_millis(),
            settings: all_settings,
            mapping: mapping.to_json(),
        };
        let index = Arc::new(IndexHandle::create(&self.data.join("indices"), &definition)?);
        indices.insert(name.to_owned(), index.clone());
        tracing::info!(index = name, "index made");
        Ok(index)
    }

    /// The index of a name, made if there is none.
    pub(super) fn index_or_create(&self, name: &str) -> Result<Arc<IndexHandle>, ApiError> {
        if let Ok(index) = self.index(name) {
            return Ok(index);
        }
        match self.create_index(name, &Value::Null, &Value::Null) {
            // Another request was faster.
            Err(error) if error.kind == "resource_already_exists_exception" => self.index(name),
            made => made,
        }
    }

    /// Removes an index and all its documents.
    pub(crate) fn delete_index(&self, index: &IndexHandle) -> Result<(), ApiError> {
        let mut writing = self.writing.lock();
        let mut indices = self.indices.write();
        // An index that cannot be removed lives on, with what is not committed yet.
        index.remove()?;
        writing.pending.remove(&index.uuid);
        indices.remove(&index.name);
        tracing::info!(index = index.name, "index deleted");
        Ok(())
    }

    /// Adds fields to an index.
    pub(crate) fn put_mapping(&self, index: &IndexHandle, definition: &Value) -> Result<(), ApiError> {
        let mut writing = self.writing.lock();
        // What was accepted under the old mapping is not to be read again under the new one.
        self.commit_locked(&mut writing)?;
        let mut mapping = (*index.mapping()).clone();
        mapping.merge(definition)?;
        let before = index.mapping();
        index.set_mapping(Arc::new(mapping));
        index.save().inspect_err(|_| index.set_mapping(before))
    }

    pub(crate) fn put_template(&self, name: &str, template: &Value, create: bool) -> Result<(), ApiError> {
        let mut templates = self.templates.write();
        let mut changed = templates.clone();
        changed.put(name, template, create)?;
        changed.save(&self.data)?;
        *templates = changed;
        Ok(())
    }

    /// Removes a template; false if there is none of that name.
    pub(crate) fn delete_template(&self, name: &str) -> Result<bool, ApiError> {
        let mut templates = self.templates.write();
        let mut changed = templates.clone();
        if !changed.remove(name) {
            return Ok(false);
        }
        changed.save(&self.data)?;
        *templates = changed;
        Ok(true)
    }

    /// The templates whose names match, with their definitions.
    pub(crate) fn templates(&self, pattern: &str) -> Vec<(String, Value)> {
        self.templates.read().matching(pattern).into_iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// The settings of an index as `GET _settings` shows them.
pub(crate) fn settings_json(index: &IndexHandle) -> Value {
    let mut flat: Map<String, Value> = Map::new();
    flat.insert("index.number_of_shards".into(), json!("1"));
    flat.insert("index.number_of_replicas".into(), json!("0"));
    flat.extend(index.settings.iter().map(|(key, value)| {
        (key.clone(), value.as_str().map_or_else(|| json!(value.to_string()), |text| json!(text)))
    }));
    flat.insert("index.provided_name".into(), json!(index.name));
    flat.insert("index.creation_date".into(), json!(index.created.to_string()));
    flat.insert("index.uuid".into(), json!(index.uuid.simple().to_string()));
    flat.insert("index.version.created".into(), json!("8521000"));
    let mut nested = json!({});
    for (key, value) in flat {
        *key.split('.').fold(&mut nested, |at, part| &mut at[part]) = value;
    }
    nested
}

fn check_format(data: &Path) -> Result<(), OpenError> {
    let path = data.join("format");
    match std::fs::read_to_string(&path) {
        Ok(found) if found.trim().parse() == Ok(FORMAT) => Ok(()),
        Ok(found) => Err(OpenError::Newer { path: data.to_owned(), found: found.trim().to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            disk::replace(&path, FORMAT.to_string().as_bytes()).map_err(|source| OpenError::Io { path, source })
        }
        Err(source) => Err(OpenError::Io { path, source }),
    }
}

/// The rules Elasticsearch has for names of indices.
fn check_name(name: &str) -> Result<(), ApiError> {
    let why = if name.is_empty() || matches!(name, "." | "..") {
        "must not be empty, '.' or '..'"
    } else if name.len() > 255 {
        "must not be longer than 255 bytes"
    } else if name.starts_with(['_', '-', '+']) {
        "must not start with '_', '-', or '+'"
    } else if name.chars().any(char::is_uppercase) {
        "must be lowercase"
    } else if name.contains([' ', '"', '*', '\\', '<', '|', ',', '>', '/', '?', '#', ':']) {
        "must not contain the following characters [' ','\"','*','\\','<','|',',','>','/','?','#',':']"
    } else {
        return Ok(());
    };
    Err(ApiError::new(400, "invalid_index_name_exception", format!("Invalid index name [{name}], {why}"))
        .of_index(name))
}
