//! Settings: what a product or an integration wants to be told, and values for them.

use serde_json::{Map, Value as Json};

use super::decode::{self, Fields, Report};
use super::position::Mark;
use super::schema::tables::{PROPERTY, SETTING, SETTINGS};
use super::yaml::{Key, Node, Value};
use crate::mesh::model::{Setting, SettingType};

mod bounds;

/// What JSON Schema builds schemas of other schemas with.
const NOT_UNDERSTOOD: [&str; 4] = ["$ref", "allOf", "anyOf", "oneOf"];

/// Reads the settings at `key`: a list of them, or a map as JSON Schema has it.
pub(super) fn decode_list(fields: &mut Fields<'_>, key: &'static str, report: &mut Report) -> Vec<Setting> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    match &node.value {
        Value::Mapping(_) => {
            let Some(mut schema) = Fields::of(node, fields.called(key), &SETTINGS, report) else { return Vec::new() };
            let mut all = Setting::new(key);
            all.kind = SettingType::Object;
            describe(&mut schema, &mut all, report);
            schema.finish(report);
            all.properties
        }
        _ => settings(decode::list(node, &fields.called(key), report), report),
    }
}

fn settings(nodes: &[Node], report: &mut Report) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for node in nodes {
        let Some(setting) = decode_one(node, report) else { continue };
        if settings.iter().any(|other| other.name == setting.name) {
            report.error(node.at, format!("setting `{}` is declared twice", setting.name));
        } else {
            settings.push(setting);
        }
    }
    settings
}

fn decode_one(node: &Node, report: &mut Report) -> Option<Setting> {
    let mut fields = Fields::of(node, "a setting", &SETTING, report)?;
    let name = fields.text("name", report);
    let mut setting = Setting::new(name?.value);
    setting.at = Some(node.at);
    describe(&mut fields, &mut setting, report);
    no_secrets_inside(&setting, fields.at, report);
    fields.finish(report);
    Some(setting)
}

/// Reads everything about a setting but its name.
fn describe(fields: &mut Fields<'_>, setting: &mut Setting, report: &mut Report) {
    if let Some(items) = fields.get("items") {
        setting.kind = SettingType::Array;
        setting.items = item(items, &setting.name, report).map(Box::new);
    }
    if let Some(node) = fields.get("properties") {
        setting.kind = SettingType::Object;
        setting.properties = properties(node, report);
    }
    if let Some(kind) = fields.get("type").and_then(|node| kind(node, report)) {
        setting.kind = kind;
    }
    setting.description = fields.text("description", report).map(|text| text.value);
    setting.title = fields.text("title", report).map(|text| text.value);
    setting.secret = fields.flag("secret", report);
    // As JSON Schema says that a value is given and never shown.
    setting.secret |= fields.flag("writeOnly", report);
    required(fields, setting, report);
    bounds::decode(fields, setting, report);
    setting.choices = choices(fields, setting, report);
    if let Some(node) = fields.get("default") {
        match value(setting, node) {
            Ok(default) => setting.default = default,
            Err(wrong) => {
                let found = report.warning(node.at, format!("the default does not fit: {wrong}"));
                found.hint = Some("correct the type or the default".to_owned());
                setting.default = node.to_json();
            }
        }
    }
    for key in NOT_UNDERSTOOD {
        if let Some(node) = fields.get(key) {
            let message = format!("`{key}` of setting `{}` is not understood, and left out of account", setting.name);
            report.warning(node.at, message).hint = Some("write out what the setting is".to_owned());
        }
    }
}

/// Warns of entries of a map that say that they are secret.
fn no_secrets_inside(setting: &Setting, at: Mark, report: &mut Report) {
    for inner in setting.properties.iter().filter(|inner| inner.secret) {
        let (name, inner) = (&setting.name, &inner.name);
        let message = format!("secret `{inner}` lies in setting `{name}`, and only settings themselves can be secret");
        report.warning(at, message).hint = Some(format!("make `{inner}` a setting of its own"));
    }
}

/// What an item is: a type alone, all that a setting says, or, as Meshroom writes them, the entries of a
/// map.
fn item(node: &Node, name: &str, report: &mut Report) -> Option<Setting> {
    let mut setting = Setting::new(name);
    if let Value::Text { .. } = node.value {
        setting.kind = kind(node, report)?;
        return Some(setting);
    }
    if let Value::Sequence(nodes) = &node.value {
        setting.kind = SettingType::Object;
        setting.properties = settings(nodes, report);
        no_secrets_inside(&setting, node.at, report);
        // Meshroom writes an empty list where nothing is said.
        return (!nodes.is_empty()).then_some(setting);
    }
    let mut fields = Fields::of(node, "`items`", &PROPERTY, report)?;
    fields.ignore(&["name"]);
    describe(&mut fields, &mut setting, report);
    no_secrets_inside(&setting, fields.at, report);
    fields.finish(report);
    Some(setting)
}

/// The entries of a map: a list of settings, or their names with what each is.
fn properties(node: &Node, report: &mut Report) -> Vec<Setting> {
    let Value::Mapping(entries) = &node.value else {
        return settings(decode::list(node, "`properties` of a setting", report), report);
    };
    let mut found = Vec::new();
    for (key, node) in entries {
        let Some(mut fields) = Fields::of(node, format!("property `{}`", key.text), &PROPERTY, report) else {
            continue;
        };
        let mut setting = Setting::new(key.text.clone());
        setting.at = Some(key.at);
        fields.ignore(&["name"]);
        describe(&mut fields, &mut setting, report);
        no_secrets_inside(&setting, fields.at, report);
        fields.finish(report);
        found.push(setting);
    }
    found
}

/// `required`: whether the setting is, or, as in JSON Schema, which of its properties are.
fn required(fields: &mut Fields<'_>, setting: &mut Setting, report: &mut Report) {
    let Some(node) = fields.get("required") else { return };
    if let Value::Sequence(names) = &node.value {
        let names: Vec<_> =
            names.iter().filter_map(|name| decode::text(name, "each item of `required`", report)).collect();
        for property in &mut setting.properties {
            property.required |= names.iter().any(|name| name.value == property.name);
        }
        return;
    }
    setting.required = fields.flag("required", report);
    setting.optional = !setting.required;
}

/// The allowed values, which JSON Schema calls `enum`; for a list, those of its items.
fn choices(fields: &mut Fields<'_>, setting: &Setting, report: &mut Report) -> Vec<Json> {
    let kind = match (setting.kind, &setting.items) {
        (SettingType::Array, items) => items.as_ref().map_or(SettingType::String, |items| items.kind),
        (kind, _) => kind,
    };
    let mut choices = Vec::new();
    let nodes = [fields.items("choices", report), fields.items("enum", report)].concat();
    for node in nodes.iter().filter(|node| node.value != Value::Null) {
        match typed(kind, node) {
            Ok(choice) => choices.push(choice),
            Err(expected) => {
                let is = node.describe();
                report
                    .error(node.at, format!("a choice of setting `{}` must be {expected}, but is {is}", setting.name));
            }
        }
    }
    choices
}

/// A type, or the first of a list of types that is not `null`.
fn kind(node: &Node, report: &mut Report) -> Option<SettingType> {
    let node = match &node.value {
        Value::Sequence(items) => items.iter().find(|item| !is_null_type(item))?,
        _ => node,
    };
    let said = decode::text(node, "the type of a setting", report)?;
    let kind = match said.value.as_str() {
        "string" => SettingType::String,
        "integer" => SettingType::Integer,
        "float" | "number" => SettingType::Float,
        "boolean" => SettingType::Boolean,
        "array" => SettingType::Array,
        "object" => SettingType::Object,
        other => {
            report.error(said.at, format!("type `{other}` is unknown")).hint =
                super::names::suggest(other, ["string", "integer", "float", "boolean", "array", "object"]);
            return None;
        }
    };
    Some(kind)
}

fn is_null_type(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Text { text, .. } => text == "null",
        _ => false,
    }
}

/// The value of `node` as `setting` wants it; what a map does not say of its entries is filled in.
///
/// # Errors
/// What is wrong with it, naming the setting.
pub fn value(setting: &Setting, node: &Node) -> Result<Json, String> {
    value_at(setting, &setting.name, node)
}

/// The value of `node`, which is called `path` in messages: `tls.versions`.
fn value_at(setting: &Setting, path: &str, node: &Node) -> Result<Json, String> {
    let value = typed(setting.kind, node)
        .map_err(|expected| format!("setting `{path}` must be {expected}, but is {}", node.describe()))?;
    let value = match (&node.value, &setting.items) {
        (Value::Sequence(nodes), Some(items)) => {
            let each = nodes.iter().enumerate().map(|(at, node)| item_at(items, path, at, node));
            each.collect::<Result<Vec<Json>, String>>()?.into()
        }
        (Value::Mapping(entries), _) if setting.kind == SettingType::Object => {
            entries_at(&setting.properties, path, entries)?
        }
        _ => value,
    };
    if let Some(shall) = setting.bounds.refuse(&value) {
        return Err(format!("setting `{path}` must be {shall}, but is `{}`", show(&value)));
    }
    check_choices(setting, path, value)
}

fn item_at(items: &Setting, path: &str, at: usize, node: &Node) -> Result<Json, String> {
    typed(items.kind, node).map_err(|expected| {
        format!("each item of setting `{path}` must be {expected}, but one is {}", node.describe())
    })?;
    value_at(items, &format!("{path}[{at}]"), node)
}

fn entries_at(properties: &[Setting], path: &str, entries: &[(Key, Node)]) -> Result<Json, String> {
    let mut values = Map::new();
    for (key, node) in entries {
        let path = format!("{path}.{}", key.text);
        match properties.iter().find(|own| own.name == key.text) {
            Some(_) if node.value == Value::Null => {}
            Some(own) if own.secret => {
                return Err(format!("setting `{path}` is secret and must not stand in the project"));
            }
            Some(own) => drop(values.insert(key.text.clone(), value_at(own, &path, node)?)),
            None => drop(values.insert(key.text.clone(), node.to_json())),
        }
    }
    for own in properties.iter().filter(|own| !own.secret) {
        if values.contains_key(&own.name) {
            continue;
        }
        if !own.default.is_null() {
            values.insert(own.name.clone(), own.default.clone());
        } else if own.required {
            return Err(format!("setting `{path}` lacks `{}`", own.name));
        }
    }
    Ok(Json::Object(values))
}

fn check_choices(setting: &Setting, path: &str, value: Json) -> Result<Json, String> {
    if setting.choices.is_empty() {
        return Ok(value);
    }
    let each = match &value {
        Json::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    };
    match each.iter().find(|one| !setting.choices.contains(one)) {
        None => Ok(value),
        Some(odd) => {
            let all: Vec<String> = setting.choices.iter().map(|choice| format!("`{}`", show(choice))).collect();
            Err(format!("setting `{path}` must be one of {}, but is `{}`", all.join(", "), show(odd)))
        }
    }
}

/// A value as people write it: text without quotes.
pub fn show(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The value of `node` as `kind`; numbers and booleans may be written as text, as Meshroom writes
/// all that comes from its command line.
fn typed(kind: SettingType, node: &Node) -> Result<Json, &'static str> {
    let text = match &node.value {
        Value::Text { text, .. } => Some(text.as_str()),
        _ => None,
    };
    match kind {
        SettingType::String => text.map(Json::from).ok_or("a text (put it in quotes)"),
        SettingType::Integer => match node.value {
            Value::Integer(value) => Some(Json::from(value)),
            _ => text.and_then(|text| text.trim().parse::<i64>().ok()).map(Json::from),
        }
        .ok_or("a whole number"),
        SettingType::Float => match node.value {
            Value::Integer(_) | Value::Float(_) => Some(node.to_json()),
            _ => text.and_then(|text| text.trim().parse::<f64>().ok()).map(Json::from),
        }
        .filter(|value| !value.is_null())
        .ok_or("a number"),
        SettingType::Boolean => decode::boolean(node)
            .or_else(|| text.and_then(|text| text.trim().to_ascii_lowercase().parse().ok()))
            .map(Json::from)
            .ok_or("true or false"),
        SettingType::Array => match &node.value {
            Value::Sequence(_) => Ok(node.to_json()),
            _ => Err("a list"),
        },
        SettingType::Object => match &node.value {
            Value::Mapping(_) => Ok(node.to_json()),
            _ => Err("a map"),
        },
    }
}

#[cfg(test)]
mod tests;
