//! What a search asks for.

use serde_json::Value;

use super::collect::Show;
use super::filter::SourceFilter;
use super::sort::{By, SortKey};
use crate::error::ApiError;
use crate::query::ast::{Fields, Operator, Query};
use crate::query::{dsl, lucene};
use crate::rest::params::Params;

/// Deeper pages are refused: `search_after` and scrolls are made for them.
pub(crate) const MAX_WINDOW: u64 = 10_000;

/// How matches are counted in the answer. They are always counted exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Total {
    Exact,
    UpTo(u64),
    Hidden,
}

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SearchRequest {
    pub(crate) query: Query,
    pub(crate) from: u64,
    pub(crate) size: u64,
    pub(crate) sort: Vec<SortKey>,
    pub(crate) search_after: Option<Vec<Value>>,
    pub(crate) show: Show,
    pub(crate) total: Total,
}

impl SearchRequest {
    /// Reads the body and the parameters of a search; parameters go before the body.
    pub(crate) fn parse(body: &Value, params: &mut Params) -> Result<Self, ApiError> {
        let mut request = Self {
            query: Query::All,
            from: 0,
            size: 10,
            sort: Vec::new(),
            search_after: None,
            show: Show::default(),
            total: Total::Exact,
        };
        request.read_body(body)?;
        request.read_params(params)?;
        request.finish()
    }

    fn read_body(&mut self, body: &Value) -> Result<(), ApiError> {
        let body = match body {
            Value::Null => return Ok(()),
            Value::Object(body) => body,
            other => return Err(ApiError::parsing(format!("a search must be an object, got [{other}]"))),
        };
        for (key, value) in body {
            let number = || {
                let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
                number.filter(|number| *number >= 0).map(|number| number as u64).ok_or_else(|| {
                    ApiError::illegal(format!("[{key}] parameter cannot be negative or no number, found [{value}]"))
                })
            };
            match key.as_str() {
                "query" => self.query = dsl::parse(value)?,
                "from" => self.from = number()?,
                "size" => self.size = number()?,
                "sort" => self.sort = SortKey::parse_all(value)?,
                "search_after" => {
                    let values = value.as_array().ok_or_else(|| ApiError::parsing("[search_after] must be a list"))?;
                    self.search_after = Some(values.clone());
                }
                "_source" => self.show.source = SourceFilter::parse(value)?,
                "track_total_hits" => self.total = total(value)?,
                "version" => self.show.version = value == true,
                "seq_no_primary_term" => self.show.seq_no = value == true,
                "track_scores" | "explain" | "profile" if value == false => {}
                "timeout" => {}
                "aggs" | "aggregations" | "highlight" | "suggest" | "collapse" | "rescore" | "script_fields"
                | "fields" | "docvalue_fields" | "stored_fields" | "runtime_mappings" | "post_filter"
                | "indices_boost" | "min_score" | "knn" | "rank" | "retriever" | "pit" | "slice" | "stats" | "ext"
                | "track_scores" | "explain" | "profile" | "terminate_after" => {
                    return Err(ApiError::unsupported(format_args!("[{key}] in a search")));
                }
                _ => return Err(ApiError::parsing(format!("Unknown key [{key}] in a search."))),
            }
        }
        Ok(())
    }

    fn read_params(&mut self, params: &mut Params) -> Result<(), ApiError> {
        if let Some(query) = query_param(params)? {
            self.query = query;
        }
        if let Some(from) = params.number("from")? {
            self.from = from;
        }
        if let Some(size) = params.number("size")? {
            self.size = size;
        }
        if let Some(sort) = params.take("sort") {
            self.sort = SortKey::parse_short(&sort)?;
        }
        if let Some(source) = source_params(params)? {
            self.show.source = source;
        }
        if let Some(track) = params.take("track_total_hits") {
            self.total = total(&serde_json::from_str(&track).unwrap_or(Value::String(track)))?;
        }
        if let Some(version) = params.flag("version")? {
            self.show.version = version;
        }
        if let Some(seq_no) = params.flag("seq_no_primary_term")? {
            self.show.seq_no = seq_no;
        }
        if let Some(kind) = params.take("search_type")
            && !matches!(kind.as_str(), "query_then_fetch" | "dfs_query_then_fetch")
        {
            return Err(ApiError::illegal(format!("No search type for [{kind}]")));
        }
        // One node, one shard: nothing is to be chosen or left out.
        for harmless in [
            "preference",
            "request_cache",
            "batched_reduce_size",
            "max_concurrent_shard_requests",
            "pre_filter_shard_size",
            "allow_partial_search_results",
            "ccs_minimize_roundtrips",
            "timeout",
            "routing",
            "rest_total_hits_as_int",
            "typed_keys",
        ] {
            if let Some(value) = params.take(harmless)
                && harmless == "rest_total_hits_as_int"
                && value != "false"
            {
                return Err(ApiError::unsupported("[rest_total_hits_as_int]"));
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Self, ApiError> {
        let window = self.from.saturating_add(self.size);
        if window > MAX_WINDOW {
            return Err(ApiError::illegal(format!(
                "Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was [{}]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.",
                window
            )));
        }
        if let Some(after) = &self.search_after {
            if self.from > 0 {
                return Err(ApiError::illegal("`from` parameter must be set to 0 when `search_after` is used"));
            }
            if self.sort.is_empty() {
                return Err(ApiError::illegal("Sort must contain at least one field when using search_after"));
            }
            if after.len() != self.sort.len() {
                return Err(ApiError::illegal(format!(
                    "search_after has {} value(s) but sort has {}",
                    after.len(),
                    self.sort.len()
                )));
            }
        }
        self.show.sort = !self.sort.is_empty();
        if self.sort.is_empty() {
            self.sort = vec![SortKey { by: By::Score, descending: true }];
        }
        self.show.score = super::collect::needs_score(&self.sort);
        Ok(self)
    }
}

fn total(value: &Value) -> Result<Total, ApiError> {
    match value {
        Value::Bool(true) => Ok(Total::Exact),
        Value::Bool(false) => Ok(Total::Hidden),
        Value::Number(number) => match number.as_i64() {
            Some(-1) => Ok(Total::Hidden),
            Some(limit) if limit >= 0 => Ok(Total::UpTo(limit as u64)),
            _ => Err(ApiError::illegal(format!(
                "[track_total_hits] parameter must be positive or equals to -1, got [{number}]"
            ))),
        },
        other => Err(ApiError::illegal(format!("[track_total_hits] cannot be [{other}]"))),
    }
}

/// The query of `q=`, with its companions.
pub(crate) fn query_param(params: &mut Params) -> Result<Option<Query>, ApiError> {
    let (field, operator) = (params.take("df"), params.take("default_operator"));
    let operator = match operator.map(|operator| operator.to_ascii_lowercase()).as_deref() {
        None | Some("or") => Operator::Or,
        Some("and") => Operator::And,
        Some(other) => return Err(ApiError::illegal(format!("operator [{other}] must be [and] or [or]"))),
    };
    let lenient = params.flag("lenient")?.unwrap_or_default();
    params.flag("analyze_wildcard")?;
    if let Some(analyzer) = params.take("analyzer")
        && analyzer != "standard"
    {
        return Err(ApiError::unsupported(format_args!("analyzer [{analyzer}]")));
    }
    let Some(text) = params.take("q") else { return Ok(None) };
    let default_fields = Fields::named(field.as_deref().unwrap_or("*"), lenient);
    lucene::parse(&text, &lucene::Options { default_fields, operator, lenient }).map(Some)
}

/// What is shown of documents, by parameters.
pub(crate) fn source_params(params: &mut Params) -> Result<Option<SourceFilter>, ApiError> {
    let list =
        |text: Option<String>| -> Option<Vec<String>> { text.map(|text| text.split(',').map(str::to_owned).collect()) };
    let includes = list(params.take("_source_includes"));
    let excludes = list(params.take("_source_excludes"));
    let source = params.take("_source");
    if includes.is_some() || excludes.is_some() {
        return Ok(Some(SourceFilter::of(&includes.unwrap_or_default(), &excludes.unwrap_or_default())));
    }
    Ok(match source.as_deref() {
        None => None,
        Some("true" | "") => Some(SourceFilter::All),
        Some("false") => Some(SourceFilter::Nothing),
        Some(fields) => Some(SourceFilter::parse(&Value::String(fields.to_owned()))?),
    })
}
