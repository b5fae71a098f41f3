//! The keys of a document, those of settings, zones, conduits, overlays of a profile and test cases one by one.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::project::yaml;

const SETTINGS: &str = "settings.";
const ZONES: &str = "zones.";
const CONDUITS: &str = ".conduits.";
const INSTANCES: &str = "instances.";
const OF_INSTANCE: &str = ".settings.";
const CASES: &str = "cases.";
/// The description of a zone that has none.
const NOTHING: &str = "-";

/// The values of a document by key; none = no document.
pub(super) fn entries(bytes: Option<&[u8]>) -> Option<BTreeMap<String, Value>> {
    let Some(bytes) = bytes else { return Some(BTreeMap::new()) };
    let node = yaml::parse(std::str::from_utf8(bytes).ok()?, Path::new("")).ok()?;
    let document = match node.to_json() {
        Value::Object(entries) => entries,
        Value::Null => Map::new(),
        _ => return None,
    };
    let mut entries = BTreeMap::new();
    for (key, value) in document {
        match value {
            Value::Object(settings) if key == "settings" => {
                entries.extend(settings.into_iter().map(|(key, value)| (format!("{SETTINGS}{key}"), value)));
            }
            Value::Object(zones) if key == "zones" => zones.into_iter().for_each(|(name, of)| {
                zone(&name, of, &mut entries);
            }),
            Value::Object(instances) if key == "instances" => {
                instances.into_iter().for_each(|(name, over)| overlay(&name, over, &mut entries));
            }
            Value::Array(cases) if key == "cases" => cases.into_iter().for_each(|own| case(own, &mut entries)),
            Value::Null => {}
            value => {
                entries.insert(key, value);
            }
        }
    }
    Some(entries)
}

/// A zone has its description for a value, so that one with nothing in it is told as well.
fn zone(name: &str, of: Value, entries: &mut BTreeMap<String, Value>) {
    let Value::Object(mut keys) = of else {
        entries.insert(format!("{ZONES}{name}"), if of.is_null() { Value::from(NOTHING) } else { of });
        return;
    };
    if let Some(Value::Object(conduits)) = keys.remove("conduits") {
        entries.extend(conduits.into_iter().map(|(to, topics)| (format!("{ZONES}{name}{CONDUITS}{to}"), topics)));
    }
    entries.insert(format!("{ZONES}{name}"), keys.remove("description").unwrap_or_else(|| NOTHING.into()));
}

/// What a profile says of an instance: each setting by itself.
fn overlay(name: &str, over: Value, entries: &mut BTreeMap<String, Value>) {
    let Value::Object(mut keys) = over else {
        entries.insert(format!("{INSTANCES}{name}"), over);
        return;
    };
    if let Some(Value::Object(settings)) = keys.remove("settings") {
        let of_instance = |key: String| format!("{INSTANCES}{name}{OF_INSTANCE}{key}");
        entries.extend(settings.into_iter().map(|(key, value)| (of_instance(key), value)));
    }
    entries.extend(keys.into_iter().map(|(key, value)| (format!("{INSTANCES}{name}.{key}"), value)));
}

/// A test case by its name; several of one name are counted.
fn case(case: Value, entries: &mut BTreeMap<String, Value>) {
    let name = case.get("name").and_then(Value::as_str).unwrap_or("without a name").to_owned();
    let numbered = (2..).map(|number| format!("{CASES}{name} ({number})"));
    let key = std::iter::once(format!("{CASES}{name}")).chain(numbered).find(|key| !entries.contains_key(key));
    entries.extend(key.map(|key| (key, case)));
}

/// Whether it is the key of something that comes and goes as a whole.
pub(super) fn is_thing(key: &str) -> bool {
    key.starts_with(ZONES) && !key.contains(CONDUITS) || is_case(key)
}

/// Whether it is the key of a test case, whose value is too long to be told.
pub(super) fn is_case(key: &str) -> bool {
    key.starts_with(CASES)
}

/// A key in words.
pub(super) fn words(key: &str) -> String {
    if let Some(setting) = key.strip_prefix(SETTINGS) {
        return format!("setting {setting}");
    }
    if let Some(name) = key.strip_prefix(CASES) {
        return format!("case {name}");
    }
    if let Some(place) = key.strip_prefix(INSTANCES) {
        return match (place.split_once(OF_INSTANCE), place.rsplit_once('.')) {
            (Some((instance, setting)), _) => format!("setting {setting} of {instance}"),
            (None, Some((instance, key))) => format!("{key} of {instance}"),
            (None, None) => format!("instance {place}"),
        };
    }
    let Some(zone) = key.strip_prefix(ZONES) else { return key.to_owned() };
    match zone.split_once(CONDUITS) {
        Some((from, to)) => format!("conduit from {from} to {to}"),
        None => format!("zone {zone}"),
    }
}
