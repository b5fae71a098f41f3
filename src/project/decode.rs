//! From YAML nodes to types, collecting every mistake instead of stopping at the first.

use std::path::{Path, PathBuf};

use super::code::Code;
use super::names;
use super::position::{Diagnostic, Mark, Position};
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

/// What to make of keys that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownKeys {
    /// A mistake: this document is ours alone.
    Refuse,
    /// Kept, with a warning: Meshroom's documents allow further keys.
    Warn,
    /// Kept; only one that looks like a slip of a known key is mentioned.
    WarnIfClose,
}

/// The entries of a map, taken out key by key.
#[derive(Debug)]
pub struct Fields<'n> {
    /// Where the map starts.
    pub at: Mark,
    what: String,
    entries: &'n [(Key, Node)],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The entries of `node`, called `what` in messages; nothing at all counts as an empty map.
    pub fn of(node: &'n Node, what: impl Into<String>, report: &mut Report) -> Option<Self> {
        let what = what.into();
        let entries: &[(Key, Node)] = match &node.value {
            Value::Mapping(entries) => entries,
            Value::Null => &[],
            _ => {
                report.wrong_type(&what, "a map", node);
                return None;
            }
        };
        Some(Self { at: node.at, what, entries, known: Vec::new() })
    }

    /// The value of `key`, unless it is missing or null.
    pub fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        let (_, node) = self.entries.iter().find(|(name, _)| name.text == key)?;
        (node.value != Value::Null).then_some(node)
    }

    /// Says that a key is known though nobody looks at it here.
    pub fn tolerate(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// The text of `key`.
    pub fn text(&mut self, key: &'static str, report: &mut Report) -> Option<Located<String>> {
        let node = self.get(key)?;
        text(node, &self.called(key), report)
    }

    /// The text of `key`, which must be there.
    pub fn required_text(&mut self, key: &'static str, report: &mut Report) -> Option<Located<String>> {
        self.require(key, report)?;
        self.text(key, report)
    }

    /// The value of `key`, which must be there.
    pub fn require(&mut self, key: &'static str, report: &mut Report) -> Option<&'n Node> {
        let node = self.get(key);
        if node.is_none() {
            report.error(self.at, format!("{} lacks the key `{key}`", self.what)).code = Code::MissingKey;
        }
        node
    }

    /// The yes or no of `key`; no when it is missing.
    pub fn flag(&mut self, key: &'static str, report: &mut Report) -> bool {
        let Some(node) = self.get(key) else { return false };
        boolean(node).unwrap_or_else(|| {
            report.wrong_type(&self.called(key), "true or false", node);
            false
        })
    }

    /// The whole number of `key`, which must lie in the range.
    pub fn number(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<i64>,
        report: &mut Report,
    ) -> Option<i64> {
        let node = self.get(key)?;
        number(node, &self.called(key), range, report)
    }

    /// The list of texts of `key`; a single text counts as a list of one.
    pub fn texts(&mut self, key: &'static str, report: &mut Report) -> Vec<Located<String>> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let called = self.called(key);
        match &node.value {
            Value::Sequence(items) => {
                items.iter().filter_map(|item| text(item, &format!("each item of {called}"), report)).collect()
            }
            Value::Text { .. } => text(node, &called, report).into_iter().collect(),
            _ => {
                report.wrong_type(&called, "a list of texts", node);
                Vec::new()
            }
        }
    }

    /// The items of the list at `key`.
    pub fn items(&mut self, key: &'static str, report: &mut Report) -> &'n [Node] {
        let Some(node) = self.get(key) else { return &[] };
        list(node, &self.called(key), report)
    }

    /// The map at `key`, to be read entry by entry.
    pub fn map(&mut self, key: &'static str, report: &mut Report) -> &'n [(Key, Node)] {
        let Some(node) = self.get(key) else { return &[] };
        let called = self.called(key);
        Fields::of(node, called, report).map_or(&[], |fields| fields.entries)
    }

    /// The name of `key` in messages.
    pub fn called(&self, key: &str) -> String {
        format!("`{key}` of {}", self.what)
    }

    /// Says what is wrong with the keys that nobody asked for.
    pub fn finish(self, unknown: UnknownKeys, report: &mut Report) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.known.contains(&key.text.as_str())) {
            let near = names::closest(&key.text, self.known.iter().copied());
            let message = format!("{} has no key `{}`", self.what, key.text);
            let found = match (unknown, near) {
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
                None => Some(format!("it has {}", names::list(self.known.iter().copied()))),
            };
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
