//! Indices, their mappings and settings, and the templates of new ones.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Answer, Api, Request};
use crate::error::ApiError;
use crate::index::IndexHandle;
use crate::index::store::settings_json;

/// Parameters that mean nothing to a store of one node.
const HARMLESS: [&str; 8] = [
    "timeout",
    "master_timeout",
    "wait_for_active_shards",
    "expand_wildcards",
    "allow_no_indices",
    "local",
    "include_defaults",
    "force",
];

fn matching(api: &Api, request: &mut Request, names: &[&str]) -> Result<Vec<Arc<IndexHandle>>, ApiError> {
    let ignore_missing = request.params.flag("ignore_unavailable")?.unwrap_or(false);
    request.params.ignore(&HARMLESS);
    api.store.matching(names.first().copied().unwrap_or_default(), ignore_missing)
}

/// One entry for each index.
fn by_name(indices: &[Arc<IndexHandle>], of: impl Fn(&IndexHandle) -> Value) -> Answer {
    let entries: Map<String, Value> = indices.iter().map(|index| (index.name.clone(), of(index))).collect();
    Answer::ok(&Value::Object(entries))
}

/// `GET /{index}`.
pub(crate) fn get(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let indices = matching(api, &mut request, names)?;
    request.done()?;
    Ok(by_name(
        &indices,
        |index| json!({"aliases": {}, "mappings": index.mapping().to_json(), "settings": settings_json(index)}),
    ))
}

/// `HEAD /{index}`.
pub(crate) fn exists(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let found = matching(api, &mut request, names);
    request.done()?;
    Ok(Answer::exists(found.is_ok_and(|indices| !indices.is_empty())))
}

/// `PUT /{index}`.
pub(crate) fn create(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    request.params.ignore(&HARMLESS);
    request.done()?;
    let body = request.json()?;
    for (key, value) in body.as_object().into_iter().flatten() {
        match key.as_str() {
            "settings" | "mappings" => {}
            "aliases" if value.as_object().is_some_and(Map::is_empty) => {}
            "aliases" => return Err(ApiError::unsupported("[aliases] of an index")),
            other => return Err(ApiError::parsing(format!("unknown key [{other}] for create index"))),
        }
    }
    let index = api.store.create_index(names[0], &body["settings"], &body["mappings"])?;
    Ok(Answer::ok(&json!({"acknowledged": true, "shards_acknowledged": true, "index": index.name})))
}

/// `DELETE /{index}`. Patterns are refused, as Elasticsearch does by default.
pub(crate) fn delete(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    if names[0] == "_all" || names[0].contains('*') {
        return Err(ApiError::illegal("Wildcard expressions or all indices are not allowed"));
    }
    let indices = matching(api, &mut request, names)?;
    request.done()?;
    for index in indices {
        api.store.delete_index(&index)?;
    }
    Ok(Answer::acknowledged())
}

/// `POST /{index}/_refresh`, and `_flush`, which does no more here.
pub(crate) fn refresh(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let indices = matching(api, &mut request, names)?;
    request.params.ignore(&["wait_if_ongoing"]);
    request.done()?;
    api.store.refresh()?;
    let shards = indices.len();
    Ok(Answer::ok(&json!({"_shards": {"total": shards, "successful": shards, "failed": 0}})))
}

/// `GET /{index}/_mapping`.
pub(crate) fn mapping(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let indices = matching(api, &mut request, names)?;
    request.done()?;
    Ok(by_name(&indices, |index| json!({"mappings": index.mapping().to_json()})))
}

/// `PUT /{index}/_mapping`.
pub(crate) fn put_mapping(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let indices = matching(api, &mut request, names)?;
    if request.params.flag("write_index_only")? == Some(true) {
        return Err(ApiError::unsupported("[write_index_only]"));
    }
    request.done()?;
    let body = request.json()?;
    if body.is_null() {
        return Err(ApiError::parsing("request body is required"));
    }
    for index in indices {
        api.store.put_mapping(&index, &body)?;
    }
    Ok(Answer::acknowledged())
}

/// `GET /{index}/_settings`.
pub(crate) fn settings(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let indices = matching(api, &mut request, names)?;
    if request.params.flag("flat_settings")? == Some(true) {
        return Err(ApiError::unsupported("[flat_settings]"));
    }
    request.done()?;
    Ok(by_name(&indices, |index| json!({"settings": settings_json(index)})))
}

/// `GET /_index_template/{name}`.
pub(crate) fn templates(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    request.params.ignore(&HARMLESS);
    request.done()?;
    let found = api.store.templates(names[0]);
    if found.is_empty() && !names[0].contains('*') {
        return Err(missing_template(names[0]));
    }
    let list: Vec<Value> =
        found.into_iter().map(|(name, template)| json!({"name": name, "index_template": template})).collect();
    Ok(Answer::ok(&json!({"index_templates": list})))
}

fn missing_template(name: &str) -> ApiError {
    ApiError::new(404, "resource_not_found_exception", format!("index template matching [{name}] not found"))
}

/// `HEAD /_index_template/{name}`.
pub(crate) fn template_exists(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    request.params.ignore(&HARMLESS);
    request.done()?;
    Ok(Answer::exists(!api.store.templates(names[0]).is_empty()))
}

/// `PUT /_index_template/{name}`.
pub(crate) fn put_template(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    request.params.ignore(&HARMLESS);
    request.params.ignore(&["cause"]);
    let create = request.params.flag("create")?.unwrap_or(false);
    request.done()?;
    api.store.put_template(names[0], &request.json()?, create)?;
    Ok(Answer::acknowledged())
}

/// `DELETE /_index_template/{name}`.
pub(crate) fn delete_template(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    request.params.ignore(&HARMLESS);
    request.done()?;
    if !api.store.delete_template(names[0])? {
        return Err(missing_template(names[0]));
    }
    Ok(Answer::acknowledged())
}
