//! Parts of a document, chosen by patterns of paths.

use serde_json::Value;

use crate::error::ApiError;
use crate::json::Json;
use crate::pattern::Glob;

/// What is shown of documents.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum SourceFilter {
    #[default]
    All,
    Nothing,
    Parts {
        includes: Vec<Glob>,
        excludes: Vec<Glob>,
    },
}

impl SourceFilter {
    /// Reads `_source` of a request.
    pub(crate) fn parse(value: &Value) -> Result<Self, ApiError> {
        match value {
            Value::Bool(true) => Ok(Self::All),
            Value::Bool(false) => Ok(Self::Nothing),
            Value::String(_) | Value::Array(_) => Ok(Self::of(&texts(value)?, &[])),
            Value::Object(object) => {
                let (mut includes, mut excludes) = (Vec::new(), Vec::new());
                for (key, value) in object {
                    match key.as_str() {
                        "includes" | "include" => includes = texts(value)?,
                        "excludes" | "exclude" => excludes = texts(value)?,
                        _ => {
                            return Err(ApiError::parsing(format!(
                                "Unknown key for a VALUE_STRING in [_source.{key}]."
                            )));
                        }
                    }
                }
                Ok(Self::of(&includes, &excludes))
            }
            other => Err(ApiError::parsing(format!("[_source] cannot be [{other}]"))),
        }
    }

    /// The parts that one of `includes` names, or all if there are none, without those of `excludes`.
    pub(crate) fn of(includes: &[String], excludes: &[String]) -> Self {
        if includes.is_empty() && excludes.is_empty() {
            return Self::All;
        }
        let globs = |texts: &[String]| texts.iter().map(|text| Glob::star_only(text)).collect();
        Self::Parts { includes: globs(includes), excludes: globs(excludes) }
    }

    /// What is shown of a document, as JSON text; none for nothing.
    pub(crate) fn apply(&self, source: Vec<u8>) -> Result<Option<String>, ApiError> {
        match self {
            Self::Nothing => Ok(None),
            Self::All => String::from_utf8(source).map(Some).map_err(ApiError::internal),
            Self::Parts { includes, excludes } => {
                let json = Json::parse(&source).map_err(ApiError::internal)?;
                let parts = keep(&json, "", includes.is_empty(), includes, excludes);
                Ok(Some(parts.unwrap_or(Json::Object(Vec::new())).to_text()))
            }
        }
    }
}

fn texts(value: &Value) -> Result<Vec<String>, ApiError> {
    let wrong = || ApiError::parsing(format!("expected text or a list of texts, got [{value}]"));
    match value {
        Value::String(text) => Ok(text.split(',').map(str::to_owned).collect()),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
        _ => Err(wrong()),
    }
}

/// The chosen parts of a value; none if nothing of it is chosen.
fn keep<'a>(value: &Json<'a>, path: &str, chosen: bool, includes: &[Glob], excludes: &[Glob]) -> Option<Json<'a>> {
    match value {
        Json::Object(entries) => {
            let mut kept = Vec::new();
            for (key, value) in entries {
                let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
                if excludes.iter().any(|glob| glob.matches(&path)) {
                    continue;
                }
                let chosen = chosen || includes.iter().any(|glob| glob.matches(&path));
                if let Some(value) = keep(value, &path, chosen, includes, excludes) {
                    kept.push((key.clone(), value));
                }
            }
            (chosen || !kept.is_empty()).then_some(Json::Object(kept))
        }
        Json::Array(items) => {
            let kept: Vec<_> = items.iter().filter_map(|item| keep(item, path, chosen, includes, excludes)).collect();
            (chosen || !kept.is_empty()).then_some(Json::Array(kept))
        }
        leaf => chosen.then(|| leaf.clone()),
    }
}

/// Reduces an answer to what `filter_path` names: patterns of paths in which `*` stands for a
/// name and `**` for any number of names; those that begin with `-` are taken out.
pub(crate) fn filter_path(answer: &str, patterns: &str) -> Result<String, ApiError> {
    let json = Json::parse(answer.as_bytes()).map_err(ApiError::internal)?;
    let (excludes, includes): (Vec<&str>, Vec<&str>) =
        patterns.split(',').filter(|pattern| !pattern.is_empty()).partition(|pattern| pattern.starts_with('-'));
    let split = |pattern: &str| -> Vec<String> { pattern.split('.').map(str::to_owned).collect() };
    let includes: Vec<_> = includes.into_iter().map(split).collect();
    let excludes: Vec<_> = excludes.into_iter().map(|pattern| split(&pattern[1..])).collect();
    let mut kept = Some(json);
    if !includes.is_empty() {
        kept = kept.and_then(|json| pick(json, &includes));
    }
    Ok(kept.map_or_else(|| "{}".to_owned(), |json| drop_paths(json, &excludes).to_text()))
}

/// What is left of the patterns one step down.
fn step(patterns: &[Vec<String>], name: &str) -> Vec<Vec<String>> {
    let mut left = Vec::new();
    for pattern in patterns {
        let Some((first, rest)) = pattern.split_first() else { continue };
        if first == "**" {
            left.push(pattern.clone());
            left.extend(step(&[rest.to_vec()], name));
            if rest.is_empty() {
                left.push(Vec::new());
            }
        } else if Glob::star_only(first).matches(name) {
            left.push(rest.to_vec());
        }
    }
    left
}

fn pick<'a>(json: Json<'a>, patterns: &[Vec<String>]) -> Option<Json<'a>> {
    if patterns.iter().any(Vec::is_empty) {
        return Some(json);
    }
    match json {
        Json::Object(entries) => {
            let kept: Vec<_> = entries
                .into_iter()
                .filter_map(|(key, value)| {
                    let left = step(patterns, &key);
                    (!left.is_empty()).then(|| pick(value, &left)).flatten().map(|value| (key, value))
                })
                .collect();
            (!kept.is_empty()).then_some(Json::Object(kept))
        }
        Json::Array(items) => {
            let kept: Vec<_> = items.into_iter().filter_map(|item| pick(item, patterns)).collect();
            (!kept.is_empty()).then_some(Json::Array(kept))
        }
        _ => None,
    }
}

fn drop_paths<'a>(json: Json<'a>, patterns: &[Vec<String>]) -> Json<'a> {
    match json {
        Json::Object(entries) => Json::Object(
            entries
                .into_iter()
                .filter_map(|(key, value)| {
                    let left = step(patterns, &key);
                    (!left.iter().any(Vec::is_empty)).then(|| (key, drop_paths(value, &left)))
                })
                .collect(),
        ),
        Json::Array(items) => Json::Array(items.into_iter().map(|item| drop_paths(item, patterns)).collect()),
        leaf => leaf,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_document() {
        let source = r#"{"a":{"b":1,"c":{"d":2}},"e":[{"f":1,"g":2}],"h":null}"#;
        for (includes, excludes, expected) in [
            (&["a.b"] as &[&str], &[] as &[&str], r#"{"a":{"b":1}}"#),
            (&["a"], &["a.c"], r#"{"a":{"b":1}}"#),
            (&["*.d", "e.f"], &[], r#"{"a":{"c":{"d":2}},"e":[{"f":1}]}"#),
            (&[], &["a", "e.g"], r#"{"e":[{"f":1}],"h":null}"#),
            (&["x"], &[], "{}"),
        ] {
            let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let shown = SourceFilter::of(&own(includes), &own(excludes)).apply(source.into()).expect("JSON");
            assert_eq!(shown.as_deref(), Some(expected));
        }
    }

    #[test]
    fn parts_of_an_answer() {
        let answer = r#"{"took":1,"hits":{"total":{"value":2},"hits":[{"_id":"a","_source":{"x":1}},{"_id":"b"}]}}"#;
        for (patterns, expected) in [
            ("took", r#"{"took":1}"#),
            ("hits.hits._id", r#"{"hits":{"hits":[{"_id":"a"},{"_id":"b"}]}}"#),
            ("**.value", r#"{"hits":{"total":{"value":2}}}"#),
            ("-hits", r#"{"took":1}"#),
            ("hits.*,-hits.hits", r#"{"hits":{"total":{"value":2}}}"#),
            ("nothing", "{}"),
        ] {
            assert_eq!(filter_path(answer, patterns).expect("JSON"), expected, "{patterns}");
        }
    }
}
