//! JSON Schemas of the settings that a product declares, as part of the schema of its instances.

use serde_json::{Map, Value as Json, json};

use super::json::{self, add, or_nothing};
use super::kinds::Kind;
use crate::mesh::model::{Bounds, Pattern, Product, Setting, SettingType, TextFormat};

/// The schema of instances of a product: that of all instances, and which settings there are.
pub fn of_instances(product: &Product) -> Json {
    let mut schema = json::of(Kind::Instance);
    schema["title"] = format!("instances/{}/<instance>/config.yaml (instance)", product.name).into();
    let settings = &mut schema["properties"]["settings"];
    settings["properties"] =
        product.settings.iter().map(|own| (own.name.clone(), top(own))).collect::<Map<_, _>>().into();
    settings["additionalProperties"] = false.into();
    schema
}

fn top(setting: &Setting) -> Json {
    if !setting.secret {
        return or_nothing(schema(setting));
    }
    let about = setting.description.as_deref().map(|about| format!("{about}. ")).unwrap_or_default();
    let name = &setting.name;
    // Completion must not offer it, and whoever writes it is to be told.
    json!({
        "description": format!("{about}A secret: it is kept in the vault, by `resilmesh configure INSTANCE -s {name}`."),
        "not": {},
        "doNotSuggest": true,
    })
}

fn schema(setting: &Setting) -> Json {
    let mut schema = json!({});
    let texts = [("title", &setting.title), ("description", &setting.description)];
    for (key, text) in texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?))) {
        add(&mut schema, json!({ key: text }));
    }
    if !setting.default.is_null() {
        add(&mut schema, json!({"default": setting.default}));
    }
    let kind = match setting.kind {
        SettingType::String => "string",
        SettingType::Integer => "integer",
        SettingType::Float => "number",
        SettingType::Boolean => "boolean",
        SettingType::Array => "array",
        SettingType::Object => "object",
    };
    add(&mut schema, json!({"type": kind}));
    bounds(&mut schema, &setting.bounds);
    match setting.kind {
        SettingType::Array => {
            let mut items = setting.items.as_deref().map_or_else(|| json!({}), self::schema);
            if !setting.choices.is_empty() {
                add(&mut items, json!({"enum": setting.choices}));
            }
            add(&mut schema, json!({"items": items}));
        }
        _ if setting.choices.is_empty() => {}
        _ => add(&mut schema, json!({"enum": setting.choices})),
    }
    if setting.kind == SettingType::Object {
        let properties: Map<String, Json> = setting.properties.iter().map(|own| (own.name.clone(), top(own))).collect();
        let lacking = |own: &&Setting| own.required && !own.secret && own.default.is_null();
        let required: Vec<&str> = setting.properties.iter().filter(lacking).map(|own| own.name.as_str()).collect();
        add(&mut schema, json!({"properties": properties, "required": required}));
    }
    schema
}

fn bounds(schema: &mut Json, bounds: &Bounds) {
    if bounds.format == Some(TextFormat::Address) {
        add(schema, json!({"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}, {"const": "localhost"}]}));
    }
    let of_format = bounds.format.and_then(TextFormat::pattern);
    if let Some(pattern) = bounds.pattern.as_ref().map(Pattern::text).or(of_format) {
        // Editors say what the pattern means in place of showing it.
        add(
            schema,
            json!({"pattern": pattern, "patternErrorMessage": bounds.words().map(|shall| format!("must be {shall}"))}),
        );
    }
    let ends = [("minimum", bounds.minimum), ("maximum", bounds.maximum)];
    for (key, end) in ends.into_iter().filter_map(|(key, end)| Some((key, end?))) {
        add(schema, json!({ key: whole(end) }));
    }
    if let Some(example) = &bounds.example {
        add(schema, json!({"examples": [example]}));
    }
}

/// A number as people write it: `5`, not `5.0`.
fn whole(number: f64) -> Json {
    let shown = format!("{number}");
    shown.parse::<i64>().map_or_else(|_| number.into(), Json::from)
}
