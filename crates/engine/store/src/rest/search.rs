//! Searches, counts and scrolls.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::params::{Params, duration};
use super::{Answer, Api, Request};
use crate::error::ApiError;
use crate::index::IndexHandle;
use crate::query::ast::Query;
use crate::query::dsl;
use crate::search::collect::{After, Best, needs_score, show};
use crate::search::request::{SearchRequest, Total, query_param};
use crate::search::scroll::Scroll;
use crate::search::sort::SortKey;
use crate::search::{View, count as count_matches, search as find};

/// The indices a request goes to.
fn indices(api: &Api, params: &mut Params, expression: &str) -> Result<Vec<Arc<IndexHandle>>, ApiError> {
    let ignore_missing = params.flag("ignore_unavailable")?.unwrap_or(false);
    let may_be_none = params.flag("allow_no_indices")?.unwrap_or(true);
    params.ignore(&["expand_wildcards", "ignore_throttled"]);
    let found = api.store.matching(expression, ignore_missing)?;
    if found.is_empty() && !may_be_none {
        return Err(ApiError::no_such_index(expression));
    }
    Ok(found)
}

fn now() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

fn views(indices: &[Arc<IndexHandle>], query: &Query, sort: &[SortKey]) -> Result<Vec<View>, ApiError> {
    let (scored, now) = (needs_score(sort), now());
    indices.iter().map(|index| View::new(index, query, scored, now)).collect()
}

/// An error in a search names the phase and the shard, as clients expect it.
fn in_shard(error: ApiError) -> ApiError {
    if error.kind != "query_shard_exception" {
        return error;
    }
    ApiError::new(400, "search_phase_execution_exception", "all shards failed").because(error.kind, error.reason)
}

/// `POST /{index}/_search`.
pub(crate) fn search(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let started = Instant::now();
    let indices = indices(api, &mut request.params, names.first().copied().unwrap_or_default())?;
    let keep = request.params.take("scroll").map(|keep| duration(&keep)).transpose()?;
    let body = request.json()?;
    let search = SearchRequest::parse(&body, &mut request.params)?;
    request.done()?;
    api.store.before_search();
    if let Some(keep) = keep {
        let views = views(&indices, &search.query, &search.sort).map_err(in_shard)?;
        let mut scroll = Scroll::new(search, views, keep)?;
        let best = scroll.next().map_err(in_shard)?;
        let page = hits(&scroll.request, &scroll.views, scroll.total, None, &best)?;
        let shards = scroll.views.len();
        let id = api.scrolls.keep(scroll)?;
        return Ok(answer(started, shards, &page, Some(&id)));
    }
    let views = views(&indices, &search.query, &search.sort).map_err(in_shard)?;
    let after = search.search_after.as_deref().map(|values| after(&search.sort, &views, values)).transpose()?;
    let limit = (search.from + search.size) as usize;
    let found = find(&views, &search.sort, after.as_ref(), limit).map_err(in_shard)?;
    let best = found.best.get(search.from as usize..).unwrap_or_default();
    let max_score = if search.show.score { found.max_score } else { None };
    let page = hits(&search, &views, found.total, max_score, best)?;
    Ok(answer(started, views.len(), &page, None))
}

/// Reads `search_after` for the fields the sort keys have in the indices.
fn after(sort: &[SortKey], views: &[View], values: &[Value]) -> Result<After, ApiError> {
    let mappings: Vec<_> = views.iter().map(|view| view.index.mapping()).collect();
    let keys = sort.iter().zip(values).map(|(key, value)| {
        let field = mappings.iter().find_map(|mapping| key.field(mapping).ok().flatten());
        key.after(field, value)
    });
    Ok(After { keys: keys.collect::<Result<_, _>>()?, seq: None })
}

fn hits(
    search: &SearchRequest,
    views: &[View],
    total: u64,
    max_score: Option<f32>,
    best: &[Best],
) -> Result<String, ApiError> {
    let total = match search.total {
        Total::Hidden => String::new(),
        Total::UpTo(limit) if total > limit => format!(r#""total":{{"value":{limit},"relation":"gte"}},"#),
        Total::Exact | Total::UpTo(_) => format!(r#""total":{{"value":{total},"relation":"eq"}},"#),
    };
    let max_score = max_score.map_or_else(|| "null".to_owned(), |score| score.to_string());
    let shown: Vec<String> =
        best.iter().map(|best| show(views, &search.sort, best, &search.show)).collect::<Result<_, _>>()?;
    Ok(format!(r#"{{{total}"max_score":{max_score},"hits":[{}]}}"#, shown.join(",")))
}

fn answer(started: Instant, shards: usize, hits: &str, scroll: Option<&str>) -> Answer {
    let took = started.elapsed().as_millis();
    let scroll = scroll.map_or_else(String::new, |id| format!(r#""_scroll_id":"{id}","#));
    Answer::json(
        200,
        format!(
            r#"{{{scroll}"took":{took},"timed_out":false,"_shards":{{"total":{shards},"successful":{shards},"skipped":0,"failed":0}},"hits":{hits}}}"#
        ),
    )
}

/// The query of a body that may hold nothing else.
pub(crate) fn query_of(body: &Value) -> Result<Query, ApiError> {
    if let Some(key) = body.as_object().and_then(|body| body.keys().find(|key| *key != "query")) {
        return Err(ApiError::parsing(format!("request does not support [{key}]")));
    }
    body.get("query").map_or(Ok(Query::All), dsl::parse)
}

/// `POST /{index}/_count`.
pub(crate) fn count(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let indices = indices(api, &mut request.params, names.first().copied().unwrap_or_default())?;
    let body = request.json()?;
    let of_body = query_of(&body)?;
    let query = query_param(&mut request.params)?.unwrap_or(of_body);
    request.params.ignore(&["preference", "routing"]);
    request.done()?;
    api.store.before_search();
    let total = count_matches(&indices, &query, now()).map_err(in_shard)?;
    let shards = indices.len();
    Ok(Answer::ok(&json!({
        "count": total,
        "_shards": {"total": shards, "successful": shards, "skipped": 0, "failed": 0}
    })))
}

/// `POST /_search/scroll`.
pub(crate) fn scroll(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let started = Instant::now();
    let body = request.json()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let id = names
        .first()
        .map(|id| (*id).to_owned())
        .or_else(|| request.params.take("scroll_id"))
        .or_else(|| text("scroll_id"));
    let id = id.ok_or_else(|| ApiError::illegal("scroll_id is missing"))?;
    let keep = request.params.take("scroll").or_else(|| text("scroll")).map(|keep| duration(&keep)).transpose()?;
    request.params.ignore(&["rest_total_hits_as_int"]);
    request.done()?;
    let mut scroll = api.scrolls.take(&id)?;
    let best = scroll.next()?;
    let page = hits(&scroll.request, &scroll.views, scroll.total, None, &best)?;
    let shards = scroll.views.len();
    api.scrolls.put_back(&id, scroll, keep);
    Ok(answer(started, shards, &page, Some(&id)))
}

/// `DELETE /_search/scroll`.
pub(crate) fn close_scrolls(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let body = request.json()?;
    let mut ids: Vec<String> = names.iter().flat_map(|ids| ids.split(',')).map(str::to_owned).collect();
    ids.extend(request.params.take("scroll_id").iter().flat_map(|ids| ids.split(',')).map(str::to_owned));
    match body.get("scroll_id") {
        Some(Value::String(id)) => ids.push(id.clone()),
        Some(Value::Array(list)) => ids.extend(list.iter().filter_map(Value::as_str).map(str::to_owned)),
        _ => {}
    }
    request.done()?;
    if ids.is_empty() {
        return Err(ApiError::illegal("no scroll ids specified"));
    }
    let closed = api.scrolls.close(&ids);
    let status = if closed > 0 || ids == ["_all"] { 200 } else { 404 };
    Ok(Answer::json(status, json!({"succeeded": true, "num_freed": closed}).to_string()))
}
