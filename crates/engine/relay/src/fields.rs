//! Takes a YAML mapping apart, noting every mistake instead of stopping at the first.

use serde_yaml::{Mapping, Value};

/// A mapping whose fields are taken out one by one; what is left in the end is unknown.
#[derive(Debug)]
pub struct Fields<'m> {
    at: String,
    rest: Mapping,
    known: Vec<&'static str>,
    mistakes: &'m mut Vec<String>,
}

impl<'m> Fields<'m> {
    /// The fields of the mapping named `at` (empty for the document itself).
    pub fn new(at: &str, value: Value, mistakes: &'m mut Vec<String>) -> Self {
        let rest = match value {
            Value::Mapping(mapping) => mapping,
            Value::Null => Mapping::new(),
            _ => {
                let what = if at.is_empty() { "the document" } else { at };
                mistakes.push(format!("`{what}` must be a mapping of names to values"));
                Mapping::new()
            }
        };
        Self { at: at.to_owned(), rest, known: Vec::new(), mistakes }
    }

    /// Notes a mistake about one field.
    pub fn mistake(&mut self, field: &str, what: &str) {
        let path = self.path(field);
        self.mistakes.push(format!("`{path}` {what}"));
    }

    /// A mapping inside this one; None if it is not there.
    pub fn inner(&mut self, field: &'static str) -> Option<Fields<'_>> {
        let value = self.take(field)?;
        let path = self.path(field);
        Some(Fields::new(&path, value, self.mistakes))
    }

    /// A mapping that must be there.
    pub fn required_inner(&mut self, field: &'static str) -> Fields<'_> {
        let value = self.take(field);
        if value.is_none() {
            self.mistake(field, "is missing");
        }
        let path = self.path(field);
        Fields::new(&path, value.unwrap_or(Value::Null), self.mistakes)
    }

    /// A text; None if it is not there.
    pub fn text(&mut self, field: &'static str) -> Option<String> {
        match self.take(field)? {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => {
                self.mistake(field, "must be a text that is not empty");
                None
            }
        }
    }

    /// A text that must be there. Empty if it is not, which was noted.
    pub fn required_text(&mut self, field: &'static str) -> String {
        if !self.rest.contains_key(field) {
            self.mistake(field, "is missing");
        }
        self.text(field).unwrap_or_default()
    }

    /// A whole number within bounds, or else the default.
    pub fn number(&mut self, field: &'static str, bounds: std::ops::RangeInclusive<u64>, default: u64) -> u64 {
        match self.take(field) {
            None => default,
            Some(value) => match value.as_u64().filter(|number| bounds.contains(number)) {
                Some(number) => number,
                None => {
                    self.mistake(field, &format!("must be a whole number from {} to {}", bounds.start(), bounds.end()));
                    default
                }
            },
        }
    }

    /// Yes or no, or else the default.
    pub fn flag(&mut self, field: &'static str, default: bool) -> bool {
        match self.take(field) {
            None => default,
            Some(Value::Bool(flag)) => flag,
            Some(_) => {
                self.mistake(field, "must be true or false");
                default
            }
        }
    }

    /// A list of texts; None if it is not there.
    pub fn texts(&mut self, field: &'static str) -> Option<Vec<String>> {
        let Value::Sequence(items) = self.take(field)? else {
            self.mistake(field, "must be a list of texts");
            return None;
        };
        let count = items.len();
        let texts: Vec<String> = items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
        if texts.len() != count {
            self.mistake(field, "must be a list of texts");
        }
        Some(texts)
    }

    /// Any value; None if it is not there.
    pub fn value(&mut self, field: &'static str) -> Option<Value> {
        self.take(field)
    }

    /// A mapping of names to texts; empty if it is not there.
    pub fn text_map(&mut self, field: &'static str) -> Vec<(String, String)> {
        let Some(value) = self.take(field) else { return Vec::new() };
        let texts = value.as_mapping().map(|mapping| {
            let texts = mapping.iter().map(|(key, text)| Some((key.as_str()?.to_owned(), text.as_str()?.to_owned())));
            texts.collect::<Option<Vec<_>>>()
        });
        texts.flatten().unwrap_or_else(|| {
            self.mistake(field, "must be a mapping of names to texts");
            Vec::new()
        })
    }

    /// Notes what nobody asked for.
    pub fn finish(self) {
        for key in self.rest.keys() {
            let key = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
            let path = if self.at.is_empty() { key.clone() } else { format!("{}.{key}", self.at) };
            let close = closest(&key, &self.known).map(|known| format!("; did you mean `{known}`?"));
            self.mistakes.push(format!("`{path}` is not known here{}", close.unwrap_or_default()));
        }
    }

    fn take(&mut self, field: &'static str) -> Option<Value> {
        self.known.push(field);
        self.rest.remove(field).filter(|value| !value.is_null())
    }

    fn path(&self, field: &str) -> String {
        if self.at.is_empty() { field.to_owned() } else { format!("{}.{field}", self.at) }
    }
}

/// The known word that a wrong one was meant to be, if one is close.
pub fn closest<'w>(wrong: &str, known: &[&'w str]) -> Option<&'w str> {
    let farthest = wrong.len().max(3) / 3;
    known
        .iter()
        .map(|word| (distance(wrong, word), *word))
        .filter(|(far, _)| *far <= farthest)
        .min()
        .map(|(_, word)| word)
}

/// Letters to change, add or take away to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}
