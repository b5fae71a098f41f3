//! YAML text to values, with the place of every key.

use std::collections::BTreeMap;
use std::path::Path;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_yaml::Value;

use super::error::{ConfigError, Position};

/// A parsed file.
#[derive(Debug, Clone)]
pub struct Document {
    /// What the file says.
    pub value: Value,
    /// Where each key stands; the path is written `a.b[0].c`.
    pub places: BTreeMap<String, Place>,
}

/// Where a key stands, and where the text of its value starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The key.
    pub key: Position,
    /// The value. For a block text (`|`) this is the indicator, not the first line.
    pub value: Position,
    /// Whether the value is a block text (`|` or `>`), whose lines follow below the indicator.
    pub block: bool,
}

/// Parses `text`, which was read from `file`. An empty file is an empty mapping.
///
/// # Errors
/// When it is no YAML.
pub fn parse(file: &Path, text: &str) -> Result<Document, ConfigError> {
    let value: Value = serde_yaml::from_str(text).map_err(|error| {
        let at = error.location().map(|place| Position { line: place.line(), column: place.column() });
        ConfigError::new(file, error.to_string()).at(at)
    })?;
    Ok(Document { value, places: places(text) })
}

/// Takes the places below `prefix` out of `places`, with that prefix removed.
pub fn below(places: &BTreeMap<String, Place>, prefix: &str) -> BTreeMap<String, Place> {
    let prefix = format!("{prefix}.");
    places
        .range(prefix.clone()..)
        .take_while(|(path, _)| path.starts_with(&prefix))
        .map(|(path, place)| (path[prefix.len()..].to_owned(), *place))
        .collect()
}

fn places(text: &str) -> BTreeMap<String, Place> {
    let mut walk = Walk { parser: Parser::new_from_str(text), places: BTreeMap::new() };
    while let Some((event, span)) = walk.next() {
        if !matches!(event, Event::StreamStart | Event::DocumentStart(_) | Event::StreamEnd | Event::DocumentEnd) {
            walk.node(event, span, "");
        }
    }
    walk.places
}

struct Walk<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    places: BTreeMap<String, Place>,
}

impl<'a> Walk<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        // A text that is no YAML was refused before; places are a help, never a reason to fail.
        self.parser.next_event()?.ok()
    }

    /// Walks over one node; the place of its own key is already noted.
    fn node(&mut self, event: Event<'a>, _span: Span, path: &str) {
        match event {
            Event::MappingStart(..) => {
                while let Some((Event::Scalar(key, ..), key_span)) = self.next() {
                    let path = if path.is_empty() { key.into_owned() } else { format!("{path}.{key}") };
                    let Some((value, span)) = self.next() else { return };
                    self.places.insert(path.clone(), place(&value, key_span, span));
                    self.node(value, span, &path);
                }
            }
            Event::SequenceStart(..) => {
                let mut index = 0;
                while let Some((item, span)) = self.next() {
                    if matches!(item, Event::SequenceEnd) {
                        return;
                    }
                    let path = format!("{path}[{index}]");
                    self.places.insert(path.clone(), place(&item, span, span));
                    self.node(item, span, &path);
                    index += 1;
                }
            }
            _ => {}
        }
    }
}

fn place(value: &Event<'_>, key: Span, span: Span) -> Place {
    let block = matches!(value, Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..));
    Place { key: position(key), value: position(span), block }
}

fn position(span: Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_place() {
        let text = "type: remap\ninputs: [a, b]\nauth:\n  user: u\nsource: |\n  .x = 1\n";
        let document = parse(Path::new("t.yaml"), text).unwrap();
        let at = |path: &str| {
            let place = document.places[path];
            (place.key.line, place.key.column)
        };
        assert_eq!(at("type"), (1, 1));
        assert_eq!(at("inputs[1]"), (2, 13));
        assert_eq!(at("auth.user"), (4, 3));
        assert_eq!(at("source"), (5, 1));
        assert!(document.places["source"].block);
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let error = parse(Path::new("t.yaml"), "a: 1\n\tb: 2\n").unwrap_err();
        assert_eq!(error.at.map(|at| at.line), Some(2));
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        assert!(parse(Path::new("t.yaml"), "a: 1\na: 2\n").unwrap_err().message.contains("duplicate"));
    }
}
