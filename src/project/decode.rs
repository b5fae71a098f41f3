//! From YAML nodes to types, collecting every mistake instead of stopping at the first.

use std::path::{Path, PathBuf};

use super::code::Code;
use super::names;
use super::position::{Diagnostic, Mark, Position};
use super::schema::{Record, Shape, UnknownKeys};
use super::yaml::{Key, Node, Value};

/// What is found wrong with one file.
#[derive(Debug)]
pub struct Report {
    /// The file, relative to the project.
    pub file: PathBuf,
    /// Everything found so far.
    pub found: Vec<Diagnostic>,
}

impl Report {
    /// Nothing found yet.
    pub fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    /// A place in this file.
    pub fn position(&self, at: Mark) -> Position {
        Position::new(&self.file, at)
    }

    /// Notes a mistake; the hint can be added to what is returned.
    pub fn error(&mut self, at: Mark, message: impl Into<String>) -> &mut Diagnostic {
        let found = Diagnostic::error(self.position(at), message);
        self.note(found)
    }

    /// Notes something that may not be as meant.
    pub fn warning(&mut self, at: Mark, message: impl Into<String>) -> &mut Diagnostic {
        let found = Diagnostic::warning(self.position(at), message);
        self.note(found)
    }

    fn note(&mut self, found: Diagnostic) -> &mut Diagnostic {
        let index = self.found.len();
        self.found.push(found);
        &mut self.found[index]
    }

    fn wrong_type(&mut self, what: &str, expected: &str, node: &Node) {
        self.error(node.at, format!("{what} must be {expected}, but is {}", node.describe())).code = Code::WrongType;
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub at: Mark,
}

/// The entries of a map, taken out key by key. Its table says which there are; a table and a reader that
/// disagree are a mistake of ours, which every test finds that reads such a map.
#[derive(Debug)]
pub struct Fields<'n> {
    /// Where the map starts.
    pub at: Mark,
    what: String,
    entries: &'n [(Key, Node)],
    record: &'static Record,
    read: Vec<&'static str>,
    refused: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The entries of `node`, called `what` in messages; nothing at all counts as an empty map. Keys that
    /// are required and missing are reported.
    pub fn of(node: &'n Node, what: impl Into<String>, record: &'static Record, report: &mut Report) -> Option<Self> {
        let what = what.into();
        let entries = entries(node, &what, report)?;
        let fields = Self { at: node.at, what, entries, record, read: Vec::new(), refused: Vec::new() };
        for field in record.fields().filter(|field| field.required && fields.entry(field.key).is_none()) {
            let found = report.error(fields.at, format!("{} lacks the key `{}`", fields.what, field.key));
            found.code = Code::MissingKey;
        }
        Some(fields)
    }

    fn entry(&self, key: &str) -> Option<&'n Node> {
        let (_, node) = self.entries.iter().find(|(name, _)| name.text == key)?;
        (node.value != Value::Null).then_some(node)
    }

    /// The value of `key`, unless it is missing or null.
    pub fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.shaped(key, |_| true)
    }

    /// The same, of a key whose table has such a shape.
    fn shaped(&mut self, key: &'static str, wanted: fn(&Shape) -> bool) -> Option<&'n Node> {
        debug_assert!(
            self.record.field(key).is_some_and(|field| field.shape.may_be(wanted)),
            "the table of `{}` has no `{key}` of the shape that is read",
            self.record.name
        );
        self.read.push(key);
        self.entry(key)
    }

    /// Says why a key that the table lacks is no mere slip, if it is there.
    pub fn refuse(&mut self, key: &'static str, why: String, report: &mut Report) {
        if let Some(node) = self.entry(key) {
            report.error(node.at, why).code = Code::UnknownKey;
            self.refused.push(key);
        }
    }

    /// Says that nobody looks at keys that the table knows.
    pub fn ignore(&mut self, keys: &[&'static str]) {
        self.read.extend(keys);
    }

    /// The text of `key`.
    pub fn text(&mut self, key: &'static str, report: &mut Report) -> Option<Located<String>> {
        let node = self.shaped(key, |shape| matches!(shape, Shape::Text | Shape::Word(_)))?;
        text(node, &self.called(key), report)
    }

    /// The word of `key`, as the table has them; `what` it is for messages.
    pub fn word<T: serde::de::DeserializeOwned>(
        &mut self,
        key: &'static str,
        what: &str,
        report: &mut Report,
    ) -> Option<T> {
        let said = self.text(key, report)?;
        let Some(Shape::Word(words)) = self.record.field(key).map(|field| &field.shape) else { return None };
        let known = words.contains(&said.value.as_str());
        let word = serde_json::from_value(said.value.as_str().into()).ok().filter(|_| known);
        if word.is_none() {
            report.error(said.at, format!("{what} `{}` is unknown", said.value)).hint =
                names::suggest(&said.value, words.iter().copied());
        }
        word
    }

    /// The yes or no of `key`; no when it is missing.
    pub fn flag(&mut self, key: &'static str, report: &mut Report) -> bool {
        let Some(node) = self.shaped(key, |shape| matches!(shape, Shape::Flag)) else { return false };
        boolean(node).unwrap_or_else(|| {
            report.wrong_type(&self.called(key), "true or false", node);
            false
        })
    }

    /// The whole number of `key`, which must lie in the range of the table.
    pub fn number(&mut self, key: &'static str, report: &mut Report) -> Option<i64> {
        let node = self.shaped(key, |shape| matches!(shape, Shape::Whole(..)))?;
        let Some(Shape::Whole(from, to)) = self.record.field(key).map(|field| &field.shape) else { return None };
        number(node, &self.called(key), *from..=*to, report)
    }

    /// The list of texts of `key`; a single text counts as a list of one.
    pub fn texts(&mut self, key: &'static str, report: &mut Report) -> Vec<Located<String>> {
        let Some(node) = self.shaped(key, |shape| matches!(shape, Shape::Texts)) else { return Vec::new() };
        texts(node, &self.called(key), report)
    }

    /// The items of the list at `key`.
    pub fn items(&mut self, key: &'static str, report: &mut Report) -> &'n [Node] {
        let Some(node) = self.shaped(key, |shape| matches!(shape, Shape::List(_))) else { return &[] };
        list(node, &self.called(key), report)
    }

    /// The map at `key`, to be read entry by entry.
    pub fn map(&mut self, key: &'static str, report: &mut Report) -> &'n [(Key, Node)] {
        let Some(node) = self.shaped(key, |shape| matches!(shape, Shape::Map(_))) else { return &[] };
        entries(node, &self.called(key), report).unwrap_or_default()
    }

    /// The name of `key` in messages.
    pub fn called(&self, key: &str) -> String {
        format!("`{key}` of {}", self.what)
    }

    /// Says what is wrong with the keys that the table lacks.
    pub fn finish(self, report: &mut Report) {
        debug_assert!(
            self.record.keys().all(|key| self.read.contains(&key)),
            "the table of `{}` has keys that nobody reads",
            self.record.name
        );
        let known = self.record.keys();
        let is_unknown = |key: &str| self.record.field(key).is_none() && !self.refused.contains(&key);
        for (key, _) in self.entries.iter().filter(|(key, _)| is_unknown(&key.text)) {
            let near = names::closest(&key.text, known.clone());
            let message = format!("{} has no key `{}`", self.what, key.text);
            let found = match (self.record.unknown, near) {
                (UnknownKeys::WarnIfClose, near) if near.is_none_or(|near| !names::is_slip(&key.text, near)) => {
                    continue;
                }
                (UnknownKeys::Refuse, _) => report.error(key.at, message),
                _ => report.warning(key.at, format!("{message}; it is kept")),
            };
            // What a key that nobody knows holds is not known either.
            (found.code, found.conceals) = (Code::UnknownKey, true);
            found.hint = match near {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None => Some(format!("it has {}", names::list(known.clone()))),
            };
        }
    }
}

/// The entries of a map; nothing at all counts as an empty one.
pub fn entries<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [(Key, Node)]> {
    match &node.value {
        Value::Mapping(entries) => Some(entries),
        Value::Null => Some(&[]),
        _ => {
            report.wrong_type(what, "a map", node);
            None
        }
    }
}

/// The items of a list.
pub fn list<'n>(node: &'n Node, what: &str, report: &mut Report) -> &'n [Node] {
    match &node.value {
        Value::Sequence(items) => items,
        Value::Null => &[],
        _ => {
            report.wrong_type(what, "a list", node);
            &[]
        }
    }
}

/// The texts of a list; a single text counts as a list of one.
pub fn texts(node: &Node, what: &str, report: &mut Report) -> Vec<Located<String>> {
    match &node.value {
        Value::Sequence(items) => {
            items.iter().filter_map(|item| text(item, &format!("each item of {what}"), report)).collect()
        }
        Value::Text { .. } => text(node, what, report).into_iter().collect(),
        _ => {
            report.wrong_type(what, "a list of texts", node);
            Vec::new()
        }
    }
}

/// A text; a number or a boolean is told how to become one.
pub fn text(node: &Node, what: &str, report: &mut Report) -> Option<Located<String>> {
    match &node.value {
        Value::Text { text, .. } => Some(Located { value: text.clone(), at: node.at }),
        Value::Boolean(_) | Value::Integer(_) | Value::Float(_) => {
            let found = report.error(node.at, format!("{what} must be a text, but is {}", node.describe()));
            (found.code, found.hint) = (Code::WrongType, Some("put it in quotes".to_owned()));
            None
        }
        _ => {
            report.wrong_type(what, "a text", node);
            None
        }
    }
}

/// True or false; the plain words of YAML 1.1, which Meshroom reads, count as well.
pub fn boolean(node: &Node) -> Option<bool> {
    match &node.value {
        Value::Boolean(value) => Some(*value),
        Value::Text { text, plain: true } => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" => Some(true),
            "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A whole number in a range.
pub fn number(node: &Node, what: &str, range: std::ops::RangeInclusive<i64>, report: &mut Report) -> Option<i64> {
    match node.value {
        Value::Integer(value) if range.contains(&value) => Some(value),
        Value::Integer(value) => {
            let (start, end) = (range.start(), range.end());
            let wanted = if start == end { start.to_string() } else { format!("from {start} to {end}") };
            let message = format!("{what} must be {wanted}, but is {value}");
            report.error(node.at, message).code = Code::OutOfRange;
            None
        }
        _ => {
            report.wrong_type(what, "a whole number", node);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::schema::tables::{RELOAD, RENDER};
    use crate::project::yaml;

    fn reading(text: &str, record: &'static Record, read: fn(&mut Fields<'_>, &mut Report)) -> Vec<String> {
        let node = yaml::parse(text, Path::new("x.yaml")).expect("YAML");
        let mut report = Report::new(Path::new("x.yaml"));
        let mut fields = Fields::of(&node, "it", record, &mut report).expect("a map");
        read(&mut fields, &mut report);
        fields.finish(&mut report);
        report.found.into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn what_the_table_requires_is_missed() {
        let read = |fields: &mut Fields<'_>, report: &mut Report| drop(fields.text("signal", report));
        assert_eq!(reading("signal:\n", &RELOAD, read), ["it lacks the key `signal`"]);
        assert_eq!(reading("signl: HUP\n", &RELOAD, read), ["it lacks the key `signal`", "it has no key `signl`"]);
    }

    #[test]
    #[should_panic(expected = "the table of `reload` has no `sinal`")]
    fn a_key_that_the_table_lacks_cannot_be_read() {
        reading("signal: HUP\n", &RELOAD, |fields, report| drop(fields.text("sinal", report)));
    }

    #[test]
    #[should_panic(expected = "the table of `reload` has no `signal` of the shape")]
    fn a_key_cannot_be_read_as_what_the_table_does_not_say() {
        reading("signal: HUP\n", &RELOAD, |fields, report| {
            fields.flag("signal", report);
        });
    }

    #[test]
    #[should_panic(expected = "the table of `render` has keys that nobody reads")]
    fn a_key_of_the_table_must_be_read() {
        reading("template: a\nto: b\n", &RENDER, |fields, report| drop(fields.text("template", report)));
    }
}
