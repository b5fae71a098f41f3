//! From events to bytes: which fields, in which form, and how one is told from the next.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use vrl::path::{OwnedValuePath, parse_value_path};
use vrl::value::Value;

/// Codecs that Vector has and this engine does not.
const OTHER_CODECS: [&str; 9] = ["avro", "cef", "csv", "gelf", "logfmt", "native", "native_json", "otlp", "protobuf"];

/// How events become bytes: the option `encoding` of most sinks.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "EncodingOptions")]
pub struct Encoding {
    codec: Codec,
    fields: Fields,
}

/// The form of an encoded event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// JSON, keys sorted.
    Json {
        /// Over several lines.
        pretty: bool,
    },
    /// The field `message`, nothing if there is none.
    Message,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncodingOptions {
    codec: String,
    only_fields: Option<Vec<FieldPath>>,
    except_fields: Option<Vec<FieldPath>>,
    timestamp_format: Option<TimestampFormat>,
    #[serde(default)]
    json: JsonOptions,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonOptions {
    #[serde(default)]
    pretty: bool,
}

impl TryFrom<EncodingOptions> for Encoding {
    type Error = String;

    fn try_from(options: EncodingOptions) -> Result<Self, String> {
        let EncodingOptions { codec, only_fields, except_fields, timestamp_format, json } = options;
        let codec = match codec.as_str() {
            "json" => Codec::Json { pretty: json.pretty },
            "text" | "raw_message" => Codec::Message,
            other if OTHER_CODECS.contains(&other) || other == "syslog" => {
                return Err(format!("codec `{other}` is one of Vector's that this engine does not have"));
            }
            other => return Err(format!("unknown codec `{other}`, expected one of `json`, `text`, `raw_message`")),
        };
        let fields = FieldOptions { only_fields, except_fields, timestamp_format }.try_into()?;
        Ok(Self { codec, fields })
    }
}

impl Encoding {
    /// The form of the encoded event.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Appends the encoded event to `out`.
    pub fn encode(&self, event: &Value, out: &mut Vec<u8>) {
        let event = self.fields.apply(event);
        match self.codec {
            Codec::Json { pretty } => write_json(event.as_ref(), pretty, out),
            Codec::Message => match event.as_object().and_then(|fields| fields.get("message")) {
                Some(Value::Bytes(text)) => out.extend_from_slice(text),
                Some(other) => out.extend_from_slice(&other.coerce_to_bytes()),
                None => {}
            },
        }
    }
}

/// Appends `value` as JSON on one line, keys sorted, times as RFC 3339 with as many digits as they
/// need (none, 3, 6 or 9).
pub fn json(value: &Value, out: &mut Vec<u8>) {
    write_json(value, false, out);
}

/// Appends `text` as a JSON string.
pub fn json_text(text: &str, out: &mut Vec<u8>) {
    write_json(text, false, out);
}

fn write_json<T: Serialize + ?Sized>(value: &T, pretty: bool, out: &mut Vec<u8>) {
    let start = out.len();
    let written =
        if pretty { serde_json::to_writer_pretty(&mut *out, value) } else { serde_json::to_writer(&mut *out, value) };
    if written.is_err() {
        // A value has text keys and writing to memory does not fail, so this does not happen; half
        // a document must not go out in any case.
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// Which fields are encoded, and how times are: the options `only_fields`, `except_fields` and
/// `timestamp_format`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "FieldOptions")]
pub struct Fields {
    only: Option<Vec<OwnedValuePath>>,
    except: Vec<OwnedValuePath>,
    times: TimestampFormat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldOptions {
    only_fields: Option<Vec<FieldPath>>,
    except_fields: Option<Vec<FieldPath>>,
    timestamp_format: Option<TimestampFormat>,
}

impl TryFrom<FieldOptions> for Fields {
    type Error = String;

    fn try_from(options: FieldOptions) -> Result<Self, String> {
        let paths = |list: Vec<FieldPath>| list.into_iter().map(|path| path.0).collect::<Vec<_>>();
        let only = options.only_fields.map(paths);
        let except = options.except_fields.map(paths).unwrap_or_default();
        if let Some(both) = except.iter().find(|path| only.iter().flatten().any(|other| other == *path)) {
            return Err(format!("`only_fields` and `except_fields` both name `{both}`"));
        }
        Ok(Self { only, except, times: options.timestamp_format.unwrap_or_default() })
    }
}

impl Fields {
    /// The part of `event` that is encoded.
    pub fn apply<'a>(&self, event: &'a Value) -> Cow<'a, Value> {
        if self.only.is_none() && self.except.is_empty() && self.times == TimestampFormat::Rfc3339 {
            return Cow::Borrowed(event);
        }
        let mut event = event.clone();
        for path in &self.except {
            event.remove(path, false);
        }
        if let Some(only) = &self.only {
            let mut all = std::mem::replace(&mut event, Value::Object(Default::default()));
            for path in only {
                if let Some(value) = all.remove(path, true) {
                    event.insert(path, value);
                }
            }
        }
        self.times.apply(&mut event);
        Cow::Owned(event)
    }
}

/// The path of a field, as in VRL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct FieldPath(pub OwnedValuePath);

impl TryFrom<String> for FieldPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_value_path(&text)
            .map(Self)
            .map_err(|_| format!("`{text}` is no path of a field, such as `host.name` or `\"@timestamp\"`"))
    }
}

/// How times are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampFormat {
    /// As text.
    #[default]
    Rfc3339,
    /// Whole seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// Microseconds since 1970.
    UnixUs,
    /// Nanoseconds since 1970.
    UnixNs,
    /// Seconds since 1970 with a fraction.
    UnixFloat,
}

impl TimestampFormat {
    fn apply(self, value: &mut Value) {
        match value {
            Value::Timestamp(time) => {
                if let Some(number) = self.number(time) {
                    *value = number;
                }
            }
            Value::Object(fields) => fields.values_mut().for_each(|value| self.apply(value)),
            Value::Array(items) => items.iter_mut().for_each(|value| self.apply(value)),
            _ => {}
        }
    }

    fn number(self, time: &DateTime<Utc>) -> Option<Value> {
        match self {
            Self::Rfc3339 => None,
            Self::Unix => Some(time.timestamp().into()),
            Self::UnixMs => Some(time.timestamp_millis().into()),
            Self::UnixUs => Some(time.timestamp_micros().into()),
            // Beyond the years 1677 to 2262 there is no such number; the text is kept.
            Self::UnixNs => time.timestamp_nanos_opt().map(Value::from),
            Self::UnixFloat => Some(Value::from_f64_or_zero(time.timestamp_micros() as f64 / 1e6)),
        }
    }
}

/// What stands between encoded events: the option `framing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FramingOptions")]
pub enum Framing {
    /// Nothing.
    Bytes,
    /// This byte after each event.
    Delimiter(u8),
    /// The length of the event before it: four bytes, most significant first.
    Length,
}

/// One event a line.
pub const NEWLINE: Framing = Framing::Delimiter(b'\n');

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FramingOptions {
    method: String,
    character_delimited: Option<CharacterDelimited>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CharacterDelimited {
    delimiter: char,
}

impl TryFrom<FramingOptions> for Framing {
    type Error = String;

    fn try_from(options: FramingOptions) -> Result<Self, String> {
        match (options.method.as_str(), options.character_delimited) {
            ("character_delimited", Some(CharacterDelimited { delimiter })) => {
                u8::try_from(delimiter).ok().filter(u8::is_ascii).map(Self::Delimiter).ok_or_else(|| {
                    format!("`character_delimited.delimiter` must be an ASCII character, not `{delimiter}`")
                })
            }
            ("character_delimited", None) => Err("`character_delimited.delimiter` is missing".to_owned()),
            (method, Some(_)) => Err(format!("`character_delimited` has no effect with `method: {method}`")),
            ("bytes", None) => Ok(Self::Bytes),
            ("newline_delimited", None) => Ok(NEWLINE),
            ("length_delimited", None) => Ok(Self::Length),
            ("varint_length_delimited", None) => {
                Err("method `varint_length_delimited` is one of Vector's that this engine does not have".to_owned())
            }
            (other, None) => Err(format!(
                "unknown method `{other}`, expected one of `bytes`, `character_delimited`, `length_delimited`, \
                 `newline_delimited`"
            )),
        }
    }
}

impl Framing {
    /// Appends what `encode` appends, framed.
    pub fn frame(self, out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::Bytes => encode(out),
            Self::Delimiter(byte) => {
                encode(out);
                out.push(byte);
            }
            Self::Length => {
                let start = out.len();
                out.extend_from_slice(&[0; 4]);
                encode(out);
                let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
                if let Some(head) = out.get_mut(start..start + 4) {
                    head.copy_from_slice(&length.to_be_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use vrl::value;

    use super::*;

    fn encoding(yaml: &str) -> Result<Encoding, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    fn encoded(yaml: &str, value: &Value) -> String {
        let mut out = b"kept ".to_vec();
        encoding(yaml).unwrap().encode(value, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("kept ").unwrap().to_owned()
    }

    fn time(text: &str) -> Value {
        Value::Timestamp(text.parse().unwrap())
    }

    #[test]
    fn json_is_sorted_and_keeps_types() {
        let value = value!({"s": "x\ny", "i": 1, "f": (Value::from_f64_or_zero(1.0)), "b": true, "n": null, "l": [], "e": {}, "a.b": 1});
        let wanted = r#"{"a.b":1,"b":true,"e":{},"f":1.0,"i":1,"l":[],"n":null,"s":"x\ny"}"#;
        assert_eq!(encoded("{codec: json}", &value), wanted);
    }

    #[test]
    fn times_have_the_digits_they_need() {
        let value = Value::Array(vec![
            time("2026-03-14T09:26:53Z"),
            time("2026-03-14T09:26:53.5Z"),
            time("2026-03-14T09:26:53.000001Z"),
            time("2026-03-14T09:26:53.000000001Z"),
        ]);
        let wanted = r#"["2026-03-14T09:26:53Z","2026-03-14T09:26:53.500Z","2026-03-14T09:26:53.000001Z","2026-03-14T09:26:53.000000001Z"]"#;
        assert_eq!(encoded("{codec: json}", &value), wanted);
    }

    #[test]
    fn times_as_numbers_at_any_depth() {
        let value = value!({"a": [{"t": (time("2026-03-14T09:26:53.25Z"))}]});
        for (format, wanted) in [
            ("unix", "1773480413"),
            ("unix_ms", "1773480413250"),
            ("unix_us", "1773480413250000"),
            ("unix_ns", "1773480413250000000"),
            ("unix_float", "1773480413.25"),
            ("rfc3339", r#""2026-03-14T09:26:53.250Z""#),
        ] {
            let yaml = format!("{{codec: json, timestamp_format: {format}}}");
            assert_eq!(encoded(&yaml, &value), format!(r#"{{"a":[{{"t":{wanted}}}]}}"#));
        }
    }

    #[test]
    fn fields_are_chosen() {
        let value = value!({"@timestamp": "t", "event": {"id": "e", "kind": "k"}, "message": "m"});
        let only = r#"{codec: json, only_fields: [message, '"@timestamp"', event.id, nope]}"#;
        assert_eq!(encoded(only, &value), r#"{"@timestamp":"t","event":{"id":"e"},"message":"m"}"#);
        let except = r#"{codec: json, except_fields: [event.id, message]}"#;
        assert_eq!(encoded(except, &value), r#"{"@timestamp":"t","event":{"kind":"k"}}"#);
    }

    #[test]
    fn text_is_the_message() {
        assert_eq!(encoded("{codec: text}", &value!({"message": "first", "a": 1})), "first");
        assert_eq!(encoded("{codec: raw_message}", &value!({"message": {"a": 1}})), r#"{"a":1}"#);
        assert_eq!(encoded("{codec: text}", &value!({"a": 1})), "");
        let mut out = Vec::new();
        let bytes = Value::from(bytes::Bytes::from_static(b"\xff\x00"));
        encoding("{codec: text}").unwrap().encode(&value!({"message": bytes}), &mut out);
        assert_eq!(out, b"\xff\x00");
    }

    #[test]
    fn pretty_json() {
        assert_eq!(encoded("{codec: json, json: {pretty: true}}", &value!({"a": 1})), "{\n  \"a\": 1\n}");
    }

    #[test]
    fn mistakes_are_named() {
        for (yaml, wanted) in [
            ("{codec: logfmt}", "codec `logfmt` is one of Vector's"),
            ("{codec: jsn}", "unknown codec `jsn`"),
            ("{codec: json, csv: {}}", "unknown field `csv`"),
            ("{codec: json, only_fields: [a], except_fields: [a]}", "both name `a`"),
            ("{codec: json, only_fields: ['a..b']}", "`a..b` is no path"),
            ("{codec: json, timestamp_format: iso}", "unknown variant `iso`"),
        ] {
            let error = encoding(yaml).unwrap_err();
            assert!(error.contains(wanted), "{yaml}: {error}");
        }
    }

    #[test]
    fn framing() {
        let framed = |yaml: &str| {
            let framing: Framing = serde_yaml::from_str(yaml).unwrap();
            let mut out = Vec::new();
            for text in ["ab", "c"] {
                framing.frame(&mut out, |out| out.extend_from_slice(text.as_bytes()));
            }
            String::from_utf8(out).unwrap()
        };
        assert_eq!(framed("{method: newline_delimited}"), "ab\nc\n");
        assert_eq!(framed("{method: bytes}"), "abc");
        assert_eq!(framed("{method: character_delimited, character_delimited: {delimiter: ','}}"), "ab,c,");
        assert_eq!(framed("{method: length_delimited}"), "\0\0\0\u{2}ab\0\0\0\u{1}c");
        for wrong in ["{method: varint_length_delimited}", "{method: x}", "{method: character_delimited}"] {
            assert!(serde_yaml::from_str::<Framing>(wrong).is_err());
        }
    }
}
