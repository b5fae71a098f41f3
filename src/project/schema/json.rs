//! JSON Schemas made of the tables, for editors.
//!
//! They are of draft 7, which every YAML language server reads. They ask for values as resilmesh
//! writes them: it also reads a number or a flag that stands there as a text.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::kinds::Kind;
use super::{Field, Record, Shape, UnknownKeys};

/// The draft that the schemas are of.
pub(super) const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schema of a kind of document.
pub fn of(kind: Kind) -> Json {
    let mut schemas = Schemas::default();
    let document = schemas.record(kind.record());
    let mut schema = json!({
        "$schema": DRAFT,
        "title": format!("{} ({})", kind.place(), kind.word()),
    });
    add(&mut schema, document);
    if !schemas.definitions.is_empty() {
        add(&mut schema, json!({"definitions": schemas.definitions}));
    }
    schema
}

/// Adds what `more` says to `schema`.
pub(super) fn add(schema: &mut Json, more: Json) {
    if let (Json::Object(schema), Json::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}

/// Schemas of the records that others refer to, by name.
#[derive(Default)]
struct Schemas {
    definitions: BTreeMap<&'static str, Json>,
}

impl Schemas {
    fn record(&mut self, record: &'static Record) -> Json {
        let properties: Map<String, Json> =
            record.fields().map(|field| (field.key.to_owned(), self.field(field))).collect();
        let required: Vec<&str> = record.fields().filter(|field| field.required).map(|field| field.key).collect();
        // Nothing at all counts as an empty map.
        let kind = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
        let mut schema = json!({"description": record.about, "type": kind, "properties": properties});
        if !required.is_empty() {
            add(&mut schema, json!({"required": required}));
        }
        if record.unknown != UnknownKeys::WarnIfClose {
            add(&mut schema, json!({"additionalProperties": false}));
        }
        schema
    }

    fn reference(&mut self, record: &'static Record) -> Json {
        if !self.definitions.contains_key(record.name) {
            // It may refer to itself: its place is taken before it is made.
            self.definitions.insert(record.name, Json::Null);
            let schema = self.record(record);
            self.definitions.insert(record.name, schema);
        }
        json!({"$ref": format!("#/definitions/{}", record.name)})
    }

    fn field(&mut self, field: &'static Field) -> Json {
        let mut shape = self.shape(&field.shape);
        if !field.required {
            shape = or_nothing(shape);
        } else if shape.get("$ref").is_some() {
            // What stands beside `$ref` does not count.
            shape = json!({"allOf": [shape]});
        }
        let mut schema = json!({"description": field.about});
        let default = match field.shape {
            Shape::Flag => Some(json!(false)),
            _ => field.default.map(Json::from),
        };
        if let Some(default) = default {
            add(&mut schema, json!({"default": default}));
        }
        add(&mut schema, shape);
        schema
    }

    fn shape(&mut self, shape: &'static Shape) -> Json {
        match shape {
            Shape::Text => json!({"type": "string"}),
            Shape::Flag => json!({"type": "boolean"}),
            Shape::Whole(from, to) if from == to => json!({"const": from}),
            Shape::Whole(from, to) => json!({"type": "integer", "minimum": from, "maximum": to}),
            Shape::Texts => json!({"type": ["array", "string"], "items": {"type": "string"}}),
            // YAML has the word for nothing without quotes.
            Shape::Word(words) if words.contains(&"null") => or_nothing(json!({"enum": words})),
            Shape::Word(words) => json!({"enum": words}),
            Shape::Map(of) => json!({"type": "object", "additionalProperties": self.item(of)}),
            Shape::List(of) => json!({"type": "array", "items": self.shape(of)}),
            Shape::Record(record) => self.reference(record),
            Shape::Either(shapes) => json!({"anyOf": shapes.iter().map(|shape| self.shape(shape)).collect::<Vec<_>>()}),
            Shape::Any => json!({}),
        }
    }

    /// The value of a map from names: a list that holds nothing need not be written.
    fn item(&mut self, shape: &'static Shape) -> Json {
        let schema = self.shape(shape);
        if matches!(shape, Shape::List(_)) { or_nothing(schema) } else { schema }
    }
}

/// The same, or null: a key without a value counts as missing.
pub(super) fn or_nothing(schema: Json) -> Json {
    let Json::Object(mut schema) = schema else { return schema };
    if schema.contains_key("$ref") {
        return json!({"anyOf": [schema, {"type": "null"}]});
    }
    if let Some(kind) = schema.get_mut("type") {
        let mut kinds = match kind.take() {
            Json::Array(kinds) => kinds,
            one => vec![one],
        };
        kinds.push(json!("null"));
        *kind = Json::Array(kinds);
    }
    for (key, nothing) in [("enum", Json::Null), ("anyOf", json!({"type": "null"}))] {
        if let Some(Json::Array(choices)) = schema.get_mut(key) {
            choices.push(nothing);
        }
    }
    Json::Object(schema)
}
