//! Single documents.

use serde_json::{Value, json};

use super::bulk::{condition, refresh_param, refuse_pipeline, single};
use super::{Answer, Api, Request};
use crate::error::ApiError;
use crate::index::write::{Action, Condition, Operation};
use crate::json::quoted;
use crate::search::filter::SourceFilter;
use crate::search::request::source_params;

fn condition_params(request: &mut Request) -> Result<Condition, ApiError> {
    let version = request.params.number("version")?;
    let version_type = request.params.take("version_type").unwrap_or_else(|| "internal".to_owned());
    let seq = request.params.number("if_seq_no")?;
    let term = request.params.number("if_primary_term")?;
    condition(version, &version_type, seq, term)
}

/// `PUT /{index}/_doc/{id}`, `POST /{index}/_doc`.
pub(crate) fn index(api: &Api, request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    write(api, request, names, false)
}

/// `PUT /{index}/_create/{id}`.
pub(crate) fn create(api: &Api, request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    write(api, request, names, true)
}

fn write(api: &Api, mut request: Request, names: &[&str], create: bool) -> Result<Answer, ApiError> {
    let refresh = refresh_param(&mut request)?;
    refuse_pipeline(&mut request)?;
    request.params.ignore(&["timeout", "wait_for_active_shards", "routing"]);
    let create = match request.params.take("op_type").as_deref() {
        None => create,
        Some("create") => true,
        Some("index") if !create => false,
        Some(other) => return Err(ApiError::illegal(format!("opType must be 'create' or 'index', found: [{other}]"))),
    };
    let condition = condition_params(&mut request)?;
    if request.params.flag("require_alias")? == Some(true) {
        return Err(ApiError::unsupported("[require_alias]"));
    }
    request.done()?;
    if request.body.is_empty() {
        return Err(ApiError::parsing("request body is required"));
    }
    let action = if create { Action::Create(&request.body) } else { Action::Index(&request.body) };
    let id = names.get(1).map(|id| (*id).to_owned());
    single(api, Operation { index: names[0].to_owned(), id, action, condition }, refresh)
}

/// `POST /{index}/_update/{id}`.
pub(crate) fn update(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let refresh = refresh_param(&mut request)?;
    request.params.ignore(&["timeout", "wait_for_active_shards", "routing", "retry_on_conflict"]);
    let condition = condition_params(&mut request)?;
    request.done()?;
    let operation = Operation {
        index: names[0].to_owned(),
        id: names.get(1).map(|id| (*id).to_owned()),
        action: Action::Update(&request.body),
        condition,
    };
    single(api, operation, refresh)
}

/// `DELETE /{index}/_doc/{id}`.
pub(crate) fn delete(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let refresh = refresh_param(&mut request)?;
    request.params.ignore(&["timeout", "wait_for_active_shards", "routing"]);
    let condition = condition_params(&mut request)?;
    request.done()?;
    let id = names.get(1).map(|id| (*id).to_owned());
    single(api, Operation { index: names[0].to_owned(), id, action: Action::Delete, condition }, refresh)
}

/// What a request for a document says besides which one.
fn get_params(request: &mut Request) -> Result<SourceFilter, ApiError> {
    let filter = source_params(&mut request.params)?.unwrap_or_default();
    request.params.ignore(&["preference", "routing", "realtime", "refresh"]);
    if request.params.take("stored_fields").is_some() {
        return Err(ApiError::unsupported("[stored_fields]"));
    }
    request.done()?;
    Ok(filter)
}

/// A document as `GET` shows it; none if it is not there.
fn found(api: &Api, index: &str, id: &str, filter: &SourceFilter) -> Result<Option<String>, ApiError> {
    let handle = api.store.index(index)?;
    let Some((source, seq, version)) = api.store.get(&handle, id)? else { return Ok(None) };
    let mut body = format!(
        r#"{{"_index":{},"_id":{},"_version":{version},"_seq_no":{seq},"_primary_term":1,"found":true"#,
        quoted(index),
        quoted(id)
    );
    if let Some(source) = filter.apply(source)? {
        body.push_str(r#","_source":"#);
        body.push_str(&source);
    }
    body.push('}');
    Ok(Some(body))
}

fn not_found(index: &str, id: &str) -> String {
    json!({"_index": index, "_id": id, "found": false}).to_string()
}

/// `GET /{index}/_doc/{id}`.
pub(crate) fn get(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let filter = get_params(&mut request)?;
    Ok(match found(api, names[0], names[1], &filter)? {
        Some(body) => Answer::json(200, body),
        None => Answer::json(404, not_found(names[0], names[1])),
    })
}

/// `HEAD /{index}/_doc/{id}`.
pub(crate) fn exists(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    get_params(&mut request)?;
    let there = match api.store.index(names[0]) {
        Ok(index) => api.store.get(&index, names[1])?.is_some(),
        Err(_) => false,
    };
    Ok(Answer::exists(there))
}

/// `GET /{index}/_source/{id}`.
pub(crate) fn source(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let filter = get_params(&mut request)?;
    let index = api.store.index(names[0])?;
    let missing = || {
        ApiError::new(404, "resource_not_found_exception", format!("Document not found [{}]/[{}]", names[0], names[1]))
    };
    let (source, _, _) = api.store.get(&index, names[1])?.ok_or_else(missing)?;
    Ok(Answer::json(200, filter.apply(source)?.unwrap_or_else(|| "{}".to_owned())))
}

/// `POST /_mget` and `POST /{index}/_mget`.
pub(crate) fn get_many(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let filter = get_params(&mut request)?;
    let body = request.json()?;
    let default_index = names.first().copied().unwrap_or_default();
    let mut docs = Vec::new();
    let wanted = match (body.get("docs").and_then(Value::as_array), body.get("ids").and_then(Value::as_array)) {
        (Some(docs), None) => docs.clone(),
        (None, Some(ids)) => ids.iter().map(|id| json!({"_id": id})).collect(),
        _ => return Err(ApiError::parsing("a request for many documents needs [docs] or [ids]")),
    };
    for doc in &wanted {
        let mut filter = filter.clone();
        for (key, value) in doc.as_object().ok_or_else(|| ApiError::parsing("each of [docs] must be an object"))? {
            match key.as_str() {
                "_index" | "_id" | "routing" => {}
                "_source" => filter = SourceFilter::parse(value)?,
                other => return Err(ApiError::unsupported(format_args!("[{other}] in a request for many documents"))),
            }
        }
        let index = doc["_index"].as_str().unwrap_or(default_index);
        let id = doc["_id"].as_str().ok_or_else(|| ApiError::parsing("each of [docs] needs an [_id]"))?;
        docs.push(match found(api, index, id, &filter) {
            Ok(Some(body)) => body,
            Ok(None) => not_found(index, id),
            Err(error) => json!({"_index": index, "_id": id, "error": error.body()["error"]}).to_string(),
        });
    }
    Ok(Answer::json(200, format!(r#"{{"docs":[{}]}}"#, docs.join(","))))
}
