//! What holds for the whole pipeline: the keys of `vector.yaml` beside the components, and
//! `engine.yaml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_yaml::{Mapping, Value};
use vrl::compiler::TimeZone;

use super::error::{ConfigError, Position, closest};
use super::secrets::Backend;
use super::yaml::Document;

/// Settings of the whole pipeline.
#[derive(Debug, Clone, Default)]
pub struct Globals {
    /// Where components keep their state.
    pub data_dir: Option<PathBuf>,
    /// The zone of times that name none.
    pub timezone: TimeZone,
    /// Where secrets come from.
    pub secret: BTreeMap<String, Backend>,
}

/// `engine.yaml`: what our engine knows beyond Vector's configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Prefix of the inboxes on NATS, such as `_INBOX_collector`.
    pub inbox_prefix: Option<String>,
    /// Sink whose server refuses an event for good -> sink that takes it then.
    #[serde(default)]
    pub refused: BTreeMap<String, String>,
}

/// Keys that hold components or tests, not settings.
const SECTIONS: [&str; 4] = ["sources", "transforms", "sinks", "tests"];
const KNOWN: [&str; 10] = [
    "data_dir",
    "timezone",
    "secret",
    "acknowledgements",
    "log_schema",
    "schema",
    "api",
    "sources",
    "transforms",
    "sinks",
];
/// Keys of Vector's that this engine refuses by name.
const REFUSED: [&str; 12] = [
    "enrichment_tables",
    "healthchecks",
    "proxy",
    "provider",
    "telemetry",
    "wildcard_matching",
    "expire_metrics",
    "expire_metrics_secs",
    "expire_metrics_per_metric_set",
    "metrics_storage_refresh_period",
    "buffer_utilization_ewma_alpha",
    "latency_ewma_alpha",
];

/// Reads the settings of one root file into `globals`.
pub fn read(file: &Path, document: &Document, globals: &mut Globals, errors: &mut Vec<ConfigError>) {
    let Value::Mapping(mapping) = &document.value else { return };
    let mut report = Report { file, document, errors };
    for (key, value) in mapping {
        let Some(key) = key.as_str() else {
            report.error("", format!("a key of the file is no text: {key:?}"));
            continue;
        };
        match key {
            "data_dir" => match value.as_str() {
                Some(path) => globals.data_dir = Some(path.into()),
                None => report.error(key, "`data_dir` must be a path"),
            },
            "timezone" => match value.as_str().and_then(TimeZone::parse) {
                Some(zone) => globals.timezone = zone,
                None => report.error(key, "`timezone` must be `local` or a name such as `Europe/Prague`"),
            },
            "secret" => backends(value, globals, &mut report),
            "acknowledgements" => {
                if acknowledgements(value).is_none() {
                    report.error(key, "`acknowledgements` must be `{enabled: true}` or `{enabled: false}`");
                }
            }
            "log_schema" => default_log_schema(value, &mut report),
            "schema" => default_schema(value, &mut report),
            "api" => disabled_api(value, &mut report),
            key if SECTIONS.contains(&key) => {}
            key if REFUSED.contains(&key) => {
                report.error(key, format!("`{key}` is one of Vector's settings that this engine does not have"));
            }
            key => {
                let message = format!("unknown setting `{key}`");
                match closest(key, KNOWN) {
                    Some(close) => report.hinted(key, message, format!("did you mean `{close}`?")),
                    None => report.error(key, message),
                }
            }
        }
    }
}

/// Reads `acknowledgements`, which may be a truth value or `{enabled}`; none if it is neither.
/// Whatever it says, this engine acknowledges from end to end wherever the source can.
pub fn acknowledgements(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(enabled) => Some(*enabled),
        Value::Mapping(mapping) if mapping.keys().all(|key| key.as_str() == Some("enabled")) => {
            mapping.get("enabled").map_or(Some(true), Value::as_bool)
        }
        _ => None,
    }
}

struct Report<'a> {
    file: &'a Path,
    document: &'a Document,
    errors: &'a mut Vec<ConfigError>,
}

impl Report<'_> {
    fn error(&mut self, path: &str, message: impl Into<String>) {
        let at = self.place(path);
        self.errors.push(ConfigError::new(self.file, message).at(at));
    }

    fn hinted(&mut self, path: &str, message: String, hint: String) {
        let at = self.place(path);
        self.errors.push(ConfigError::new(self.file, message).at(at).hint(hint));
    }

    fn place(&self, path: &str) -> Option<Position> {
        self.document.places.get(path).map(|place| place.key)
    }
}

fn backends(value: &Value, globals: &mut Globals, report: &mut Report<'_>) {
    let Value::Mapping(mapping) = value else {
        report.error("secret", "`secret` must be a mapping of backends");
        return;
    };
    for (name, backend) in mapping {
        let name = name.as_str().unwrap_or_default();
        let path = format!("secret.{name}");
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            report.error(&path, format!("the name `{name}` of a secret backend may hold letters, digits and `_` only"));
            continue;
        }
        match serde_yaml::from_value::<Backend>(backend.clone()) {
            Ok(backend) => drop(globals.secret.insert(name.to_owned(), backend)),
            Err(error) => report.hinted(
                &path,
                format!("secret backend `{name}`: {error}"),
                "this engine has the types `directory` and `file`".to_owned(),
            ),
        }
    }
}

fn default_log_schema(value: &Value, report: &mut Report<'_>) {
    const DEFAULTS: [(&str, &str); 5] = [
        ("message_key", "message"),
        ("timestamp_key", "timestamp"),
        ("host_key", "host"),
        ("source_type_key", "source_type"),
        ("metadata_key", "metadata"),
    ];
    for (key, value) in value.as_mapping().into_iter().flatten() {
        if !DEFAULTS.iter().any(|(name, default)| key.as_str() == Some(name) && value.as_str() == Some(default)) {
            let key = key.as_str().unwrap_or_default();
            report
                .error(&format!("log_schema.{key}"), format!("`log_schema.{key}` may only have Vector's default here"));
        }
    }
}

fn default_schema(value: &Value, report: &mut Report<'_>) {
    for (key, value) in value.as_mapping().into_iter().flatten() {
        let key = key.as_str().unwrap_or_default();
        let default = match key {
            "enabled" | "log_namespace" => Value::Bool(false),
            "validation" => Value::Bool(false),
            _ => Value::Null,
        };
        if *value != default {
            report.error(&format!("schema.{key}"), format!("`schema.{key}` may only have Vector's default here"));
        }
    }
}

fn disabled_api(value: &Value, report: &mut Report<'_>) {
    let enabled = value.as_mapping().and_then(|api: &Mapping| api.get("enabled")).and_then(Value::as_bool);
    if enabled == Some(true) {
        report.hinted(
            "api",
            "`api` is one of Vector's settings that this engine does not have".to_owned(),
            "its counters and `tap` are on the control socket".to_owned(),
        );
    }
}
