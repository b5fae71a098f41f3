//! YAML with positions: a tree of nodes that know where they stand.
//!
//! The values are those of the YAML 1.2 core schema. Anchors, aliases and merge keys (`<<`) work,
//! within a bound on what they may grow to.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::code::Code;
use super::position::{Diagnostic, Mark, Position};

/// The most nodes a document may have after its aliases are put in.
const MOST_NODES: usize = 100_000;
/// The deepest nesting.
const DEEPEST: usize = 64;

/// A value and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it starts.
    pub at: Mark,
}

/// What a node can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text {
        /// The text.
        text: String,
        /// It stood there without quotes.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A map, in the order of the file.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a map and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Where it starts.
    pub at: Mark,
}

impl Node {
    /// What it is, for people.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Boolean(value) => format!("the boolean `{value}`"),
            Value::Integer(value) => format!("the number `{value}`"),
            Value::Float(value) => format!("the number `{value}`"),
            Value::Text { text, .. } if text.chars().count() > 40 => "a text".to_owned(),
            Value::Text { text, .. } => format!("the text `{}`", text.escape_debug()),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a map".to_owned(),
        }
    }

    /// The same value as JSON has it.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text { text, .. } => text.clone().into(),
            Value::Sequence(items) => items.iter().map(Node::to_json).collect(),
            Value::Mapping(entries) => entries
                .iter()
                .map(|(key, node)| (key.text.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    fn size(&self) -> usize {
        1 + match &self.value {
            Value::Sequence(items) => items.iter().map(Node::size).sum(),
            Value::Mapping(entries) => entries.iter().map(|(_, node)| node.size()).sum(),
            _ => 0,
        }
    }
}

/// How git starts what two people changed differently.
const CONFLICT: &str = "<<<<<<< ";

/// Reads the one document of a file. An empty file is [`Value::Null`].
///
/// # Errors
/// Everything found wrong with it, each with its position in `file`.
pub fn parse(text: &str, file: &Path) -> Result<Node, Vec<Diagnostic>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { file, text, found: Vec::new(), nodes: 0, anchors: HashMap::new() };
    match builder.document() {
        Ok(node) if builder.found.is_empty() => Ok(node),
        Ok(_) => Err(builder.found),
        Err(fatal) => {
            builder.found.push(fatal);
            Err(builder.found)
        }
    }
}

/// A list or map that is not finished.
enum Open {
    Sequence {
        at: Mark,
        anchor: usize,
        items: Vec<Node>,
    },
    Mapping {
        at: Mark,
        anchor: usize,
        entries: Vec<(Key, Node)>,
        key: Option<(Key, bool)>,
        seen: BTreeMap<String, Mark>,
        merged: Vec<Node>,
    },
}

struct Builder<'a> {
    file: &'a Path,
    text: &'a str,
    found: Vec<Diagnostic>,
    nodes: usize,
    /// Anchored nodes with their sizes.
    anchors: HashMap<usize, (Node, usize)>,
}

impl Builder<'_> {
    fn document(&mut self) -> Result<Node, Diagnostic> {
        let mut open: Vec<Open> = Vec::new();
        let mut root = None;
        let mut parser = Parser::new_from_str(self.text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            let at = self.mark(span);
            let node = match event {
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => continue,
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(self
                        .error(at, "a second document starts here, but a file holds one")
                        .with_hint("put it in a file of its own"));
                }
                Event::DocumentStart(_) => continue,
                Event::Alias(anchor) => Some((self.alias(anchor, at)?, 0)),
                Event::Scalar(text, style, anchor, tag) => {
                    let forced_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                    let plain = style == ScalarStyle::Plain;
                    let value = if plain && !forced_text {
                        plain_value(&text)
                    } else {
                        Value::Text { text: text.into_owned(), plain: false }
                    };
                    Some((Node { value, at }, anchor))
                }
                Event::SequenceStart(anchor, _) => {
                    open.push(Open::Sequence { at, anchor, items: Vec::new() });
                    None
                }
                Event::MappingStart(anchor, _) => {
                    let (entries, merged, seen) = (Vec::new(), Vec::new(), BTreeMap::new());
                    open.push(Open::Mapping { at, anchor, entries, key: None, seen, merged });
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => open.pop().map(|done| self.close(done)),
            };
            self.count(at, open.len())?;
            if let Some((node, anchor)) = node {
                if anchor > 0 {
                    let size = node.size();
                    self.anchors.insert(anchor, (node.clone(), size));
                }
                match open.last_mut() {
                    Some(parent) => self.put(parent, node)?,
                    None => root = Some(node),
                }
            }
        }
        Ok(root.unwrap_or(Node { value: Value::Null, at: Mark::START }))
    }

    /// Puts a finished node into the list or map around it.
    fn put(&mut self, parent: &mut Open, node: Node) -> Result<(), Diagnostic> {
        match parent {
            Open::Sequence { items, .. } => items.push(node),
            Open::Mapping { entries, key, seen, merged, .. } => match key.take() {
                None => {
                    // In quotes it is a key like any other.
                    let merges = matches!(&node.value, Value::Text { text, plain: true } if text == "<<");
                    *key = Some((self.key(node)?, merges));
                }
                Some((_, true)) => merged.push(node),
                Some((key, false)) => {
                    if let Some(first) = seen.insert(key.text.clone(), key.at) {
                        let message = format!("key `{}` is given twice, first in line {}", key.text, first.line);
                        let found = self.error(key.at, message).coded(Code::DuplicateKey).concealing();
                        let found = found.with_hint("keep one of them");
                        self.found.push(found);
                    }
                    entries.push((key, node));
                }
            },
        }
        Ok(())
    }

    fn key(&self, node: Node) -> Result<Key, Diagnostic> {
        let text = match node.value {
            Value::Text { text, .. } => text,
            Value::Integer(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            Value::Boolean(value) => value.to_string(),
            Value::Null => "null".to_owned(),
            Value::Sequence(_) | Value::Mapping(_) => {
                return Err(self.error(node.at, "a key must be a word, not a list or a map"));
            }
        };
        Ok(Key { text, at: node.at })
    }

    fn close(&mut self, done: Open) -> (Node, usize) {
        match done {
            Open::Sequence { at, anchor, items } => (Node { value: Value::Sequence(items), at }, anchor),
            Open::Mapping { at, anchor, mut entries, mut seen, merged, .. } => {
                for node in merged {
                    let sources = match node.value {
                        Value::Sequence(items) => items,
                        _ => vec![node],
                    };
                    for source in sources {
                        let Value::Mapping(more) = source.value else {
                            let found = self.error(source.at, "only a map can be merged with `<<`");
                            self.found.push(found);
                            continue;
                        };
                        for (key, value) in more {
                            if seen.insert(key.text.clone(), key.at).is_none() {
                                entries.push((key, value));
                            }
                        }
                    }
                }
                (Node { value: Value::Mapping(entries), at }, anchor)
            }
        }
    }

    fn alias(&mut self, anchor: usize, at: Mark) -> Result<Node, Diagnostic> {
        let Some((_, size)) = self.anchors.get(&anchor) else {
            return Err(self.error(at, "an alias inside of what it stands for"));
        };
        self.nodes += size;
        self.count(at, 0)?;
        // Present: it was looked up above. Positions become those of the alias, where people look.
        Ok(self.anchors.get(&anchor).map_or(Node { value: Value::Null, at }, |(node, _)| Node { at, ..node.clone() }))
    }

    fn count(&mut self, at: Mark, depth: usize) -> Result<(), Diagnostic> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(self.error(at, format!("the document has more than {MOST_NODES} values, its aliases put in")));
        }
        if depth > DEEPEST {
            return Err(self.error(at, format!("nested deeper than {DEEPEST} levels")));
        }
        Ok(())
    }

    fn syntax(&self, error: &saphyr_parser::ScanError) -> Diagnostic {
        if let Some(index) = lines(self.text).position(|line| line.starts_with(CONFLICT)) {
            return self
                .error(Mark::new(index + 1, 1), "two people's changes are in conflict here, and git has marked both")
                .with_hint(
                    "keep what is right of what stands between `<<<<<<<` and `>>>>>>>`, take out these marks, then \
                     `resilmesh share`; `resilmesh update --abort` goes back to before the update",
                );
        }
        let at = self.clamp(error.marker().line(), error.marker().col());
        let line = lines(self.text).nth(at.line as usize - 1).unwrap_or_default();
        let found = self.error(at, format!("not valid YAML: {}", error.info().trim_end_matches('.')));
        if line.trim_start_matches(' ').starts_with('\t') || error.info().contains("tab") {
            found.with_hint("indent with spaces: YAML allows no tabs there")
        } else {
            found
        }
    }

    fn mark(&self, span: Span) -> Mark {
        Mark::new(span.start.line().max(1), span.start.col() + 1)
    }

    /// The parser may name a place behind the end; a reader wants one that exists.
    fn clamp(&self, line: usize, column: usize) -> Mark {
        let lines: Vec<&str> = lines(self.text).collect();
        let line = line.clamp(1, lines.len());
        Mark::new(line, column.min(lines[line - 1].chars().count()) + 1)
    }

    fn error(&self, at: Mark, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Position::new(self.file, at), message).coded(Code::NotYaml)
    }
}

/// The lines as YAML counts them: a carriage return alone ends one as well. At least one.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// What a scalar without quotes is by the core schema.
fn plain_value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Boolean(true),
        "false" | "False" | "FALSE" => return Value::Boolean(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    number(text).unwrap_or_else(|| Value::Text { text: text.to_owned(), plain: true })
}

fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16)
            .ok()
            .filter(|_| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .map(Value::Integer);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8)
            .ok()
            .filter(|_| octal.bytes().all(|b| b.is_ascii_digit()))
            .map(Value::Integer);
    }
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map(Value::Integer).or_else(|_| text.parse().map(Value::Float)).ok();
    }
    let numeric = digits.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().any(|b| b.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    if numeric { text.parse().ok().map(Value::Float) } else { None }
}
