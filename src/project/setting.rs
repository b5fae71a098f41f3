//! Settings: what a product or an integration wants to be told, and values for them.

use std::net::IpAddr;

use serde_json::Value as Json;

use super::decode::{self, Fields, Report, UnknownKeys};
use super::yaml::{Node, Value};
use crate::mesh::model::{Setting, SettingType, TextFormat};

/// Reads the list of settings at `key`.
pub(super) fn decode_list(fields: &mut Fields<'_>, key: &'static str, report: &mut Report) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for node in fields.items(key, report) {
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
    let mut fields = Fields::of(node, "a setting", report)?;
    let name = fields.required_text("name", report);
    let kind = fields.get("type").and_then(|node| kind(node, report)).unwrap_or_default();
    let items = fields.get("items").and_then(|node| {
        let mut items = Fields::of(node, "`items`", report)?;
        let kind = items.get("type")?;
        self::kind(kind, report)
    });
    let mut setting = Setting {
        name: name?.value,
        kind,
        default: Json::Null,
        description: fields.text("description", report).map(|text| text.value),
        secret: fields.flag("secret", report),
        required: fields.flag("required", report),
        choices: Vec::new(),
        items,
        format: fields.get("format").and_then(|node| format(node, report)),
    };
    setting.choices = choices(&mut fields, &setting, report);
    if let Some(node) = fields.get("default") {
        match value(&setting, node) {
            Ok(default) => setting.default = default,
            Err(wrong) => {
                let found = report.warning(node.at, format!("the default does not fit: {wrong}"));
                found.hint = Some("correct the type or the default".to_owned());
                setting.default = node.to_json();
            }
        }
    }
    fields.tolerate(&["properties", "title"]);
    fields.finish(UnknownKeys::WarnIfClose, report);
    Some(setting)
}

/// The allowed values; for a list, those of its items.
fn choices(fields: &mut Fields<'_>, setting: &Setting, report: &mut Report) -> Vec<Json> {
    let kind = if setting.kind == SettingType::Array { setting.items.unwrap_or_default() } else { setting.kind };
    let mut choices = Vec::new();
    for node in fields.items("choices", report) {
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

fn format(node: &Node, report: &mut Report) -> Option<TextFormat> {
    let said = decode::text(node, "the format of a setting", report)?;
    match said.value.as_str() {
        "address" => Some(TextFormat::Address),
        // JSON Schema has many formats, and lets readers ignore those they do not know.
        _ => None,
    }
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

/// The value of `node` as `setting` wants it.
///
/// # Errors
/// What is wrong with it, naming the setting.
pub fn value(setting: &Setting, node: &Node) -> Result<Json, String> {
    let called = format!("setting `{}`", setting.name);
    let value = typed(setting.kind, node)
        .map_err(|expected| format!("{called} must be {expected}, but is {}", node.describe()))?;
    if let (Some(items), Value::Sequence(nodes)) = (setting.items, &node.value) {
        let typed: Result<Vec<Json>, String> = nodes
            .iter()
            .map(|node| {
                typed(items, node).map_err(|expected| {
                    format!("each item of {called} must be {expected}, but one is {}", node.describe())
                })
            })
            .collect();
        return check_choices(setting, typed?.into());
    }
    check_format(setting, &value)?;
    check_choices(setting, value)
}

fn check_format(setting: &Setting, value: &Json) -> Result<(), String> {
    match (setting.format, value.as_str()) {
        (Some(TextFormat::Address), Some(text)) if text != "localhost" && text.parse::<IpAddr>().is_err() => {
            Err(format!("setting `{}` must be an IP address or `localhost`, but is `{text}`", setting.name))
        }
        _ => Ok(()),
    }
}

fn check_choices(setting: &Setting, value: Json) -> Result<Json, String> {
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
            Err(format!("setting `{}` must be one of {}, but is `{}`", setting.name, all.join(", "), show(odd)))
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
