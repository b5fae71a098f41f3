//! A JSON object seen in its own text, without taking it apart.
//!
//! An event must come out with every field it had: big numbers, `1.0` against `1`, key order,
//! repeated keys and all. So the text is never made again from a parsed form; [`Object`] only
//! remembers where in the text its members are, and additions are put in before closing braces.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Deserialize, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep objects are looked into: `source.as.organization` is the deepest that anything here
/// reads or adds to. It also bounds what a hostile, deeply nested event can cost.
const DEPTH: usize = 4;

/// An object: its text from brace to brace, and its members in order.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    text: &'a str,
    members: Vec<(Cow<'a, str>, Node<'a>)>,
}

/// The value of a member.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    /// An object that was looked into.
    Object(Object<'a>),
    /// The JSON text of anything else.
    Other(&'a str),
}

impl<'a> Object<'a> {
    /// Reads the members of the object that `text` is (from brace to brace). Members for whose
    /// key `look_into` answers true are read too when they are objects.
    pub(crate) fn parse(text: &'a str, look_into: &dyn Fn(&str) -> bool) -> serde_json::Result<Self> {
        Self::parse_to(text, look_into, DEPTH)
    }

    fn parse_to(text: &'a str, look_into: &dyn Fn(&str) -> bool, depth: usize) -> serde_json::Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let raw = deserializer.deserialize_map(Members)?;
        deserializer.end()?;
        let mut members = Vec::with_capacity(raw.len());
        for (key, value) in raw {
            let value = value.get();
            let node = if depth > 1 && value.starts_with('{') && look_into(&key) {
                Node::Object(Self::parse_to(value, &|_| true, depth - 1)?)
            } else {
                Node::Other(value)
            };
            members.push((key, node));
        }
        Ok(Self { text, members })
    }

    /// The value at a dotted path. Keys that hold dots themselves (`"source.ip": …`) are found
    /// as Elasticsearch finds them. Of repeated keys the last counts.
    pub(crate) fn find(&self, path: &str) -> Option<&Node<'a>> {
        self.members.iter().rev().find_map(|(key, node)| {
            if key == path {
                return Some(node);
            }
            match (below(path, key), node) {
                (Some(rest), Node::Object(object)) => object.find(rest),
                _ => None,
            }
        })
    }

    /// Whether there is something at the path, below it, or in its way (a value that is no object
    /// where the path needs one): then nothing may be added there.
    pub(crate) fn is_taken(&self, path: &str) -> bool {
        self.members.iter().any(|(key, node)| {
            key == path
                || below(key, path).is_some()
                || below(path, key).is_some_and(|rest| match node {
                    Node::Object(object) => object.is_taken(rest),
                    Node::Other(_) => true,
                })
        })
    }

    /// The last member with exactly this key.
    pub(crate) fn member(&self, key: &str) -> Option<&Node<'a>> {
        self.members.iter().rev().find(|(other, _)| other == key).map(|(_, node)| node)
    }

    /// Where in `whole`, of which this object's text is a part, its closing brace is.
    pub(crate) fn closing_brace_in(&self, whole: &str) -> usize {
        let start = self.text.as_ptr() as usize - whole.as_ptr() as usize;
        start + self.text.len() - 1
    }

    /// Whether the object has no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

/// `source.ip` below `source` is `ip`.
fn below<'p>(path: &'p str, ancestor: &str) -> Option<&'p str> {
    path.strip_prefix(ancestor)?.strip_prefix('.')
}

/// The text of a JSON string value; None if the value is no string.
pub(crate) fn string(json: &str) -> Option<Cow<'_, str>> {
    if !json.starts_with('"') {
        return None;
    }
    serde_json::from_str::<Text<'_>>(json).ok().map(|text| text.0)
}

/// The strings of a JSON array, at most `limit`; None if the value is no array.
pub(crate) fn strings(json: &str, limit: usize) -> Option<Vec<Cow<'_, str>>> {
    if !json.starts_with('[') {
        return None;
    }
    let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(items.into_iter().filter_map(|item| string(item.get())).take(limit).collect())
}

/// A string that borrows from the text where it holds no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            members.push((key, map.next_value()?));
        }
        Ok(members)
    }
}

struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Object<'_> {
        Object::parse(text, &|_| true).expect("an object")
    }

    #[test]
    fn paths_are_found_nested_dotted_and_repeated() {
        let object = parse(r#"{"source": {"ip": "a", "as": {"number": 1}}, "source.port": 7, "source": {"ip": "b"}}"#);
        let other = |path| match object.find(path) {
            Some(Node::Other(text)) => Some(*text),
            _ => None,
        };
        assert_eq!(other("source.ip"), Some("\"b\""));
        assert_eq!(other("source.as.number"), Some("1"));
        assert_eq!(other("source.port"), Some("7"));
        assert_eq!(other("source.as.missing"), None);
    }

    #[test]
    fn a_path_is_taken_at_below_and_above_it() {
        let object = parse(r#"{"event": null, "source": {"as": {}, "geo.country_name": "x"}, "url": "u"}"#);
        for taken in ["event", "event.risk_score", "source.as", "source.geo", "source.geo.country_name", "url.domain"] {
            assert!(object.is_taken(taken), "{taken}");
        }
        for free in ["source.as.number", "source.geo.continent_code", "threat.enrichments", "sourc"] {
            assert!(!object.is_taken(free), "{free}");
        }
    }

    #[test]
    fn escaped_keys_are_read() {
        let object = parse(r#"{"sour\u0063e": {"ip": "x"}}"#);
        assert!(object.find("source.ip").is_some());
    }

    #[test]
    fn strings_and_arrays_of_strings_are_read() {
        assert_eq!(string(r#""a\n""#).as_deref(), Some("a\n"));
        assert_eq!(string("1"), None);
        assert_eq!(strings(r#"["a", 1, "b", "c"]"#, 2).expect("an array"), ["a", "b"]);
        assert_eq!(strings(r#""a""#, 2), None);
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = format!("{{\"source\": {}1{}}}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
        assert!(parse(&deep).is_taken("source.a"));
    }
}
