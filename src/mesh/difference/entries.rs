//! The keys of a document, those of settings, zones and conduits one by one.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::project::yaml;

const SETTINGS: &str = "settings.";
const ZONES: &str = "zones.";
const CONDUITS: &str = ".conduits.";
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

/// Whether it is the key of a zone.
pub(super) fn is_zone(key: &str) -> bool {
    key.starts_with(ZONES) && !key.contains(CONDUITS)
}

/// A key in words.
pub(super) fn words(key: &str) -> String {
    if let Some(setting) = key.strip_prefix(SETTINGS) {
        return format!("setting {setting}");
    }
    let Some(zone) = key.strip_prefix(ZONES) else { return key.to_owned() };
    match zone.split_once(CONDUITS) {
        Some((from, to)) => format!("conduit from {from} to {to}"),
        None => format!("zone {zone}"),
    }
}
