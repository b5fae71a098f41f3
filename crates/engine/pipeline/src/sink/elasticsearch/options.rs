//! What the sink can be told.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use vrl::path::OwnedValuePath;

use super::operation::{Action, ActionTemplate, Operations, Version, VersionType};
use super::server::{ApiVersion, Server};
use crate::codec::encode::{FieldPath, Fields};
use crate::codec::template::Template;
use crate::config::{ConfigError, Options};
use crate::sink::batch::{BatchLimits, BatchOptions};
use crate::sink::common::{Buffer, Healthcheck};
use crate::sink::confine::Route;
use crate::sink::request::{Rate, RequestOptions};
use crate::sink::retry::Retry;
use crate::sink::web::{self, Auth, Compression, TlsOptions};

/// How long a request may take, when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How many requests are under way at once, when nothing is said: enough that events are encoded
/// while the server stores others.
const CONCURRENCY: usize = 4;

/// Where documents go, when nothing is said.
const INDEX: &str = "vector-%Y.%m.%d";

/// Everything the sink was told, checked.
pub(super) struct Settings {
    pub(super) server: Server,
    pub(super) api: ApiVersion,
    pub(super) operations: Operations,
    pub(super) batch: BatchLimits,
    pub(super) concurrency: usize,
    pub(super) retry: Retry,
    pub(super) rate: Option<Rate>,
    pub(super) healthcheck: Healthcheck,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ElasticsearchOptions {
    endpoint: Option<String>,
    #[serde(default)]
    endpoints: Vec<String>,
    #[serde(default)]
    api_version: ApiVersion,
    #[serde(default)]
    mode: Mode,
    #[serde(default, alias = "normal")]
    bulk: BulkOptions,
    id_key: Option<FieldPath>,
    #[serde(default = "default_doc_type")]
    doc_type: String,
    #[serde(default)]
    pipeline: String,
    #[serde(default)]
    query: BTreeMap<String, QueryValue>,
    auth: Option<Auth>,
    tls: Option<TlsOptions>,
    #[serde(default)]
    compression: Compression,
    #[serde(default)]
    encoding: Fields,
    #[serde(default)]
    batch: BatchOptions,
    #[serde(default)]
    request: RequestOptions,
    /// What the server may take later is always sent again, whatever this says.
    #[serde(default, rename = "request_retry_partial")]
    _request_retry_partial: bool,
    #[serde(default)]
    healthcheck: Healthcheck,
    #[serde(default, rename = "buffer")]
    _buffer: Buffer,
    #[serde(default)]
    dangerously_allow_unconfined_template_resolution: bool,
}

/// Options that Vector has and this engine does not.
const NOT_HERE: &[&str] =
    &["aws", "data_stream", "distribution", "metrics", "opensearch_service_type", "proxy", "suppress_type_name"];

#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    #[serde(alias = "normal")]
    Bulk,
    DataStream,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BulkOptions {
    action: Option<Template>,
    index: Option<Template>,
    template_fallback_index: Option<String>,
    version: Option<Template>,
    #[serde(default)]
    version_type: VersionTypeOption,
}

#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum VersionTypeOption {
    #[default]
    Internal,
    #[serde(alias = "external_gt")]
    External,
    ExternalGte,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a query parameter is a text or a list of texts")]
enum QueryValue {
    One(String),
    Many(Vec<String>),
}

fn default_doc_type() -> String {
    "_doc".to_owned()
}

impl Settings {
    /// Takes the options of a sink of type `elasticsearch`.
    pub(super) fn from_options(options: &Options) -> Result<Self, Vec<ConfigError>> {
        let taken: ElasticsearchOptions = options.parse(NOT_HERE)?;
        let mut errors = Vec::new();
        let mut wrong = |option: &str, message: String| errors.push(options.error(option, message));

        if taken.mode == Mode::DataStream {
            wrong("mode", "mode `data_stream` is one of Vector's that this engine does not have".to_owned());
        }
        let timeout = taken.request.timeout(TIMEOUT);
        let urls = endpoints(&taken).unwrap_or_else(|message| {
            wrong("endpoints", message);
            Vec::new()
        });
        let client = web::client(taken.tls.as_ref(), urls.iter().any(|url| url.scheme() == "https"), timeout)
            .map_err(|message| wrong("tls", message))
            .ok();
        let headers = web::headers(&taken.request.headers)
            .map_err(|message| wrong("request.headers", message))
            .unwrap_or_default();
        if matches!(taken.auth, Some(Auth::Bearer { .. })) {
            wrong("auth.strategy", "unknown strategy `bearer`; put the token into `request.headers`".to_owned());
        }
        if taken.auth.is_some() && urls.iter().any(|url| !url.username().is_empty()) {
            wrong("auth", "credentials stand both here and in an endpoint: take one of them out".to_owned());
        }
        let bulk = bulk_urls(&urls, &taken, timeout);
        let operations = operations(
            taken.bulk,
            taken.id_key.map(|path| path.0),
            taken.doc_type,
            taken.encoding,
            taken.dangerously_allow_unconfined_template_resolution,
            &mut wrong,
        );
        let (Some(operations), Some(client), true) = (operations, client, errors.is_empty()) else {
            return Err(errors);
        };
        Ok(Self {
            server: Server::new(client, urls, bulk, taken.auth, headers, taken.compression),
            api: taken.api_version,
            operations,
            batch: taken.batch.limits(),
            concurrency: taken.request.concurrency(CONCURRENCY),
            retry: taken.request.retry(),
            rate: taken.request.rate(),
            healthcheck: taken.healthcheck,
        })
    }
}

fn endpoints(options: &ElasticsearchOptions) -> Result<Vec<Url>, String> {
    let written = match (&options.endpoint, options.endpoints.as_slice()) {
        (Some(_), [_, ..]) => return Err("`endpoint` and `endpoints` exclude each other: use `endpoints`".to_owned()),
        (Some(one), []) => std::slice::from_ref(one),
        (None, []) => {
            return Err("`endpoints` must name at least one server, such as `http://127.0.0.1:9200`".to_owned());
        }
        (None, many) => many,
    };
    written
        .iter()
        .map(|text| {
            Url::parse(text)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
                .ok_or_else(|| format!("`{text}` is no address of a server, such as `http://127.0.0.1:9200`"))
        })
        .collect()
}

/// Where bulk requests go, one address for each endpoint.
fn bulk_urls(endpoints: &[Url], options: &ElasticsearchOptions, timeout: Duration) -> Vec<Url> {
    let mut parameters = vec![("timeout", format!("{}s", timeout.as_secs()))];
    if !options.pipeline.is_empty() {
        parameters.push(("pipeline", options.pipeline.clone()));
    }
    for (name, value) in &options.query {
        match value {
            QueryValue::One(value) => parameters.push((name, value.clone())),
            QueryValue::Many(values) => parameters.extend(values.iter().map(|value| (name.as_str(), value.clone()))),
        }
    }
    let with = |endpoint: &Url| {
        let mut url = endpoint.clone();
        url.set_path(&format!("{}/_bulk", endpoint.path().trim_end_matches('/')));
        url.query_pairs_mut().clear().extend_pairs(&parameters);
        url
    };
    endpoints.iter().map(with).collect()
}

fn operations(
    bulk: BulkOptions,
    id_key: Option<OwnedValuePath>,
    doc_type: String,
    fields: Fields,
    free: bool,
    wrong: &mut impl FnMut(&str, String),
) -> Option<Operations> {
    let version = match (bulk.version, bulk.version_type) {
        (None, VersionTypeOption::Internal) => None,
        (Some(_), VersionTypeOption::Internal) => {
            wrong("bulk.version", "`version` needs `version_type: external` or `external_gte`".to_owned());
            None
        }
        (None, _) => {
            wrong("bulk.version_type", "an external `version_type` needs `version`".to_owned());
            None
        }
        (Some(_), _) if id_key.is_none() => {
            wrong("bulk.version_type", "an external `version_type` needs `id_key`".to_owned());
            None
        }
        (Some(template), VersionTypeOption::External) => Some(Version { template, kind: VersionType::External }),
        (Some(template), VersionTypeOption::ExternalGte) => Some(Version { template, kind: VersionType::ExternalGte }),
    };
    let action = action(bulk.action).map_err(|message| wrong("bulk.action", message)).ok();
    if matches!(action, Some(ActionTemplate::Always(Action::Update))) && id_key.is_none() {
        wrong("bulk.action", "`update` needs `id_key`".to_owned());
    }
    let index = match bulk.index {
        Some(template) => Ok(template),
        None => Template::try_from(INDEX).map_err(|error| error.to_string()),
    };
    let index =
        index.and_then(|template| Route::new(template, free)).map_err(|message| wrong("bulk.index", message)).ok();
    Some(Operations::new(action?, index?, bulk.template_fallback_index, id_key, version, doc_type, fields))
}

fn action(template: Option<Template>) -> Result<ActionTemplate, String> {
    let Some(template) = template else { return Ok(ActionTemplate::Always(Action::Index)) };
    match template.fixed() {
        None => Ok(ActionTemplate::Each(template)),
        Some(word) => word
            .parse()
            .map(ActionTemplate::Always)
            .map_err(|()| format!("unknown action `{word}`, expected one of `index`, `create`, `update`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Section;

    fn settings(yaml: &str) -> Result<Settings, String> {
        let options = Options::from_yaml(Section::Sink, "elasticsearch", yaml).unwrap();
        Settings::from_options(&options)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn the_forms_of_options() {
        for good in [
            "endpoints: ['http://127.0.0.1:1']",
            "endpoint: http://127.0.0.1:1",
            "{endpoints: ['http://a:b@127.0.0.1:1', 'https://h/es/'], encoding: {except_fields: [a], timestamp_format: unix_ms}}",
            "{endpoints: ['http://h'], bulk: {index: 'ecs-{{ event.dataset }}-%Y.%m.%d', action: create}}",
            "{endpoints: ['http://h'], bulk: {index: '{{ idx }}'}, dangerously_allow_unconfined_template_resolution: true}",
            "{endpoints: ['http://h'], id_key: '\"event.id\"', bulk: {version: '{{ v }}', version_type: external}}",
            "{endpoints: ['http://h'], query: {refresh: 'true', a: [b, c]}, auth: {strategy: basic, user: u, password: p}}",
            "{endpoints: ['http://h'], api_version: v8, mode: bulk, id_key: document_id, bulk: {action: create, \
             index: x}, request_retry_partial: true, batch: {max_events: 1000, timeout_secs: 0.2}}",
        ] {
            assert!(settings(good).is_ok(), "{good}: {:?}", settings(good).err());
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (bad, wanted) in [
            ("{}", "at least one server"),
            ("{endpoint: 'http://h', endpoints: ['http://h']}", "exclude each other"),
            ("endpoints: ['127.0.0.1:9200']", "is no address"),
            ("{endpoints: ['http://h'], encoding: {codec: json}}", "encoding.codec"),
            ("{endpoints: ['http://h'], bulk: {index: '{{ idx }}'}}", "not literal"),
            ("{endpoints: ['http://h'], bulk: {action: upsert}}", "unknown action `upsert`"),
            ("{endpoints: ['http://h'], bulk: {action: update}}", "needs `id_key`"),
            ("{endpoints: ['http://h'], bulk: {idx: a}}", "unknown option `bulk.idx`"),
            ("{endpoints: ['http://h'], mode: data_stream}", "does not have"),
            (
                "{endpoints: ['http://h'], data_stream: {}}",
                "option `data_stream` of `elasticsearch` sinks is one of Vector's",
            ),
            ("{endpoints: ['http://h'], api_version: v9}", "`v9`"),
            ("{endpoints: ['http://a:b@h'], auth: {strategy: basic, user: u, password: p}}", "take one of them out"),
            ("{endpoints: ['http://h'], bulk: {version: '{{ v }}', version_type: external}}", "needs `id_key`"),
            ("{endpoints: ['http://h'], bulk: {version: '{{ v }}'}}", "needs `version_type"),
            ("{endpoints: ['http://h'], bulk: {version_type: external}}", "needs `version`"),
            ("{endpoints: ['http://h'], batch: {max_events: 0}}", "greater than zero"),
            ("{endpoints: ['http://h'], compression: zstd}", "`zstd`"),
            ("{endpoints: ['http://h'], auth: {strategy: aws}}", "`aws`"),
        ] {
            let Err(error) = settings(bad) else { panic!("{bad} was taken") };
            assert!(error.contains(wanted), "{bad}: {error}");
        }
    }

    #[test]
    fn bulk_requests_carry_the_query() {
        let yaml =
            "{endpoints: ['http://h:1/es/'], pipeline: norm, query: {a: [b, 'c d']}, request: {timeout_secs: 5}}";
        let options = Options::from_yaml(Section::Sink, "elasticsearch", yaml).unwrap();
        let taken: ElasticsearchOptions = options.parse(NOT_HERE).unwrap();
        let urls = bulk_urls(&endpoints(&taken).unwrap(), &taken, Duration::from_secs(5));
        assert_eq!(urls[0].as_str(), "http://h:1/es/_bulk?timeout=5s&pipeline=norm&a=b&a=c+d");
    }
}
