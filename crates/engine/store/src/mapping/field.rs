//! One field of a mapping: its type and its parameters.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::date::{DEFAULT_FORMATS, DateFormat, parse_formats};
use super::number::NumberKind;
use crate::error::ApiError;

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Keyword,
    /// Searched like a keyword; values of any length below the limit of a term.
    Wildcard,
    ConstantKeyword,
    /// Analysed text; `scored` is false for `match_only_text`.
    Text {
        scored: bool,
    },
    Number(NumberKind),
    Boolean,
    Date(Vec<DateFormat>),
    Ip,
    /// Kept in the document; cannot be searched.
    GeoPoint,
    /// An object whose leaves are keywords.
    Flattened {
        depth_limit: usize,
    },
}

impl Kind {
    /// The name of the type in a mapping.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::Keyword => "keyword",
            Kind::Wildcard => "wildcard",
            Kind::ConstantKeyword => "constant_keyword",
            Kind::Text { scored: true } => "text",
            Kind::Text { scored: false } => "match_only_text",
            Kind::Number(kind) => kind.name(),
            Kind::Boolean => "boolean",
            Kind::Date(_) => "date",
            Kind::Ip => "ip",
            Kind::GeoPoint => "geo_point",
            Kind::Flattened { .. } => "flattened",
        }
    }

    /// Whether values are kept in a column, for ranges and sorting.
    pub(crate) fn has_column(&self) -> bool {
        matches!(self, Kind::Keyword | Kind::Wildcard | Kind::Number(_) | Kind::Boolean | Kind::Date(_) | Kind::Ip)
    }
}

/// A field with its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Full path, such as `source.ip` or, for a multi-field, `process.name.text`.
    pub(crate) path: Arc<str>,
    /// The path as the index holds it, see [`super::index_key`].
    pub(crate) key: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) indexed: bool,
    pub(crate) doc_values: bool,
    /// Longer texts are not indexed, in characters.
    pub(crate) ignore_above: Option<usize>,
    pub(crate) ignore_malformed: bool,
    pub(crate) coerce: bool,
    /// What a JSON null stands for.
    pub(crate) null_value: Option<Value>,
    /// The value of a `constant_keyword`, once it is known.
    pub(crate) constant: Option<String>,
    /// The definition as it was given, without `fields`.
    pub(crate) definition: Map<String, Value>,
    /// Multi-fields: the same value indexed in another way.
    pub(crate) multi: Vec<Arc<Field>>,
}

/// Parameters that change nothing a user of this store can see.
const HARMLESS: [&str; 7] =
    ["norms", "eager_global_ordinals", "meta", "index_options", "store", "position_increment_gap", "index_prefixes"];

fn refused(path: &str, why: impl std::fmt::Display) -> ApiError {
    ApiError::new(400, "mapper_parsing_exception", format!("Failed to parse mapping: field [{path}]: {why}"))
}

impl Field {
    /// Reads the definition of a field that is not an object.
    pub(crate) fn parse(path: &str, definition: &Map<String, Value>) -> Result<Self, ApiError> {
        let type_name = definition
            .get("type")
            .and_then(Value::as_str)
            .ok_or_else(|| refused(path, "the definition needs a `type` (text) or `properties`"))?;
        let mut field = Field {
            path: path.into(),
            key: super::index_key(path).into(),
            kind: Self::kind(path, type_name, definition)?,
            indexed: true,
            doc_values: true,
            ignore_above: None,
            ignore_malformed: false,
            coerce: true,
            null_value: None,
            constant: None,
            definition: definition.clone(),
            multi: Vec::new(),
        };
        field.definition.remove("fields");
        for (key, value) in definition {
            field.set(key, value)?;
        }
        Ok(field)
    }

    fn kind(path: &str, type_name: &str, definition: &Map<String, Value>) -> Result<Kind, ApiError> {
        Ok(match type_name {
            "keyword" => Kind::Keyword,
            "wildcard" => Kind::Wildcard,
            "constant_keyword" => Kind::ConstantKeyword,
            "text" => Kind::Text { scored: true },
            "match_only_text" => Kind::Text { scored: false },
            "long" => Kind::Number(NumberKind::Long),
            "integer" => Kind::Number(NumberKind::Integer),
            "short" => Kind::Number(NumberKind::Short),
            "byte" => Kind::Number(NumberKind::Byte),
            "unsigned_long" => Kind::Number(NumberKind::UnsignedLong),
            "double" => Kind::Number(NumberKind::Double),
            "float" => Kind::Number(NumberKind::Float),
            "half_float" => Kind::Number(NumberKind::HalfFloat),
            "scaled_float" => {
                let factor = definition.get("scaling_factor").and_then(Value::as_f64).filter(|factor| *factor > 0.0);
                Kind::Number(NumberKind::Scaled(
                    factor.ok_or_else(|| refused(path, "[scaling_factor] is required and must be above 0"))?,
                ))
            }
            "boolean" => Kind::Boolean,
            "date" => Kind::Date(match definition.get("format").and_then(Value::as_str) {
                None => DEFAULT_FORMATS.to_vec(),
                Some(format) => parse_formats(format).map_err(|why| refused(path, why))?,
            }),
            "ip" => Kind::Ip,
            "geo_point" => Kind::GeoPoint,
            "flattened" => Kind::Flattened {
                depth_limit: definition.get("depth_limit").and_then(Value::as_u64).unwrap_or(20) as usize,
            },
            other => {
                return Err(refused(path, format!("type [{other}] is not supported by resilmesh engine store")));
            }
        })
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), ApiError> {
        let flag = |value: &Value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let wrong = |path: &str| refused(path, format!("parameter [{key}] cannot be [{value}]"));
        match key {
            "type" | "fields" | "format" | "scaling_factor" | "depth_limit" => {}
            "index" => self.indexed = flag(value).ok_or_else(|| wrong(&self.path))?,
            "doc_values" => self.doc_values = flag(value).ok_or_else(|| wrong(&self.path))?,
            "ignore_malformed" => self.ignore_malformed = flag(value).ok_or_else(|| wrong(&self.path))?,
            "coerce" => self.coerce = flag(value).ok_or_else(|| wrong(&self.path))?,
            "ignore_above" => {
                let limit = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
                self.ignore_above = Some(limit.ok_or_else(|| wrong(&self.path))? as usize);
            }
            "null_value" => self.null_value = Some(value.clone()),
            "value" if self.kind == Kind::ConstantKeyword => {
                self.constant = Some(value.as_str().ok_or_else(|| wrong(&self.path))?.to_owned());
            }
            "analyzer" | "search_analyzer" if value == "standard" => {}
            "split_queries_on_whitespace" if flag(value) == Some(false) => {}
            key if HARMLESS.contains(&key) => {}
            _ => {
                return Err(refused(
                    &self.path,
                    format!("parameter [{key}] with value [{value}] is not supported by resilmesh engine store"),
                ));
            }
        }
        Ok(())
    }

    /// The definition as a mapping shows it.
    pub(crate) fn to_json(&self) -> Value {
        let mut definition = self.definition.clone();
        if let Some(constant) = &self.constant {
            definition.insert("value".into(), json!(constant));
        }
        if !self.multi.is_empty() {
            let fields: Map<String, Value> = self
                .multi
                .iter()
                .map(|field| (field.path.rsplit('.').next().unwrap_or_default().to_owned(), field.to_json()))
                .collect();
            definition.insert("fields".into(), Value::Object(fields));
        }
        Value::Object(definition)
    }

    /// Takes over a later definition of the same field, if that can be done.
    pub(crate) fn update(&self, newer: Field) -> Result<Field, ApiError> {
        if self.kind.name() != newer.kind.name() {
            return Err(ApiError::illegal(format!(
                "mapper [{}] cannot be changed from type [{}] to [{}]",
                self.path,
                self.kind.name(),
                newer.kind.name()
            )));
        }
        let conflict = |parameter: &str| {
            ApiError::illegal(format!(
                "Mapper for [{}] conflicts with existing mapper:\n\tCannot update parameter [{parameter}]",
                self.path
            ))
        };
        if self.kind != newer.kind {
            return Err(conflict(if matches!(self.kind, Kind::Date(_)) { "format" } else { "scaling_factor" }));
        }
        if self.indexed != newer.indexed {
            return Err(conflict("index"));
        }
        if self.doc_values != newer.doc_values {
            return Err(conflict("doc_values"));
        }
        let constant = match (&self.constant, newer.constant.clone()) {
            (Some(old), Some(new)) if *old != new => return Err(conflict("value")),
            (old, new) => old.clone().or(new),
        };
        let mut multi = self.multi.clone();
        multi.retain(|old| !newer.multi.iter().any(|new| new.path == old.path));
        multi.extend(newer.multi.iter().cloned());
        Ok(Field { constant, multi, ..newer })
    }
}
