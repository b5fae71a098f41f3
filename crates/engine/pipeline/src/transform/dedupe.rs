//! `dedupe`: drops events that look like one seen a short while ago.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;
use resilmesh_service::stats::Counters;
use serde::Deserialize;
use vrl::path::{OwnedValuePath, parse_value_path};
use vrl::value::Value;

use super::{Build, Outputs, Transform};
use crate::config::{ConfigError, Options};
use crate::event::Batch;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DedupeOptions {
    fields: Option<FieldOptions>,
    #[serde(default)]
    cache: CacheOptions,
    time_settings: Option<TimeOptions>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldOptions {
    #[serde(rename = "match")]
    matching: Option<Vec<String>>,
    ignore: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheOptions {
    num_events: NonZeroUsize,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { num_events: NonZeroUsize::new(5000).unwrap_or(NonZeroUsize::MIN) }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeOptions {
    max_age_ms: u64,
    #[serde(default)]
    refresh_on_drop: bool,
}

enum Fields {
    Only(Vec<OwnedValuePath>),
    AllBut(Vec<OwnedValuePath>),
}

struct Dedupe {
    fields: Fields,
    seen: LruCache<Vec<u8>, Instant>,
    time: Option<TimeOptions>,
    counters: Counters,
}

/// Makes a dedupe.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options, build: &mut Build<'_>) -> Result<Box<dyn Transform>, Vec<ConfigError>> {
    let DedupeOptions { fields, cache, time_settings } = options.parse(&[])?;
    let mut errors = Vec::new();
    let mut paths = |names: &[String], option: &str| -> Vec<OwnedValuePath> {
        let mut paths = Vec::new();
        for name in names {
            match parse_value_path(name.trim_start_matches('.')) {
                Ok(path) => paths.push(path),
                Err(_) => errors.push(options.error(option, format!("`{name}` is no path to a field"))),
            }
        }
        paths
    };
    let fields = match fields.map(|fields| (fields.matching, fields.ignore)) {
        None => Fields::Only(paths(&["timestamp", "host", "message"].map(str::to_owned), "fields")),
        Some((Some(names), None)) => Fields::Only(paths(&names, "fields.match")),
        Some((None, Some(names))) => Fields::AllBut(paths(&names, "fields.ignore")),
        Some(_) => return Err(vec![options.error("fields", "`fields` must have either `match` or `ignore`")]),
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Box::new(Dedupe {
        fields,
        seen: LruCache::new(cache.num_events),
        time: time_settings,
        counters: build.counters.clone(),
    }))
}

impl Dedupe {
    fn is_new(&mut self, event: &Value, now: Instant) -> bool {
        let key = self.fields.key(event);
        let Some(first) = self.seen.get_mut(&key) else {
            self.seen.put(key, now);
            return true;
        };
        let too_old = self.time.is_some_and(|time| now - *first > Duration::from_millis(time.max_age_ms));
        if too_old || self.time.is_some_and(|time| time.refresh_on_drop) {
            *first = now;
        }
        too_old
    }
}

impl Fields {
    /// What two events have in common if they count as the same.
    fn key(&self, event: &Value) -> Vec<u8> {
        let mut key = Vec::new();
        match self {
            Self::Only(paths) => paths.iter().for_each(|path| add(&mut key, event.get(path))),
            Self::AllBut(paths) => {
                let mut rest = event.clone();
                for path in paths {
                    rest.remove(path, false);
                }
                add(&mut key, Some(&rest));
            }
        }
        key
    }
}

/// Adds a value so that no two different ones look the same.
fn add(key: &mut Vec<u8>, value: Option<&Value>) {
    let tag = match value {
        None => b'-',
        Some(Value::Timestamp(_)) => b't',
        Some(Value::Regex(_)) => b'r',
        // The JSON text tells the other types apart.
        Some(_) => b'j',
    };
    key.push(tag);
    if let Some(value) = value {
        let start = key.len();
        // Writing to memory cannot fail, and every value has a JSON form.
        let _ = serde_json::to_writer(&mut *key, value);
        let length = (key.len() - start) as u64;
        key.extend_from_slice(&length.to_be_bytes());
    }
}

impl Transform for Dedupe {
    fn transform(&mut self, batch: Batch, out: &mut Outputs) {
        let now = Instant::now();
        for event in batch {
            if self.is_new(&event.value, now) {
                out.push(event);
            } else {
                self.counters.dropped("duplicate", 1);
            }
        }
    }
}
