//! What becomes of a field that the mapping does not name: dynamic templates, then inference.

use serde_json::{Map, Value, json};

use super::date::{self, DateFormat, Fill};
use crate::error::ApiError;
use crate::json::Json;
use crate::pattern::Glob;

/// What to do with a field that is not mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dynamic {
    /// Map it.
    True,
    /// Keep it in the document only.
    False,
    /// Refuse the document.
    Strict,
}

impl Dynamic {
    pub(crate) fn parse(value: &Value) -> Result<Self, ApiError> {
        match value {
            Value::Bool(true) => Ok(Self::True),
            Value::Bool(false) => Ok(Self::False),
            Value::String(text) => match text.as_str() {
                "true" => Ok(Self::True),
                "false" => Ok(Self::False),
                "strict" => Ok(Self::Strict),
                _ => Err(ApiError::unsupported(format_args!("[dynamic] with value [{text}]"))),
            },
            other => Err(ApiError::unsupported(format_args!("[dynamic] with value [{other}]"))),
        }
    }

    pub(crate) fn to_json(self) -> Value {
        json!(match self {
            Self::True => "true",
            Self::False => "false",
            Self::Strict => "strict",
        })
    }
}

/// A rule for fields that the mapping does not name.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    names: Vec<Glob>,
    not_names: Vec<Glob>,
    paths: Vec<Glob>,
    not_paths: Vec<Glob>,
    types: Vec<String>,
    not_types: Vec<String>,
    mapping: Map<String, Value>,
}

fn texts(value: &Value) -> Result<Vec<String>, ApiError> {
    let wrong = || ApiError::illegal(format!("expected text or a list of texts in a dynamic template, got [{value}]"));
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
        _ => Err(wrong()),
    }
}

fn globs(value: &Value) -> Result<Vec<Glob>, ApiError> {
    Ok(texts(value)?.iter().map(|text| Glob::star_only(text)).collect())
}

impl Template {
    /// Reads the list `dynamic_templates` of a mapping.
    pub(crate) fn parse_all(list: &Value) -> Result<Vec<Self>, ApiError> {
        let wrong = || {
            ApiError::new(
                400,
                "mapper_parsing_exception",
                "Dynamic template syntax error. An array of named objects is expected.",
            )
        };
        let mut templates = Vec::new();
        for entry in list.as_array().ok_or_else(wrong)? {
            for (name, rule) in entry.as_object().ok_or_else(wrong)? {
                templates.push(Self::parse(name, rule.as_object().ok_or_else(wrong)?)?);
            }
        }
        Ok(templates)
    }

    fn parse(name: &str, rule: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut template = Template {
            names: Vec::new(),
            not_names: Vec::new(),
            paths: Vec::new(),
            not_paths: Vec::new(),
            types: Vec::new(),
            not_types: Vec::new(),
            mapping: Map::new(),
        };
        for (key, value) in rule {
            match key.as_str() {
                "match" => template.names = globs(value)?,
                "unmatch" => template.not_names = globs(value)?,
                "path_match" => template.paths = globs(value)?,
                "path_unmatch" => template.not_paths = globs(value)?,
                "match_mapping_type" => template.types = texts(value)?,
                "unmatch_mapping_type" => template.not_types = texts(value)?,
                "match_pattern" if value == "simple" => {}
                "mapping" => {
                    template.mapping = value.as_object().cloned().ok_or_else(|| {
                        ApiError::illegal(format!("[mapping] of dynamic template [{name}] must be an object"))
                    })?;
                }
                _ => {
                    return Err(ApiError::unsupported(format_args!(
                        "[{key}] with value [{value}] in dynamic template [{name}]"
                    )));
                }
            }
        }
        Ok(template)
    }

    fn applies(&self, path: &str, type_name: &str) -> bool {
        let name = path.rsplit('.').next().unwrap_or(path);
        let any = |globs: &[Glob], text: &str| globs.iter().any(|glob| glob.matches(text));
        let any_type = |types: &[String]| types.iter().any(|wanted| wanted == "*" || wanted == type_name);
        (self.names.is_empty() || any(&self.names, name))
            && !any(&self.not_names, name)
            && (self.paths.is_empty() || any(&self.paths, path))
            && !any(&self.not_paths, path)
            && (self.types.is_empty() || any_type(&self.types))
            && !any_type(&self.not_types)
    }

    /// The definition this rule gives to a field, if it applies.
    pub(crate) fn definition(&self, path: &str, type_name: &str) -> Option<Map<String, Value>> {
        if !self.applies(path, type_name) {
            return None;
        }
        let name = path.rsplit('.').next().unwrap_or(path);
        let dynamic_type = if type_name == "string" { "text" } else { type_name };
        let mut mapping = fill(&self.mapping, name, dynamic_type);
        if !mapping.contains_key("type") {
            for (key, value) in default_definition(type_name) {
                mapping.entry(key).or_insert(value);
            }
        }
        Some(mapping)
    }
}

fn fill(mapping: &Map<String, Value>, name: &str, dynamic_type: &str) -> Map<String, Value> {
    let text = |text: &str| text.replace("{name}", name).replace("{dynamic_type}", dynamic_type);
    mapping
        .iter()
        .map(|(key, value)| {
            let value = match value {
                Value::String(value) => Value::String(text(value)),
                Value::Object(inner) => Value::Object(fill(inner, name, dynamic_type)),
                other => other.clone(),
            };
            (text(key), value)
        })
        .collect()
}

/// What Elasticsearch calls the type of a value in `match_mapping_type`.
pub(crate) fn type_of(value: &Json<'_>, detect_dates: Option<&[DateFormat]>, detect_numbers: bool) -> &'static str {
    match value {
        Json::Bool(_) => "boolean",
        Json::Int(_) | Json::Unsigned(_) => "long",
        Json::Float(_) => "double",
        Json::Object(_) => "object",
        Json::Text(text) => {
            if detect_dates.is_some_and(|formats| looks_like_date(text, formats)) {
                "date"
            } else if detect_numbers && text.parse::<i64>().is_ok() {
                "long"
            } else if detect_numbers && super::number::Number::parse(text).is_some() {
                "double"
            } else {
                "string"
            }
        }
        Json::Null | Json::Array(_) => "string",
    }
}

/// A plain number such as `2026` is never taken for a date.
fn looks_like_date(text: &str, formats: &[DateFormat]) -> bool {
    !text.bytes().all(|byte| byte.is_ascii_digit()) && date::parse(text, formats, Fill::Start).is_some()
}

/// The definition of a field no template speaks of.
pub(crate) fn default_definition(type_name: &str) -> Map<String, Value> {
    let definition = match type_name {
        "string" => json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}),
        "double" => json!({"type": "float"}),
        other => json!({"type": other}),
    };
    definition.as_object().cloned().unwrap_or_default()
}
