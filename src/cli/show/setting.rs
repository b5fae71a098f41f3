//! Settings as `show` prints them.

use serde_json::{Value, json};

use super::say;
use crate::cli::Context;
use crate::mesh::model::{Setting, SettingType};
use crate::project::setting::show;

/// The settings as data.
pub(super) fn data(settings: &[Setting]) -> Vec<Value> {
    settings.iter().map(one).collect()
}

fn one(own: &Setting) -> Value {
    json!({
        "name": own.name, "title": own.title, "description": own.description, "type": own.kind,
        "default": own.default, "choices": own.choices, "secret": own.secret, "required": own.required,
        "items": own.items.as_deref().map(one), "properties": data(&own.properties),
    })
}

/// The settings for people, a line each.
pub(super) fn lines(cx: &Context, settings: &[Setting]) {
    if settings.is_empty() {
        return;
    }
    say(cx, "  settings:");
    for own in settings {
        line(cx, own, 4);
    }
}

fn line(cx: &Context, own: &Setting, indent: usize) {
    let mut words = vec![kind(own)];
    words.extend(own.secret.then(|| "secret".to_owned()));
    words.extend(own.required.then(|| "required".to_owned()));
    if !own.default.is_null() {
        words.push(format!("default {}", show(&own.default)));
    }
    if !own.choices.is_empty() {
        words.push(format!("one of {}", own.choices.iter().map(show).collect::<Vec<_>>().join(", ")));
    }
    words.extend(own.bounds.words());
    let about = own.description.as_deref().map(|about| format!(": {about}")).unwrap_or_default();
    say(cx, &format!("{}{} ({}){about}", " ".repeat(indent), own.name, words.join(", ")));
    for inner in own.properties.iter().chain(own.items.iter().flat_map(|items| &items.properties)) {
        line(cx, inner, indent + 2);
    }
}

fn kind(own: &Setting) -> String {
    let word = |kind: SettingType| match kind {
        SettingType::String => "text",
        SettingType::Integer => "whole number",
        SettingType::Float => "number",
        SettingType::Boolean => "yes or no",
        SettingType::Array => "list",
        SettingType::Object => "map",
    };
    match &own.items {
        Some(items) if own.kind == SettingType::Array => format!("list, each a {}", word(items.kind)),
        _ => word(own.kind).to_owned(),
    }
}
