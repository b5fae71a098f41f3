//! The JSON query language. What is not known or not supported is refused by name.

use serde_json::{Map, Value};

use super::ast::{Bound, Fields, Leaf, MinimumShouldMatch, Operator, Query};
use super::lucene;
use crate::error::ApiError;

type Answer = Result<Query, ApiError>;

/// Deepest nesting of queries, as `indices.query.bool.max_nested_depth` has by default.
const MAX_DEPTH: usize = 30;

/// Reads a query.
pub(crate) fn parse(query: &Value) -> Answer {
    query_at(query, 0)
}

fn query_at(query: &Value, depth: usize) -> Answer {
    if depth > MAX_DEPTH {
        return Err(ApiError::illegal(format!(
            "The nested depth of the query exceeds the maximum nested depth of {MAX_DEPTH}"
        )));
    }
    let object =
        query.as_object().ok_or_else(|| ApiError::parsing(format!("a query must be an object, got [{query}]")))?;
    let mut entries = object.iter();
    let (Some((name, body)), None) = (entries.next(), entries.next()) else {
        return Err(ApiError::parsing(format!("a query must have exactly one key, such as [match], got [{query}]")));
    };
    match name.as_str() {
        "match_all" => Options::of(name, body, &["boost", "_name"])?.boosted(Query::All),
        "match_none" => Options::of(name, body, &["_name"])?.boosted(Query::None),
        "match" => matching(name, body),
        "match_phrase" => phrase(name, body),
        "multi_match" => multi_match(name, body),
        "term" => term(name, body),
        "terms" => terms(name, body),
        "range" => range(name, body),
        "exists" => {
            let options = Options::of(name, body, &["field", "boost", "_name"])?;
            let field = options.text("field")?;
            options.boosted(Query::leaf(field, Leaf::Exists))
        }
        "prefix" => {
            let (field, options) =
                Options::of_field(name, body, "value", &["value", "boost", "case_insensitive", "rewrite", "_name"])?;
            let leaf = Leaf::Prefix { value: options.text("value")?, ignore_case: options.flag("case_insensitive")? };
            options.boosted(Query::leaf(field, leaf))
        }
        "wildcard" => {
            let allowed = ["value", "wildcard", "boost", "case_insensitive", "rewrite", "_name"];
            let (field, options) = Options::of_field(name, body, "value", &allowed)?;
            let pattern = options.text("value").or_else(|error| options.text("wildcard").map_err(|_| error))?;
            let leaf = Leaf::Wildcard { pattern, ignore_case: options.flag("case_insensitive")? };
            options.boosted(Query::leaf(field, leaf))
        }
        "ids" => {
            let options = Options::of(name, body, &["values", "boost", "_name"])?;
            let ids = options.list("values")?.iter().map(scalar_text).collect::<Result<_, _>>()?;
            options.boosted(Query::Ids(ids))
        }
        "bool" => boolean(name, body, depth),
        "constant_score" => {
            let options = Options::of(name, body, &["filter", "boost", "_name"])?;
            let inner = query_at(options.get("filter").unwrap_or(&Value::Null), depth + 1)?;
            options.boosted(Query::Constant(Box::new(inner)))
        }
        "dis_max" => {
            let options = Options::of(name, body, &["queries", "boost", "_name"])?;
            let queries =
                options.list("queries")?.iter().map(|query| query_at(query, depth + 1)).collect::<Result<_, _>>()?;
            options.boosted(Query::Best(queries))
        }
        "query_string" => query_string(name, body),
        "fuzzy"
        | "regexp"
        | "nested"
        | "has_child"
        | "has_parent"
        | "parent_id"
        | "script"
        | "script_score"
        | "function_score"
        | "more_like_this"
        | "geo_distance"
        | "geo_bounding_box"
        | "geo_shape"
        | "geo_polygon"
        | "intervals"
        | "span_term"
        | "span_near"
        | "span_or"
        | "span_not"
        | "span_first"
        | "percolate"
        | "pinned"
        | "rank_feature"
        | "distance_feature"
        | "terms_set"
        | "wrapper"
        | "knn"
        | "sparse_vector"
        | "semantic"
        | "text_expansion"
        | "combined_fields"
        | "match_bool_prefix"
        | "match_phrase_prefix"
        | "simple_query_string"
        | "boosting"
        | "shape"
        | "rule"
        | "weighted_tokens" => Err(ApiError::unsupported(format_args!("query [{name}]"))),
        _ => Err(ApiError::parsing(format!("unknown query [{name}]"))),
    }
}

/// The parameters of a query.
struct Options<'a> {
    query: &'a str,
    map: std::borrow::Cow<'a, Map<String, Value>>,
}

impl<'a> Options<'a> {
    fn of(query: &'a str, body: &'a Value, allowed: &[&str]) -> Result<Self, ApiError> {
        let map = body
            .as_object()
            .ok_or_else(|| ApiError::parsing(format!("[{query}] query malformed, expected an object, got [{body}]")))?;
        Self { query, map: std::borrow::Cow::Borrowed(map) }.checked(allowed)
    }

    /// The parameters of a query on one field: `{field: {..}}`, or `{field: value}` for short.
    fn of_field(query: &'a str, body: &'a Value, short: &str, allowed: &[&str]) -> Result<(String, Self), ApiError> {
        let malformed =
            || ApiError::parsing(format!("[{query}] query malformed, expected an object with one field, got [{body}]"));
        let object = body.as_object().ok_or_else(malformed)?;
        let mut entries = object.iter();
        let (Some((field, value)), None) = (entries.next(), entries.next()) else {
            return Err(ApiError::parsing(format!("[{query}] query doesn't support multiple fields, got [{body}]")));
        };
        let map = match value {
            Value::Object(map) => std::borrow::Cow::Borrowed(map),
            Value::Array(_) | Value::Null => return Err(malformed()),
            value => std::borrow::Cow::Owned(Map::from_iter([(short.to_owned(), value.clone())])),
        };
        Ok((field.clone(), Self { query, map }.checked(allowed)?))
    }

    fn checked(self, allowed: &[&str]) -> Result<Self, ApiError> {
        match self.map.keys().find(|key| !allowed.contains(&key.as_str())) {
            Some(key) => Err(ApiError::parsing(format!(
                "[{}] query does not support [{key}] in resilmesh engine store",
                self.query
            ))),
            None => Ok(self),
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key)
    }

    fn required(&self, key: &str) -> Result<&Value, ApiError> {
        self.get(key).ok_or_else(|| ApiError::parsing(format!("[{}] query needs [{key}]", self.query)))
    }

    fn scalar(&self, key: &str) -> Result<Value, ApiError> {
        match self.required(key)? {
            Value::Array(_) | Value::Object(_) | Value::Null => {
                Err(ApiError::illegal(format!("[{key}] of [{}] query must be a single value", self.query)))
            }
            value => Ok(value.clone()),
        }
    }

    fn text(&self, key: &str) -> Result<String, ApiError> {
        self.scalar(key).and_then(|value| scalar_text(&value))
    }

    fn list(&self, key: &str) -> Result<&Vec<Value>, ApiError> {
        self.required(key)?
            .as_array()
            .ok_or_else(|| ApiError::parsing(format!("[{key}] of [{}] query must be a list", self.query)))
    }

    fn flag(&self, key: &str) -> Result<bool, ApiError> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
            Some(other) => Err(ApiError::parsing(format!("[{key}] of [{}] query cannot be [{other}]", self.query))),
        }
    }

    fn operator(&self, key: &str) -> Result<Operator, ApiError> {
        match self.get(key).and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
            Some("and") => Ok(Operator::And),
            Some("or") => Ok(Operator::Or),
            None if self.get(key).is_none() => Ok(Operator::Or),
            _ => Err(ApiError::illegal(format!("[{key}] of [{}] query must be [and] or [or]", self.query))),
        }
    }

    fn minimum(&self) -> Result<Option<MinimumShouldMatch>, ApiError> {
        let wrong = |value: &Value| ApiError::unsupported(format_args!("[minimum_should_match] with value [{value}]"));
        Ok(match self.get("minimum_should_match") {
            None => None,
            Some(Value::Number(number)) => {
                Some(MinimumShouldMatch::Count(number.as_i64().ok_or_else(|| wrong(&Value::Number(number.clone())))?))
            }
            Some(value @ Value::String(text)) => Some(match text.strip_suffix('%') {
                Some(percent) => MinimumShouldMatch::Percent(percent.parse().map_err(|_| wrong(value))?),
                None => MinimumShouldMatch::Count(text.parse().map_err(|_| wrong(value))?),
            }),
            Some(other) => return Err(wrong(other)),
        })
    }

    fn boosted(&self, query: Query) -> Answer {
        match self.get("boost") {
            None => Ok(query),
            Some(boost) => {
                let boost = boost.as_f64().or_else(|| boost.as_str()?.parse().ok()).filter(|boost| *boost >= 0.0);
                Ok(query.boosted(
                    boost.ok_or_else(|| ApiError::parsing("[boost] must be a number that is not negative"))? as f32,
                ))
            }
        }
    }
}

fn scalar_text(value: &Value) -> Result<String, ApiError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(ApiError::parsing(format!("expected a single value in a query, got [{value}]"))),
    }
}

fn matching(name: &str, body: &Value) -> Answer {
    let allowed = [
        "query",
        "operator",
        "minimum_should_match",
        "boost",
        "analyzer",
        "zero_terms_query",
        "lenient",
        "auto_generate_synonyms_phrase_query",
        "_name",
    ];
    let (field, options) = Options::of_field(name, body, "query", &allowed)?;
    check_harmless(&options)?;
    let leaf = Leaf::Match {
        value: options.scalar("query")?,
        operator: options.operator("operator")?,
        minimum: options.minimum()?,
    };
    let fields = if options.flag("lenient")? { Fields::named(&field, true) } else { Fields::One(field) };
    options.boosted(Query::Leaf { fields, leaf })
}

/// Parameters that are accepted with the value they have by default.
fn check_harmless(options: &Options<'_>) -> Result<(), ApiError> {
    for (key, default) in [("analyzer", "standard"), ("zero_terms_query", "none"), ("type", "best_fields")] {
        if let Some(value) = options.get(key)
            && value != default
        {
            return Err(ApiError::unsupported(format_args!(
                "[{key}] with value [{value}] in query [{}]",
                options.query
            )));
        }
    }
    if let Some(slop) = options.get("slop")
        && slop.as_u64() != Some(0)
    {
        return Err(ApiError::unsupported(format_args!("[slop] in query [{}]", options.query)));
    }
    Ok(())
}

fn phrase(name: &str, body: &Value) -> Answer {
    let allowed = ["query", "boost", "analyzer", "slop", "zero_terms_query", "_name"];
    let (field, options) = Options::of_field(name, body, "query", &allowed)?;
    check_harmless(&options)?;
    options.boosted(Query::leaf(field, Leaf::Phrase(options.scalar("query")?)))
}

fn fields(list: &[Value]) -> Result<Vec<(String, f32)>, ApiError> {
    list.iter()
        .map(|value| {
            let text = value.as_str().ok_or_else(|| ApiError::parsing("[fields] must be a list of texts"))?;
            match text.split_once('^') {
                None => Ok((text.to_owned(), 1.0)),
                Some((name, boost)) => {
                    let boost =
                        boost.parse().map_err(|_| ApiError::parsing(format!("[{text}] has no number behind `^`")))?;
                    Ok((name.to_owned(), boost))
                }
            }
        })
        .collect()
}

fn multi_match(name: &str, body: &Value) -> Answer {
    let allowed =
        ["query", "fields", "type", "operator", "minimum_should_match", "boost", "analyzer", "lenient", "_name"];
    let options = Options::of(name, body, &allowed)?;
    let phrase = options.get("type").is_some_and(|kind| kind == "phrase");
    if !phrase {
        check_harmless(&options)?;
    }
    let value = options.scalar("query")?;
    let leaf = if phrase {
        Leaf::Phrase(value)
    } else {
        Leaf::Match { value, operator: options.operator("operator")?, minimum: options.minimum()? }
    };
    let fields = match options.get("fields") {
        None => vec![("*".to_owned(), 1.0)],
        Some(Value::String(field)) => self::fields(&[Value::String(field.clone())])?,
        Some(_) => self::fields(options.list("fields")?)?,
    };
    let fields = Fields::Many { fields, lenient: options.flag("lenient")? };
    options.boosted(Query::Leaf { fields, leaf })
}

fn term(name: &str, body: &Value) -> Answer {
    let (field, options) = Options::of_field(name, body, "value", &["value", "boost", "case_insensitive", "_name"])?;
    let leaf = Leaf::Term { value: options.scalar("value")?, ignore_case: options.flag("case_insensitive")? };
    options.boosted(Query::leaf(field, leaf))
}

fn terms(name: &str, body: &Value) -> Answer {
    let malformed =
        || ApiError::parsing(format!("[terms] query malformed: expected {{field: [values]}}, got [{body}]"));
    let mut object = body.as_object().ok_or_else(malformed)?.clone();
    let boost = object.remove("boost");
    object.remove("_name");
    let mut entries = object.iter();
    let (Some((field, values)), None) = (entries.next(), entries.next()) else { return Err(malformed()) };
    if values.is_object() {
        return Err(ApiError::unsupported("a lookup in query [terms]"));
    }
    let values = values.as_array().ok_or_else(malformed)?;
    if values.iter().any(|value| value.is_array() || value.is_object() || value.is_null()) {
        return Err(malformed());
    }
    let query = Query::leaf(field.clone(), Leaf::Terms(values.clone()));
    Options {
        query: name,
        map: std::borrow::Cow::Owned(boost.map(|boost| ("boost".to_owned(), boost)).into_iter().collect()),
    }
    .boosted(query)
}

fn range(name: &str, body: &Value) -> Answer {
    let allowed = [
        "gt",
        "gte",
        "lt",
        "lte",
        "from",
        "to",
        "include_lower",
        "include_upper",
        "format",
        "time_zone",
        "boost",
        "relation",
        "_name",
    ];
    let (field, options) = Options::of_field(name, body, "gte", &allowed)?;
    if let Some(zone) = options.get("time_zone")
        && !zone.as_str().is_some_and(|zone| matches!(zone, "UTC" | "Z" | "+00:00"))
    {
        return Err(ApiError::unsupported("[time_zone] other than UTC in query [range]"));
    }
    if options.get("relation").is_some() {
        return Err(ApiError::unsupported("[relation] in query [range]"));
    }
    let bound = |key: &str, inclusive: bool| -> Result<Option<Bound>, ApiError> {
        match options.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => Ok(Some(Bound { value: options.scalar(key)?, inclusive })),
        }
    };
    let included = |key: &str| options.get(key).is_none_or(|value| value != false);
    let end = |inclusive: &str, exclusive: &str, old: &str, flag: &str| -> Result<Option<Bound>, ApiError> {
        let given = [bound(inclusive, true)?, bound(exclusive, false)?, bound(old, included(flag))?];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (bound, None) => Ok(bound),
            _ => Err(ApiError::illegal(format!(
                "[range] query on [{field}] has more than one of [{inclusive}], [{exclusive}], [{old}]"
            ))),
        }
    };
    let leaf = Leaf::Range {
        lower: end("gte", "gt", "from", "include_lower")?,
        upper: end("lte", "lt", "to", "include_upper")?,
        format: options.get("format").map(scalar_text).transpose()?,
    };
    options.boosted(Query::leaf(field.clone(), leaf))
}

fn boolean(name: &str, body: &Value, depth: usize) -> Answer {
    let allowed =
        ["must", "filter", "should", "must_not", "minimum_should_match", "boost", "adjust_pure_negative", "_name"];
    let options = Options::of(name, body, &allowed)?;
    let clauses = |key: &str| -> Result<Vec<Query>, ApiError> {
        match options.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(queries)) => queries.iter().map(|query| query_at(query, depth + 1)).collect(),
            Some(query) => Ok(vec![query_at(query, depth + 1)?]),
        }
    };
    options.boosted(Query::Bool {
        must: clauses("must")?,
        filter: clauses("filter")?,
        should: clauses("should")?,
        must_not: clauses("must_not")?,
        minimum: options.minimum()?,
    })
}

fn query_string(name: &str, body: &Value) -> Answer {
    let allowed = [
        "query",
        "default_field",
        "fields",
        "default_operator",
        "boost",
        "lenient",
        "analyze_wildcard",
        "allow_leading_wildcard",
        "_name",
    ];
    let options = Options::of(name, body, &allowed)?;
    let lenient = options.flag("lenient")?;
    let default_fields = match (options.get("default_field"), options.get("fields")) {
        (Some(Value::String(field)), None) => Fields::named(field, lenient),
        (None, Some(_)) => Fields::Many { fields: fields(options.list("fields")?)?, lenient },
        (None, None) => Fields::named("*", lenient),
        _ => return Err(ApiError::illegal("[query_string] query takes [default_field] (text) or [fields], not both")),
    };
    let read = lucene::Options { default_fields, operator: options.operator("default_operator")?, lenient };
    options.boosted(lucene::parse(&options.text("query")?, &read)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_unknown_or_not_supported_is_refused_by_name() {
        for (query, named) in [
            (json!({"fuzzy": {"a": "b"}}), "[fuzzy]"),
            (json!({"frobnicate": {}}), "unknown query [frobnicate]"),
            (json!({"match": {"a": {"query": "b", "fuzziness": "AUTO"}}}), "[fuzziness]"),
            (json!({"match_phrase": {"a": {"query": "b c", "slop": 2}}}), "[slop]"),
            (json!({"match": {"a": "b", "c": "d"}}), "multiple fields"),
            (json!({"term": {"a": ["b"]}}), "one field"),
            (json!({"range": {"a": {"gte": 1, "time_zone": "+01:00"}}}), "[time_zone]"),
            (json!({"range": {"a": {"gte": 1, "gt": 2}}}), "more than one"),
            (json!({"match_all": {}, "match": {}}), "exactly one key"),
            (json!({"bool": {"must": [], "mustnot": []}}), "[mustnot]"),
            (json!({"terms": {"a": {"index": "x"}}}), "lookup"),
            (json!([]), "must be an object"),
        ] {
            let error = parse(&query).expect_err("refused");
            assert!(error.reason.contains(named) && error.status == 400, "{query}: {error}");
        }
        let deep = (0..100).fold(json!({"match_all": {}}), |inner, _| json!({"bool": {"must": inner}}));
        assert!(parse(&deep).is_err());
    }

    #[test]
    fn short_and_long_forms_mean_the_same() {
        for (short, long) in [
            (json!({"match": {"a": "b"}}), json!({"match": {"a": {"query": "b", "operator": "or"}}})),
            (json!({"term": {"a": 1}}), json!({"term": {"a": {"value": 1}}})),
            (json!({"range": {"a": {"gte": 1}}}), json!({"range": {"a": {"from": 1}}})),
            (json!({"bool": {"must": {"match_all": {}}}}), json!({"bool": {"must": [{"match_all": {}}]}})),
            (json!({"query_string": {"query": "a:b"}}), json!({"match": {"a": "b"}})),
        ] {
            assert_eq!(parse(&short), parse(&long), "{short}");
        }
    }
}
