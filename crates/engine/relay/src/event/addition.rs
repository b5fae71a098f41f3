//! What shall be added to an event, and the one way it gets there.

use std::borrow::Cow;

use super::Event;
use super::json::{Node, Object};

/// Fields to add: a tree whose leaves are JSON texts.
#[derive(Debug, Default)]
pub struct Additions<'a>(Branch<'a>);

type Branch<'a> = Vec<(&'static str, Addition<'a>)>;

#[derive(Debug)]
enum Addition<'a> {
    Leaf(Cow<'a, str>),
    Branch(Branch<'a>),
}

impl<'a> Additions<'a> {
    /// Nothing to add yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `json` at the dotted path, if the event has nothing there, below or in the way.
    pub fn add(&mut self, event: &Event<'_>, path: &'static str, json: impl Into<Cow<'a, str>>) {
        if !event.is_taken(path) {
            insert(&mut self.0, path, json.into());
        }
    }

    /// Adds a JSON string at the dotted path, as [`Additions::add`] does.
    pub fn add_text(&mut self, event: &Event<'_>, path: &'static str, text: &str) {
        self.add(event, path, quoted(text));
    }

    /// Whether there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A text as a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn insert<'a>(branch: &mut Branch<'a>, path: &'static str, json: Cow<'a, str>) {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let known = branch.iter().position(|(other, _)| *other == key);
    match (known, rest) {
        (None, None) => branch.push((key, Addition::Leaf(json))),
        (None, Some(rest)) => {
            let mut below = Branch::new();
            insert(&mut below, rest, json);
            branch.push((key, Addition::Branch(below)));
        }
        (Some(at), Some(rest)) => {
            if let (_, Addition::Branch(below)) = &mut branch[at] {
                insert(below, rest, json);
            }
        }
        // Added already: the first stays.
        (Some(_), None) => {}
    }
}

/// A text to put in front of the byte at `before`.
struct Insertion {
    before: usize,
    text: String,
}

/// The event's text with the additions in it.
pub(super) fn apply(text: &str, root: &Object<'_>, additions: &Additions<'_>) -> Vec<u8> {
    let mut insertions = Vec::new();
    collect(text, root, &additions.0, &mut insertions);
    insertions.sort_by_key(|insertion| insertion.before);
    let more: usize = insertions.iter().map(|insertion| insertion.text.len()).sum();
    let mut out = Vec::with_capacity(text.len() + more);
    let mut copied = 0;
    for insertion in &insertions {
        out.extend_from_slice(&text.as_bytes()[copied..insertion.before]);
        out.extend_from_slice(insertion.text.as_bytes());
        copied = insertion.before;
    }
    out.extend_from_slice(&text.as_bytes()[copied..]);
    out
}

fn collect(whole: &str, object: &Object<'_>, branch: &Branch<'_>, insertions: &mut Vec<Insertion>) {
    let mut new = String::new();
    for (key, addition) in branch {
        match (object.member(key), addition) {
            (Some(Node::Object(below)), Addition::Branch(branch)) => collect(whole, below, branch, insertions),
            // `Additions::add` let nothing in whose place is taken.
            (Some(_), _) => {}
            (None, _) => {
                if !(new.is_empty() && object.is_empty()) {
                    new.push(',');
                }
                write_member(&mut new, key, addition);
            }
        }
    }
    if !new.is_empty() {
        insertions.push(Insertion { before: object.closing_brace_in(whole), text: new });
    }
}

fn write_member(to: &mut String, key: &str, addition: &Addition<'_>) {
    to.push('"');
    to.push_str(key);
    to.push_str("\":");
    match addition {
        Addition::Leaf(json) => to.push_str(json),
        Addition::Branch(branch) => {
            to.push('{');
            for (n, (key, addition)) in branch.iter().enumerate() {
                if n > 0 {
                    to.push(',');
                }
                write_member(to, key, addition);
            }
            to.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(event: &str, add: &[(&'static str, &'static str)]) -> String {
        let event = Event::parse(event.as_bytes()).expect("an event");
        let mut additions = Additions::new();
        for (path, json) in add {
            additions.add(&event, path, *json);
        }
        String::from_utf8(event.with(&additions)).expect("text")
    }

    #[test]
    fn additions_go_where_they_belong_and_nothing_else_moves() {
        assert_eq!(
            with(
                r#" {"n": 1e400, "source": {"ip": "a"}, "event": { }, "x": 12345678901234567890123 } "#,
                &[
                    ("source.as.number", "1"),
                    ("source.as.organization.name", "\"o\""),
                    ("event.risk_score", "2"),
                    ("silent_push", "{}")
                ]
            ),
            r#"{"n": 1e400, "source": {"ip": "a","as":{"number":1,"organization":{"name":"o"}}}, "event": { "risk_score":2}, "x": 12345678901234567890123 ,"silent_push":{}}"#
        );
    }

    #[test]
    fn what_is_there_stays_even_null_and_dotted() {
        let text = r#"{"event":null,"source.as":{"number":7},"silent_push":{"old":1}}"#;
        assert_eq!(
            with(text, &[("event.risk_score", "2"), ("source.as.number", "1"), ("silent_push.source.ip", "{}")]),
            text
        );
    }

    #[test]
    fn an_empty_event_gets_its_first_member_without_a_comma() {
        assert_eq!(with("{}", &[("a.b", "1"), ("a.c", "2"), ("d", "3")]), r#"{"a":{"b":1,"c":2},"d":3}"#);
    }

    #[test]
    fn the_first_of_two_additions_stays() {
        assert_eq!(with("{}", &[("a.b", "1"), ("a.b", "2"), ("a", "3")]), r#"{"a":{"b":1}}"#);
    }
}
