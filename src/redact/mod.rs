//! Takes secret values out of what is printed: each becomes `[secret NAME]`.
//!
//! A [`Filter`] takes a stream in any pieces, in linear time, and holds back only what may be the
//! beginning of a secret. Found are a value itself, its lines, and its [`forms`] in JSON, in URLs, in
//! base64 and in hexadecimal digits. Not hidden is a value that [`too_common`] names: hiding it would garble the text and tell
//! nothing.

mod automaton;
pub mod forms;

use std::collections::BTreeMap;
use std::sync::Arc;

use automaton::{Automaton, Place};

/// The fewest characters of a value that is hidden, or looked for: shorter ones stand everywhere by
/// chance.
pub const SHORTEST: usize = 6;
/// A shorter line of a secret with several is too common to be hidden.
const SHORTEST_LINE: usize = 12;

/// Values that stand in every other log.
const COMMON: [&str; 24] = [
    "access",
    "admin1",
    "administrator",
    "api_key",
    "changeme",
    "default",
    "elastic",
    "elasticsearch",
    "enabled",
    "example",
    "localhost",
    "logstash",
    "monitor",
    "nats-server",
    "passphrase",
    "password",
    "resilmesh",
    "secret",
    "service",
    "system",
    "token",
    "username",
    "vector",
    "unknown",
];

/// Why a value is not hidden, for people; none = it is.
pub fn too_common(value: &str) -> Option<&'static str> {
    if value.chars().count() < SHORTEST {
        return Some("it is shorter than 6 characters");
    }
    if COMMON.contains(&value.to_lowercase().as_str()) {
        return Some("it is a common word");
    }
    let first = value.chars().next();
    value.chars().all(|c| Some(c) == first).then_some("it is one character, repeated")
}

/// Knows the secrets.
pub struct Redactor {
    automaton: Automaton,
    /// What stands in place of each.
    marks: Vec<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("secrets", &self.marks.len()).finish_non_exhaustive()
    }
}

impl Redactor {
    /// For these secrets, by name.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut marks = Vec::new();
        let mut texts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for (name, value) in secrets.into_iter().filter(|(_, value)| too_common(value).is_none()) {
            for form in forms::of(value.as_bytes(), SHORTEST_LINE).into_keys() {
                texts.entry(form).or_insert(marks.len());
            }
            marks.push(format!("[secret {name}]"));
        }
        let automaton = Automaton::new(texts.iter().map(|(text, number)| (text.as_slice(), *number)));
        Self { automaton, marks }
    }

    /// A whole text without them.
    pub fn redact(self: &Arc<Self>, text: &str) -> String {
        let mut out = Vec::with_capacity(text.len());
        let mut filter = Filter::new(self.clone());
        filter.push(text.as_bytes(), &mut out);
        filter.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// A stretch of what is held that is a secret.
#[derive(Debug, Clone, Copy)]
struct Hidden {
    start: usize,
    end: usize,
    number: usize,
}

/// Takes secrets out of a stream.
#[derive(Debug)]
pub struct Filter {
    redactor: Arc<Redactor>,
    place: Place,
    /// What was read and not given out yet.
    held: Vec<u8>,
    /// The secrets in it: sorted, none overlaps another.
    hidden: Vec<Hidden>,
}

impl Filter {
    /// At the beginning of a stream.
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, place: Place::default(), held: Vec::new(), hidden: Vec::new() }
    }

    /// From here on, hides what this one knows, which knows no less; what is held back is looked at
    /// again.
    pub fn replace(&mut self, redactor: Arc<Redactor>, out: &mut Vec<u8>) {
        // What was found is given out under the name it was found by.
        self.give(self.hidden.last().map_or(0, |last| last.end), out);
        let held = std::mem::take(&mut self.held);
        *self = Self::new(redactor);
        self.push(&held, out);
    }

    /// Takes the next piece, and appends to `out` what can be given out.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for byte in piece {
            self.take(*byte);
        }
        self.give(self.held.len() - self.redactor.automaton.depth(self.place).min(self.held.len()), out);
    }

    /// Appends what was held back: the stream has ended.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.give(self.held.len(), out);
        self.place = Place::default();
    }

    fn take(&mut self, byte: u8) {
        self.held.push(byte);
        self.place = self.redactor.automaton.step(self.place, byte);
        let Some(found) = self.redactor.automaton.found(self.place) else { return };
        let end = self.held.len();
        // Its beginning may be given out already, as a part of another secret.
        let mut start = end.saturating_sub(found.length);
        while self.hidden.last().is_some_and(|last| last.start >= start) {
            self.hidden.pop();
        }
        if let Some(last) = self.hidden.last_mut() {
            if last.end > start && last.number == found.number {
                last.end = end;
                return;
            }
            start = start.max(last.end);
        }
        self.hidden.push(Hidden { start, end, number: found.number });
    }

    /// Gives out what stands before `until`, and the whole of a secret that begins there.
    fn give(&mut self, until: usize, out: &mut Vec<u8>) {
        let mut given = 0;
        let mut marked = 0;
        for hidden in self.hidden.iter().take_while(|hidden| hidden.start < until) {
            out.extend_from_slice(&self.held[given..hidden.start]);
            out.extend_from_slice(self.redactor.marks[hidden.number].as_bytes());
            given = hidden.end;
            marked += 1;
        }
        if given < until {
            out.extend_from_slice(&self.held[given..until]);
            given = until;
        }
        self.held.drain(..given);
        self.hidden.drain(..marked);
        for hidden in &mut self.hidden {
            hidden.start -= given;
            hidden.end -= given;
        }
    }
}

#[cfg(test)]
mod tests;
