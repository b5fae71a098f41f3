//! Turning a frame into the records it holds.

use std::borrow::Cow;

use bytes::Bytes;
use chrono::{DateTime, Datelike, Utc};
use serde::Deserialize;
use syslog_loose::{IncompleteDate, Message, ProcId, Protocol, Variant};
use vrl::value::{ObjectMap, Value};

/// `decoding` as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "codec", rename_all = "snake_case", deny_unknown_fields)]
pub enum DecodingOptions {
    /// The frame is the message.
    #[default]
    Bytes,
    /// The frame is a JSON object, or an array of them.
    Json {
        /// Options of its own.
        #[serde(default)]
        json: Lossy,
    },
    /// The frame is a syslog message, RFC 5424 or the older forms.
    Syslog {
        /// Options of its own.
        #[serde(default)]
        syslog: Lossy,
    },
}

/// What happens to bytes that are no UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lossy {
    /// True = they become U+FFFD; false = the frame is refused.
    #[serde(default = "yes")]
    pub lossy: bool,
}

impl Default for Lossy {
    fn default() -> Self {
        Self { lossy: true }
    }
}

fn yes() -> bool {
    true
}

/// Why a frame gave no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

impl DecodingOptions {
    /// The records of one frame, in order; may be none (an empty line of JSON).
    ///
    /// # Errors
    /// When the frame is not what the codec expects.
    pub fn decode(&self, frame: Bytes) -> Result<Records, DecodeError> {
        match self {
            Self::Bytes => {
                let record = ObjectMap::from([("message".into(), Value::from_utf8_or_bytes(frame))]);
                Ok(Records::One(Value::Object(record)))
            }
            Self::Json { json } => from_json(&text(&frame, json.lossy)?),
            Self::Syslog { syslog } => from_syslog(&text(&frame, syslog.lossy)?).map(Records::One),
        }
    }

    /// The name in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Json { .. } => "json",
            Self::Syslog { .. } => "syslog",
        }
    }
}

/// The records of one frame: nearly always one.
#[derive(Debug, Clone, PartialEq)]
pub enum Records {
    /// One.
    One(Value),
    /// Any number.
    Many(Vec<Value>),
}

impl Records {
    /// Calls `each` with every record.
    pub fn for_each(self, mut each: impl FnMut(Value)) {
        match self {
            Self::One(record) => each(record),
            Self::Many(records) => records.into_iter().for_each(each),
        }
    }
}

fn text(frame: &[u8], lossy: bool) -> Result<Cow<'_, str>, DecodeError> {
    if lossy {
        return Ok(String::from_utf8_lossy(frame));
    }
    std::str::from_utf8(frame).map(Cow::Borrowed).map_err(|error| DecodeError(format!("not UTF-8: {error}")))
}

fn from_json(text: &str) -> Result<Records, DecodeError> {
    if text.trim().is_empty() {
        return Ok(Records::Many(Vec::new()));
    }
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| DecodeError(format!("not JSON: {error}")))?;
    match value {
        serde_json::Value::Object(_) => Ok(Records::One(Value::from(value))),
        serde_json::Value::Array(items) if items.iter().all(serde_json::Value::is_object) => {
            Ok(Records::Many(items.into_iter().map(Value::from).collect()))
        }
        _ => Err(DecodeError("JSON, but neither an object nor an array of objects".to_owned())),
    }
}

fn from_syslog(text: &str) -> Result<Value, DecodeError> {
    syslog_loose::parse_message_with_year_exact(text, year, Variant::Either)
        .map(|message| Value::Object(record(message)))
        .map_err(|error| DecodeError(error.to_string()))
}

/// The year of a time that names none: this one, but last year's December in January.
fn year((month, ..): IncompleteDate) -> i32 {
    let now = Utc::now();
    if now.month() == 1 && month == 12 { now.year() - 1 } else { now.year() }
}

fn record(message: Message<&str>) -> ObjectMap {
    let mut record = ObjectMap::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            record.insert(key.into(), value);
        }
    };
    put("message", Some(message.msg.into()));
    put("hostname", message.hostname.map(Into::into));
    put("severity", message.severity.map(|severity| severity.as_str().into()));
    put("facility", message.facility.map(|facility| facility.as_str().into()));
    if let Protocol::RFC5424(version) = message.protocol {
        put("version", Some(i64::from(version).into()));
    }
    put("appname", message.appname.map(Into::into));
    put("msgid", message.msgid.map(Into::into));
    put("timestamp", message.timestamp.map(|time| DateTime::<Utc>::from(time).into()));
    put(
        "procid",
        message.procid.map(|procid| match procid {
            ProcId::PID(pid) => i64::from(pid).into(),
            ProcId::Name(name) => name.into(),
        }),
    );
    for element in message.structured_data {
        let mut params = ObjectMap::new();
        for (name, value) in element.params() {
            params.insert((*name).into(), value.into());
        }
        put(element.id, Some(Value::Object(params)));
    }
    record
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decode(codec: &str, frame: &'static [u8]) -> Result<Vec<serde_json::Value>, DecodeError> {
        let options: DecodingOptions = serde_json::from_value(json!({"codec": codec})).unwrap();
        let mut all = Vec::new();
        options.decode(Bytes::from_static(frame))?.for_each(|value| all.push(serde_json::to_value(value).unwrap()));
        Ok(all)
    }

    #[test]
    fn bytes_are_the_message() {
        assert_eq!(decode("bytes", b"caf\xe9"), Ok(vec![json!({"message": "caf\u{fffd}"})]));
    }

    #[test]
    fn json_is_an_object_or_an_array_of_them() {
        assert_eq!(decode("json", br#"{"a":1}"#), Ok(vec![json!({"a": 1})]));
        assert_eq!(decode("json", br#"[{"a":1},{"b":2}]"#), Ok(vec![json!({"a": 1}), json!({"b": 2})]));
        assert_eq!(decode("json", b" "), Ok(vec![]));
        assert!(decode("json", b"7").is_err());
        assert!(decode("json", b"{").is_err());
        // Too large for an integer: kept as text, as Vector does.
        assert_eq!(decode("json", br#"{"a":18446744073709551615}"#), Ok(vec![json!({"a": "18446744073709551615"})]));
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced_or_refused() {
        assert_eq!(decode("json", b"{\"a\":\"\xe9\"}"), Ok(vec![json!({"a": "\u{fffd}"})]));
        let strict: DecodingOptions =
            serde_json::from_value(json!({"codec": "json", "json": {"lossy": false}})).unwrap();
        assert!(strict.decode(Bytes::from_static(b"{\"a\":\"\xe9\"}")).is_err());
    }

    #[test]
    fn syslog_becomes_fields() {
        let line = b"<34>1 2026-03-14T11:26:53.003+02:00 host1 app 7 M1 [a@1 x=\"1\" x=\"2\"] text";
        assert_eq!(
            decode("syslog", line),
            Ok(vec![json!({
                "appname": "app", "facility": "auth", "hostname": "host1", "message": "text", "msgid": "M1",
                "procid": 7, "severity": "crit", "timestamp": "2026-03-14T09:26:53.003Z", "version": 1,
                "a@1": {"x": "2"},
            })])
        );
        assert!(decode("syslog", b"<34>just text").is_err());
    }
}
