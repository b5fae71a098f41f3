//! A document taken apart into what is indexed of it.

use std::sync::Arc;

use super::date::{self, DateFormat, Fill};
use super::dynamic::{Dynamic, type_of};
use super::number::Number;
use super::{Field, Kind, Mapping, has_control, index_key, ip};
use crate::error::ApiError;
use crate::json::Json;

/// Longest text that can be a term, in bytes; the limit Elasticsearch has too.
pub(crate) const MAX_TERM_BYTES: usize = 32_766;

/// Deepest nesting of objects in a document, as `index.mapping.depth.limit` has by default.
const MAX_DEPTH: usize = 20;

/// Field names that documents may not use.
const METADATA: [&str; 9] =
    ["_id", "_index", "_source", "_type", "_routing", "_seq_no", "_version", "_ignored", "_field_names"];

/// Where a value goes; a value may go to several places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Role(u8);

impl Role {
    /// An exact term.
    pub(crate) const TERM: Role = Role(1);
    /// Text that is analysed.
    pub(crate) const TEXT: Role = Role(2);
    /// A column, for ranges and sorting.
    pub(crate) const COLUMN: Role = Role(4);

    fn and(self, other: Role) -> Role {
        Role(self.0 | other.0)
    }

    pub(crate) fn holds(self, other: Role) -> bool {
        self.0 & other.0 != 0
    }
}

/// A value to be indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    Number(i64),
    /// From and to, in [`Indexed::texts`].
    Text(u32, u32),
}

/// What is indexed of one document.
#[derive(Debug, Default)]
pub(crate) struct Indexed {
    pub(crate) entries: Vec<(Arc<str>, Role, Piece)>,
    pub(crate) texts: String,
}

impl Indexed {
    fn text(&mut self, path: &Arc<str>, role: Role, text: &str) {
        // A body has less than 4 GiB, so its texts have too.
        let from = self.texts.len() as u32;
        self.texts.push_str(text);
        self.entries.push((path.clone(), role, Piece::Text(from, self.texts.len() as u32)));
    }
}

/// How documents are taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Fields the mapping may have; a document that would add more is refused.
    pub(crate) total_fields: usize,
    /// A value that does not fit its field is left out instead of refused: for documents that were
    /// accepted before, read again from the log.
    pub(crate) lenient: bool,
}

/// Takes a document apart. Fields that it brings are added to the mapping, if it is not refused.
pub(crate) fn take_apart(mapping: &mut Arc<Mapping>, source: &Json<'_>, rules: Rules) -> Result<Indexed, ApiError> {
    let Json::Object(entries) = source else {
        return Err(malformed("failed to parse: the document must be an object"));
    };
    let mut walk = Walk { mapping: mapping.clone(), rules, path: String::with_capacity(64), out: Indexed::default() };
    if !rules.lenient
        && let Some((name, _)) = entries.iter().find(|(name, _)| METADATA.contains(&&**name))
    {
        return Err(malformed(format!(
            "Field [{name}] is a metadata field and cannot be added inside a document. Use the index API request parameters."
        )));
    }
    walk.object(entries, 1)?;
    *mapping = walk.mapping;
    Ok(walk.out)
}

fn malformed(reason: impl Into<String>) -> ApiError {
    ApiError::new(400, "document_parsing_exception", reason)
}

struct Walk {
    mapping: Arc<Mapping>,
    rules: Rules,
    path: String,
    out: Indexed,
}

impl Walk {
    fn object(&mut self, entries: &[(std::borrow::Cow<'_, str>, Json<'_>)], depth: usize) -> Result<(), ApiError> {
        if depth > MAX_DEPTH {
            return Err(malformed(format!(
                "The depth of the field [{}] has exceeded the allowed limit of [{MAX_DEPTH}]",
                self.path
            )));
        }
        for (name, value) in entries {
            let length = self.path.len();
            let outcome = self.named(name, value, depth);
            self.path.truncate(length);
            outcome?;
        }
        Ok(())
    }

    /// A key of an object. Dots in it stand for objects: `{"a.b": 1}` is `{"a": {"b": 1}}`.
    fn named(&mut self, name: &str, value: &Json<'_>, depth: usize) -> Result<(), ApiError> {
        if name.split('.').any(|part| part.trim().is_empty()) || has_control(name) {
            return Err(malformed(format!(
                "field name [{name}] under [{}] cannot be used: it has an empty part or a control character",
                self.path
            )));
        }
        let mut parts = name.split('.').peekable();
        while let Some(part) = parts.next() {
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(part);
            if parts.peek().is_none() {
                break;
            }
            if self.mapping.is_disabled(&self.path) {
                return Ok(());
            }
            if let Some(field) = self.mapping.field(&self.path).cloned() {
                let rest: Vec<&str> = parts.collect();
                return self.below_leaf(&field, &rest.join("."), value);
            }
        }
        self.value(value, depth)
    }

    /// A dotted key that leads into a field which is no object.
    fn below_leaf(&mut self, field: &Field, rest: &str, value: &Json<'_>) -> Result<(), ApiError> {
        if let Kind::Flattened { depth_limit } = field.kind {
            let key = format!("{}.{rest}", field.path);
            return self.flattened(field, &key, value, depth_limit);
        }
        self.refuse(field, value)
    }

    /// The value at the present path.
    fn value(&mut self, value: &Json<'_>, depth: usize) -> Result<(), ApiError> {
        if let Some(field) = self.mapping.field(&self.path).cloned() {
            return self.field(&field, value);
        }
        match value {
            Json::Null => Ok(()),
            Json::Array(items) => items.iter().try_for_each(|item| self.value(item, depth)),
            Json::Object(entries) => {
                if self.mapping.is_disabled(&self.path) {
                    return Ok(());
                }
                if !self.mapping.is_object(&self.path) {
                    match self.mapping.dynamic_at(&self.path) {
                        Dynamic::False => return Ok(()),
                        Dynamic::Strict => return self.unmapped(),
                        Dynamic::True => {}
                    }
                }
                self.object(entries, depth + 1)
            }
            _ if self.mapping.is_object(&self.path) => {
                if self.rules.lenient || self.mapping.is_disabled(&self.path) {
                    return Ok(());
                }
                Err(malformed(format!(
                    "object mapping for [{0}] tried to parse field [{0}] as object, but found a concrete value",
                    self.path
                )))
            }
            leaf => match self.mapping.dynamic_at(&self.path) {
                Dynamic::False => Ok(()),
                Dynamic::Strict => self.unmapped(),
                Dynamic::True => self.add(leaf),
            },
        }
    }

    fn unmapped(&self) -> Result<(), ApiError> {
        if self.rules.lenient {
            return Ok(());
        }
        let (parent, name) = self.path.rsplit_once('.').unwrap_or(("_doc", &self.path));
        Err(ApiError::new(
            400,
            "strict_dynamic_mapping_exception",
            format!("mapping set to strict, dynamic introduction of [{name}] within [{parent}] is not allowed"),
        ))
    }

    /// Maps an unmapped field by its first value.
    fn add(&mut self, value: &Json<'_>) -> Result<(), ApiError> {
        if self.mapping.total_fields() >= self.rules.total_fields && !self.rules.lenient {
            return Err(ApiError::illegal(format!(
                "Limit of total fields [{}] has been exceeded while adding new field [{}]",
                self.rules.total_fields, self.path
            )));
        }
        let type_name = type_of(value, self.mapping.detected_dates(), self.mapping.detects_numbers());
        Arc::make_mut(&mut self.mapping).add_dynamic(&self.path, type_name)?;
        match self.mapping.field(&self.path).cloned() {
            Some(field) => self.field(&field, value),
            None => Ok(()),
        }
    }

    /// A value of a mapped field: its own index and those of its multi-fields.
    fn field(&mut self, field: &Arc<Field>, value: &Json<'_>) -> Result<(), ApiError> {
        match value {
            Json::Null => match &field.null_value {
                None => Ok(()),
                Some(stand_in) => {
                    let text = stand_in.to_string();
                    let stand_in = Json::parse(text.as_bytes()).map_err(ApiError::internal)?;
                    self.field(field, &stand_in)
                }
            },
            Json::Array(items) if field.kind == Kind::GeoPoint && is_point(value) => {
                debug_assert!(!items.is_empty());
                self.leaf(field, value)
            }
            Json::Array(items) => items.iter().try_for_each(|item| self.field(field, item)),
            Json::Object(_) => match field.kind {
                Kind::Flattened { depth_limit } => self.flattened(field, &field.path, value, depth_limit),
                Kind::GeoPoint => self.leaf(field, value),
                _ => self.refuse(field, value),
            },
            leaf => {
                self.leaf(field, leaf)?;
                field.multi.iter().try_for_each(|multi| self.leaf(multi, leaf))
            }
        }
    }

    fn leaf(&mut self, field: &Field, value: &Json<'_>) -> Result<(), ApiError> {
        let column = if field.doc_values { Role::COLUMN } else { Role(0) };
        let term = if field.indexed { Role::TERM } else { Role(0) };
        match &field.kind {
            Kind::Keyword | Kind::Wildcard => {
                let text = text_of(value);
                if is_too_long(field, &text) {
                    return Ok(());
                }
                if text.len() > MAX_TERM_BYTES && (field.indexed || field.doc_values) {
                    return self.immense(field, &text);
                }
                self.out.text(&field.key, term.and(column), &text);
                Ok(())
            }
            Kind::ConstantKeyword => self.constant(field, &text_of(value)),
            Kind::Text { .. } => {
                if field.indexed {
                    self.out.text(&field.key, Role::TEXT, &text_of(value));
                    // Marks that the field has a value, for `exists`.
                    self.out.text(&field.key, Role::TERM, "");
                }
                Ok(())
            }
            Kind::Number(kind) => {
                let number = match value {
                    Json::Text(_) if !field.coerce => None,
                    Json::Float(float) if !field.coerce && float.fract() != 0.0 => None,
                    value => Number::read(value),
                };
                match number.map(|number| kind.key(number)) {
                    Some(Ok(key)) => self.number(field, key),
                    Some(Err(why)) => self.refuse_because(field, value, why),
                    None => self.refuse_because(field, value, format!("For input string: \"{}\"", text_of(value))),
                }
            }
            Kind::Boolean => match value {
                Json::Bool(flag) => self.number(field, i64::from(*flag)),
                Json::Text(text) if text == "true" => self.number(field, 1),
                Json::Text(text) if text == "false" || text.is_empty() => self.number(field, 0),
                _ => self.refuse_because(
                    field,
                    value,
                    format!("Failed to parse value [{}] as only [true] or [false] are allowed.", text_of(value)),
                ),
            },
            Kind::Date(formats) => match parse_date(value, formats) {
                Some(millis) => self.number(field, millis),
                None => {
                    let why = format!("failed to parse date field [{}] with the formats of the field", text_of(value));
                    self.refuse_because(field, value, why)
                }
            },
            Kind::Ip => match value {
                Json::Text(text) => match ip::parse(text) {
                    Some(address) => {
                        self.out.text(&field.key, term.and(column), &ip::key(address));
                        Ok(())
                    }
                    None => self.refuse_because(field, value, format!("'{text}' is not an IP string literal.")),
                },
                _ => self.refuse(field, value),
            },
            Kind::GeoPoint => {
                if !is_point(value) {
                    return self.refuse(field, value);
                }
                self.out.text(&field.key, Role::TERM, "");
                Ok(())
            }
            Kind::Flattened { .. } => self.refuse(field, value),
        }
    }

    fn number(&mut self, field: &Field, key: i64) -> Result<(), ApiError> {
        self.out.entries.push((field.key.clone(), Role::COLUMN, Piece::Number(key)));
        Ok(())
    }

    fn constant(&mut self, field: &Field, text: &str) -> Result<(), ApiError> {
        match &field.constant {
            Some(constant) if constant == text => Ok(()),
            Some(constant) => self.refuse_because(
                field,
                &Json::Text(text.into()),
                format!(
                    "[constant_keyword] field [{}] only accepts values that are equal to the value defined in the mappings [{constant}], but got [{text}]",
                    field.path
                ),
            ),
            None => {
                let known = Field { constant: Some(text.to_owned()), ..field.clone() };
                Arc::make_mut(&mut self.mapping).add_field(known)
            }
        }
    }

    /// The leaves of a flattened field are terms of their own path and of the root of the field.
    /// A leaf that is too long for a term is kept in the document and not indexed.
    fn flattened(&mut self, field: &Field, path: &str, value: &Json<'_>, depth: usize) -> Result<(), ApiError> {
        match value {
            Json::Null => Ok(()),
            Json::Array(items) => items.iter().try_for_each(|item| self.flattened(field, path, item, depth)),
            Json::Object(_) if depth == 0 => self.refuse_because(
                field,
                value,
                format!("The provided [flattened] field [{}] exceeds the maximum depth limit", field.path),
            ),
            Json::Object(entries) => entries.iter().try_for_each(|(name, value)| {
                if has_control(name) {
                    return self.refuse_because(field, value, "a key holds a control character".to_owned());
                }
                self.flattened(field, &format!("{path}.{name}"), value, depth - 1)
            }),
            leaf => {
                let text = text_of(leaf);
                if field.indexed && !is_too_long(field, &text) && text.len() <= MAX_TERM_BYTES {
                    self.out.text(&field.key, Role::TERM, &text);
                    if *path != *field.path {
                        self.out.text(&index_key(path).into(), Role::TERM, &text);
                    }
                }
                Ok(())
            }
        }
    }

    fn immense(&self, field: &Field, text: &str) -> Result<(), ApiError> {
        // A wildcard field is made for long values: they are kept in the document.
        if field.kind == Kind::Wildcard || self.rules.lenient {
            return Ok(());
        }
        Err(ApiError::illegal(format!(
            "Document contains at least one immense term in field=\"{}\" (whose UTF8 encoding is longer than the max length {MAX_TERM_BYTES}), its length is {}; set ignore_above",
            field.path,
            text.len()
        )))
    }

    fn refuse(&self, field: &Field, value: &Json<'_>) -> Result<(), ApiError> {
        self.refuse_because(
            field,
            value,
            format!("Can't get a value of type [{}] on a {}", field.kind.name(), value.token()),
        )
    }

    fn refuse_because(&self, field: &Field, value: &Json<'_>, why: String) -> Result<(), ApiError> {
        if field.ignore_malformed || self.rules.lenient {
            return Ok(());
        }
        let mut preview = text_of(value).into_owned();
        if let Some((end, _)) = preview.char_indices().nth(100) {
            preview.truncate(end);
        }
        Err(malformed(format!(
            "failed to parse field [{}] of type [{}]. Preview of field's value: '{preview}'",
            field.path,
            field.kind.name()
        ))
        .because("illegal_argument_exception", why))
    }
}

/// A date as documents hold it: text in one of the formats, or a number for the epoch formats.
pub(crate) fn parse_date(value: &Json<'_>, formats: &[DateFormat]) -> Option<i64> {
    match value {
        Json::Text(text) => date::parse(text, formats, Fill::Start),
        Json::Int(_) | Json::Unsigned(_) | Json::Float(_) => date::parse(&text_of(value), formats, Fill::Start),
        _ => None,
    }
}

fn is_too_long(field: &Field, text: &str) -> bool {
    field.ignore_above.is_some_and(|limit| text.len() > limit && text.chars().count() > limit)
}

/// A leaf as text.
pub(crate) fn text_of<'a>(value: &'a Json<'_>) -> std::borrow::Cow<'a, str> {
    match value {
        Json::Text(text) => std::borrow::Cow::Borrowed(text),
        other => std::borrow::Cow::Owned(other.to_text()),
    }
}

/// Whether a value has a form a `geo_point` may have.
fn is_point(value: &Json<'_>) -> bool {
    let number = |value: &Json<'_>| Number::read(value).is_some();
    match value {
        Json::Object(_) => {
            (value.get("lat").is_some_and(number) && value.get("lon").is_some_and(number))
                || (value.get("coordinates").is_some() && value.get("type").is_some())
        }
        Json::Array(items) => {
            matches!(items.len(), 2 | 3) && items.iter().all(|item| !matches!(item, Json::Text(_)) && number(item))
        }
        Json::Text(text) => {
            let pair = text
                .split_once(',')
                .is_some_and(|(lat, lon)| lat.trim().parse::<f64>().is_ok() && lon.trim().parse::<f64>().is_ok());
            let geohash = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            pair || geohash || text.to_ascii_uppercase().starts_with("POINT")
        }
        _ => false,
    }
}
