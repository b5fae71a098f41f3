//! Which fields an event got, lost or changed from one hop to the next. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// What became of a field.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    /// It is new.
    Added(Value),
    /// It has another value: the old one, the new one.
    Changed(Value, Value),
    /// It is gone.
    Lost(Value),
}

impl Change {
    /// As people see it before the field's name.
    pub(super) fn sign(&self) -> char {
        match self {
            Self::Added(_) => '+',
            Self::Changed(..) => '~',
            Self::Lost(_) => '-',
        }
    }
}

/// The fields that differ, by their dotted path.
pub(super) fn between(old: &Value, new: &Value) -> BTreeMap<String, Change> {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    flatten("", old, &mut before);
    flatten("", new, &mut after);
    let mut changes = BTreeMap::new();
    for (path, value) in &before {
        match after.get(path) {
            None => drop(changes.insert(path.clone(), Change::Lost((*value).clone()))),
            Some(now) if now != value => {
                changes.insert(path.clone(), Change::Changed((*value).clone(), (*now).clone()));
            }
            Some(_) => {}
        }
    }
    let added = after.into_iter().filter(|(path, _)| !before.contains_key(path));
    changes.extend(added.map(|(path, value)| (path, Change::Added(value.clone()))));
    changes
}

/// Lists are values: a list that grows has changed.
fn flatten<'a>(path: &str, value: &'a Value, fields: &mut BTreeMap<String, &'a Value>) {
    match value {
        Value::Object(map) if path.is_empty() || !map.is_empty() => {
            for (key, value) in map {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&below, value, fields);
            }
        }
        _ => drop(fields.insert(path.to_owned(), value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_field_that_differs_is_told_once() {
        let old = json!({"message": "x", "event": {"id": "1", "kind": "event"}, "tags": ["a"]});
        let new =
            json!({"message": "x", "event": {"id": "1", "kind": "alert"}, "tags": ["a", "b"], "dns": {"name": "n"}});
        let signs: Vec<String> =
            between(&old, &new).iter().map(|(path, change)| format!("{}{path}", change.sign())).collect();
        assert_eq!(signs, ["+dns.name", "~event.kind", "~tags"]);
        let gone: Vec<String> = between(&new, &old).keys().cloned().collect();
        assert_eq!(gone, ["dns.name", "event.kind", "tags"]);
        assert_eq!(between(&old, &old), BTreeMap::new());
        assert_eq!(between(&json!({}), &json!({"a": {}})).len(), 1);
    }
}
