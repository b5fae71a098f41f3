//! The mapping of an index: which fields there are, and how their values are indexed.
//!
//! | module | what it holds |
//! |---|---|
//! | [`field`] | one field: type and parameters |
//! | [`dynamic`] | what becomes of fields that are not mapped |
//! | [`document`] | a document taken apart into what is indexed |
//! | [`date`], [`ip`], [`number`] | how values of these types are read |

pub(crate) mod date;
pub(crate) mod document;
pub(crate) mod dynamic;
pub(crate) mod field;
pub(crate) mod ip;
pub(crate) mod number;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::date::DateFormat;
use self::dynamic::{Dynamic, Template};
pub(crate) use self::field::{Field, Kind};
use crate::error::ApiError;

/// Formats that make an unmapped text a date.
const DETECTED_DATES: [DateFormat; 2] = [DateFormat::Iso, DateFormat::Slashes];

/// An object in a mapping.
#[derive(Debug, Clone, Default)]
struct ObjectOptions {
    dynamic: Option<Dynamic>,
    disabled: bool,
    /// Parameters other than `properties`, as given.
    definition: Map<String, Value>,
}

/// The mapping of an index. Cheap to clone compared with what it describes: fields are shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapping {
    fields: HashMap<Arc<str>, Arc<Field>>,
    objects: BTreeMap<String, ObjectOptions>,
    templates: Vec<Template>,
    date_detection: Option<bool>,
    numeric_detection: bool,
    /// Top-level parameters other than `properties`, as given.
    root: Map<String, Value>,
}

fn refused(reason: impl Into<String>) -> ApiError {
    ApiError::new(400, "mapper_parsing_exception", reason)
}

impl Mapping {
    /// Reads a mapping: an object with `properties` and the parameters of the root.
    pub(crate) fn parse(definition: &Value) -> Result<Self, ApiError> {
        let mut mapping = Self::default();
        mapping.merge(definition)?;
        Ok(mapping)
    }

    /// Adds what a definition says. On an error the mapping may be half changed: merge into a copy.
    pub(crate) fn merge(&mut self, definition: &Value) -> Result<(), ApiError> {
        let definition = match definition {
            Value::Null => return Ok(()),
            Value::Object(definition) => definition,
            other => return Err(refused(format!("Failed to parse mapping: expected an object, got [{other}]"))),
        };
        for (key, value) in definition {
            match key.as_str() {
                "properties" => self.merge_properties("", value)?,
                "dynamic" => self.objects.entry(String::new()).or_default().dynamic = Some(Dynamic::parse(value)?),
                "dynamic_templates" => self.templates = Template::parse_all(value)?,
                "date_detection" => self.date_detection = value.as_bool(),
                "numeric_detection" => self.numeric_detection = value.as_bool().unwrap_or_default(),
                "_meta" => {}
                "_source"
                    if value.get("enabled").is_none_or(|enabled| enabled == true)
                        && value.as_object().is_some_and(|o| o.len() <= 1) => {}
                other => return Err(ApiError::unsupported(format_args!("mapping parameter [{other}]"))),
            }
            if key != "properties" {
                self.root.insert(key.clone(), value.clone());
            }
        }
        Ok(())
    }

    fn merge_properties(&mut self, parent: &str, properties: &Value) -> Result<(), ApiError> {
        let properties = properties
            .as_object()
            .ok_or_else(|| refused(format!("Failed to parse mapping: [properties] of [{parent}] must be an object")))?;
        for (name, definition) in properties {
            if name.is_empty() || name.starts_with('.') || name.ends_with('.') || has_control(name) {
                return Err(refused(format!("Failed to parse mapping: [{name}] is no name for a field")));
            }
            let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
            let definition = definition.as_object().ok_or_else(|| {
                refused(format!("Failed to parse mapping: the definition of [{path}] must be an object"))
            })?;
            match definition.get("type").and_then(Value::as_str) {
                Some("object") => self.merge_object(&path, definition)?,
                None if definition.contains_key("properties") || !definition.contains_key("type") => {
                    self.merge_object(&path, definition)?;
                }
                Some("nested") => return Err(ApiError::unsupported(format_args!("type [nested] of field [{path}]"))),
                _ => self.merge_field(&path, definition)?,
            }
        }
        Ok(())
    }

    fn merge_object(&mut self, path: &str, definition: &Map<String, Value>) -> Result<(), ApiError> {
        if let Some(field) = self.fields.get(path) {
            return Err(ApiError::illegal(format!(
                "can't merge a non object mapping [{path}] of type [{}] with an object mapping",
                field.kind.name()
            )));
        }
        self.add_parents(path)?;
        let options = self.objects.entry(path.to_owned()).or_default();
        for (key, value) in definition {
            match key.as_str() {
                "properties" | "type" => continue,
                "dynamic" => options.dynamic = Some(Dynamic::parse(value)?),
                "enabled" => options.disabled = value == false,
                other => return Err(ApiError::unsupported(format_args!("parameter [{other}] of object [{path}]"))),
            }
            options.definition.insert(key.clone(), value.clone());
        }
        definition.get("properties").map_or(Ok(()), |properties| self.merge_properties(path, properties))
    }

    fn merge_field(&mut self, path: &str, definition: &Map<String, Value>) -> Result<(), ApiError> {
        let mut field = Field::parse(path, definition)?;
        if let Some(fields) = definition.get("fields") {
            let fields =
                fields.as_object().ok_or_else(|| refused(format!("[fields] of [{path}] must be an object")))?;
            for (name, definition) in fields {
                let definition = definition
                    .as_object()
                    .filter(|definition| !definition.contains_key("fields") && !definition.contains_key("properties"))
                    .ok_or_else(|| refused(format!("multi-field [{path}.{name}] must be a plain field")))?;
                field.multi.push(Arc::new(Field::parse(&format!("{path}.{name}"), definition)?));
            }
        }
        self.add_field(field)
    }

    /// Adds a field, or updates it.
    fn add_field(&mut self, field: Field) -> Result<(), ApiError> {
        if self.objects.contains_key(&*field.path) {
            return Err(ApiError::illegal(format!(
                "can't merge an object mapping [{}] with a non object mapping",
                field.path
            )));
        }
        self.add_parents(&field.path)?;
        let field = match self.fields.get(&field.path) {
            Some(old) => old.update(field)?,
            None => field,
        };
        for multi in &field.multi {
            self.fields.insert(multi.path.clone(), multi.clone());
        }
        self.fields.insert(field.path.clone(), Arc::new(field));
        Ok(())
    }

    fn add_parents(&mut self, path: &str) -> Result<(), ApiError> {
        for (end, _) in path.match_indices('.') {
            let parent = &path[..end];
            if let Some(field) = self.fields.get(parent) {
                return Err(ApiError::illegal(format!(
                    "can't merge a non object mapping [{parent}] of type [{}] with an object mapping",
                    field.kind.name()
                )));
            }
            if !self.objects.contains_key(parent) {
                self.objects.insert(parent.to_owned(), ObjectOptions::default());
            }
        }
        Ok(())
    }

    /// Maps a field that a document brought.
    pub(crate) fn add_dynamic(&mut self, path: &str, type_name: &str) -> Result<(), ApiError> {
        let definition = self
            .templates
            .iter()
            .find_map(|template| template.definition(path, type_name))
            .unwrap_or_else(|| dynamic::default_definition(type_name));
        self.merge_field(path, &definition)
    }

    /// The formats in which an unmapped text is recognised as a date, if it is to be.
    pub(crate) fn detected_dates(&self) -> Option<&'static [DateFormat]> {
        self.date_detection.unwrap_or(true).then_some(&DETECTED_DATES)
    }

    pub(crate) fn detects_numbers(&self) -> bool {
        self.numeric_detection
    }

    /// The field of a path, multi-fields included.
    pub(crate) fn field(&self, path: &str) -> Option<&Arc<Field>> {
        self.fields.get(path)
    }

    /// A key inside of a flattened field: the field, and the path of the key within.
    pub(crate) fn flattened_parent(&self, path: &str) -> Option<&Arc<Field>> {
        path.match_indices('.')
            .filter_map(|(end, _)| self.fields.get(&path[..end]))
            .find(|field| matches!(field.kind, Kind::Flattened { .. }))
    }

    pub(crate) fn is_object(&self, path: &str) -> bool {
        self.objects.contains_key(path)
    }

    /// Whether everything below an object is kept in the document only.
    pub(crate) fn is_disabled(&self, path: &str) -> bool {
        self.objects.get(path).is_some_and(|options| options.disabled)
    }

    /// What to do with an unmapped field of that path.
    pub(crate) fn dynamic_at(&self, path: &str) -> Dynamic {
        let mut parent = path;
        while let Some((up, _)) = parent.rsplit_once('.') {
            if let Some(dynamic) = self.objects.get(up).and_then(|options| options.dynamic) {
                return dynamic;
            }
            parent = up;
        }
        self.objects.get("").and_then(|options| options.dynamic).unwrap_or(Dynamic::True)
    }

    /// All fields, multi-fields included, in no order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Arc<Field>> {
        self.fields.values()
    }

    /// Fields and objects, counted as `index.mapping.total_fields.limit` counts them.
    pub(crate) fn total_fields(&self) -> usize {
        self.fields.len() + self.objects.len()
    }

    /// The mapping as `GET _mapping` shows it.
    pub(crate) fn to_json(&self) -> Value {
        let mut root = json!({});
        let multi: std::collections::HashSet<&Arc<str>> =
            self.fields.values().flat_map(|field| field.multi.iter().map(|multi| &multi.path)).collect();
        for (path, options) in &self.objects {
            if path.is_empty() {
                continue;
            }
            let place = place_of(&mut root, path);
            for (key, value) in &options.definition {
                place[key] = value.clone();
            }
            let empty = !self.fields.keys().any(|field| field.starts_with(&format!("{path}.")));
            if empty {
                place["type"] = json!("object");
            }
        }
        let mut fields: Vec<&Arc<Field>> = self.fields.values().filter(|field| !multi.contains(&field.path)).collect();
        fields.sort_by(|a, b| a.path.cmp(&b.path));
        for field in fields {
            *place_of(&mut root, &field.path) = field.to_json();
        }
        for (key, value) in &self.root {
            root[key] = if key == "dynamic" {
                Dynamic::parse(value).map_or(Value::Null, Dynamic::to_json)
            } else {
                value.clone()
            };
        }
        root
    }
}

/// Whether a name holds characters that the index uses as separators.
pub(crate) fn has_control(name: &str) -> bool {
    name.bytes().any(|byte| byte <= 2)
}

/// A path as the index holds it: there a backslash would escape the dot behind it.
pub(crate) fn index_key(path: &str) -> Cow<'_, str> {
    if path.contains('\\') { Cow::Owned(path.replace('\\', "\u{2}")) } else { Cow::Borrowed(path) }
}

fn place_of<'a>(root: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(root, |at, name| {
        if at.get("properties").is_none() {
            at["properties"] = json!({});
        }
        &mut at["properties"][name]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_comes_back_as_it_was_given() {
        let given = json!({
            "dynamic": "strict",
            "_meta": {"version": 1},
            "properties": {
                "@timestamp": {"type": "date"},
                "host": {"properties": {"name": {"type": "keyword", "ignore_above": 1024, "fields": {"text": {"type": "match_only_text"}}}}},
                "labels": {"type": "object", "dynamic": "true"},
                "silent_push": {"type": "flattened"}
            }
        });
        let mut expected = given.clone();
        let mapping = Mapping::parse(&given).expect("mapping");
        assert_eq!(mapping.to_json(), expected);
        assert_eq!(mapping.field("host.name.text").expect("multi-field").kind, Kind::Text { scored: false });
        assert_eq!(mapping.dynamic_at("host.x"), Dynamic::Strict);
        assert_eq!(mapping.dynamic_at("labels.x"), Dynamic::True);
        let mut copy = mapping.clone();
        copy.merge(&json!({"properties": {"host.ip": {"type": "ip"}}})).expect("dotted names are paths");
        expected["properties"]["host"]["properties"]["ip"] = json!({"type": "ip"});
        assert_eq!(copy.to_json(), expected);
    }

    #[test]
    fn types_do_not_change() {
        let mapping = Mapping::parse(
            &json!({"properties": {"a": {"type": "keyword"}, "o": {"properties": {"x": {"type": "long"}}}}}),
        )
        .expect("mapping");
        for (change, expected) in [
            (json!({"a": {"type": "long"}}), "cannot be changed from type [keyword] to [long]"),
            (json!({"a": {"type": "keyword", "index": false}}), "Cannot update parameter [index]"),
            (json!({"a": {"properties": {"b": {"type": "long"}}}}), "non object mapping [a]"),
            (json!({"a.b": {"type": "long"}}), "non object mapping [a]"),
            (json!({"o": {"type": "long"}}), "object mapping [o]"),
        ] {
            let error = mapping.clone().merge(&json!({"properties": change})).expect_err("conflict");
            assert!(error.reason.contains(expected), "{error}");
            assert_eq!(error.status, 400);
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        for (definition, named) in [
            (json!({"properties": {"a": {"type": "nested"}}}), "[nested]"),
            (json!({"properties": {"a": {"type": "dense_vector"}}}), "[dense_vector]"),
            (json!({"properties": {"a": {"type": "text", "analyzer": "english"}}}), "[analyzer]"),
            (json!({"properties": {"a": {"type": "keyword", "copy_to": "b"}}}), "[copy_to]"),
            (json!({"runtime": {}}), "[runtime]"),
            (json!({"_source": {"enabled": false}}), "[_source]"),
        ] {
            let error = Mapping::parse(&definition).expect_err("unsupported");
            assert!(error.reason.contains(named) && error.status == 400, "{error}");
        }
    }
}
