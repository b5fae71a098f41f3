//! Where a source puts what it knows of an event's origin.

use serde::{Deserialize, Deserializer};
use vrl::path::{OwnedValuePath, parse_value_path};
use vrl::value::Value;

/// The path of a field, as configured by an option such as `host_key`; an empty text = nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldKey(Option<OwnedValuePath>);

impl FieldKey {
    /// The field at `path`; nowhere if that is no path.
    pub fn at(path: &str) -> Self {
        Self(parse_value_path(path).ok())
    }

    /// Puts `value` there if the record has nothing there.
    pub fn fill(&self, record: &mut Value, value: impl Into<Value>) {
        if let Some(path) = &self.0
            && record.get(path).is_none()
        {
            record.insert(path, value);
        }
    }

    /// Puts `value` there, whatever was there.
    pub fn set(&self, record: &mut Value, value: impl Into<Value>) {
        if let Some(path) = &self.0 {
            record.insert(path, value);
        }
    }
}

impl<'de> Deserialize<'de> for FieldKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        parse_value_path(text.trim_start_matches('.'))
            .map(|path| Self(Some(path)))
            .map_err(|_| serde::de::Error::custom(format!("`{text}` is no path to a field")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(key: &str, record: serde_json::Value) -> serde_json::Value {
        let key: FieldKey = serde_json::from_value(json!(key)).unwrap();
        let mut record = Value::from(record);
        key.fill(&mut record, "v");
        serde_json::to_value(record).unwrap()
    }

    #[test]
    fn fills_what_is_not_there() {
        assert_eq!(filled("nats.subject", json!({})), json!({"nats": {"subject": "v"}}));
        assert_eq!(filled("nats.subject", json!({"nats": {"subject": "mine"}})), json!({"nats": {"subject": "mine"}}));
        assert_eq!(filled("nats.subject", json!({"nats": "text"})), json!({"nats": {"subject": "v"}}));
        assert_eq!(filled("", json!({})), json!({}));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        assert!(serde_json::from_value::<FieldKey>(json!("a..b")).is_err());
    }
}
