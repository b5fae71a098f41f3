//! Finding documents by a query in the words of Lucene: `source.ip:203.0.113.0/24 AND event.outcome:failure`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use resilmesh_sdk_macros::{forget, search};

use super::client::Store;
use crate::hooks::{Found, HookContext, HookError, Query};

/// Deletes the document of this id, if it is there.
#[forget(title = "delete a document", runtime = crate::hooks::builtin)]
async fn forget(cx: &HookContext, id: &str) -> Result<(), HookError> {
    let store = Store::of(cx)?;
    let path = format!("{}/_doc/{id}?refresh=true", store.index);
    match store.ask(Method::DELETE, &path, None).await? {
        (StatusCode::NOT_FOUND, _) => Ok(()),
        (status, _) if status.is_success() => Ok(()),
        (status, answer) => Err(HookError::new(format!("`{}` does not delete it: {status}: {answer}", cx.call.own.name))),
    }
}

/// The newest documents that match, newest first.
#[search(title = "find documents", runtime = crate::hooks::builtin)]
async fn find(cx: &HookContext, query: &Query) -> Result<Found, HookError> {
    let store = Store::of(cx)?;
    let question = json!({
        "query": {"query_string": {"query": query.text}},
        "sort": [{"@timestamp": {"order": "desc", "unmapped_type": "date"}}],
        "size": query.size,
        "track_total_hits": true,
    });
    let (status, mut answer) = store.ask(Method::POST, &format!("{}/_search", store.index), Some(&question)).await?;
    if status == StatusCode::NOT_FOUND {
        return Err(HookError::new(format!("`{}` has no index `{}` yet", cx.call.own.name, store.index))
            .hint("`resilmesh up` makes it when something is plugged into the store"));
    }
    if !status.is_success() {
        let reason = answer.pointer("/error/root_cause/0/reason").or_else(|| answer.pointer("/error/reason"));
        let reason = reason.and_then(Value::as_str).map_or_else(|| answer.to_string(), str::to_owned);
        return Err(HookError::new(format!("`{}` does not take this query: {reason}", cx.call.own.name))
            .hint("for example: source.ip:203.0.113.0/24 AND event.outcome:failure"));
    }
    let total = answer.pointer("/hits/total/value").and_then(Value::as_u64).unwrap_or(0);
    let hits = answer.pointer_mut("/hits/hits").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    let events = hits.into_iter().filter_map(|mut hit| hit.get_mut("_source").map(Value::take)).collect();
    Ok(Found { total, events })
}
