//! Changing one value deep in a YAML file, so that all else stays as people left it.

use std::ops::Range;
use std::path::Path;

use saphyr_parser::{Event, Parser, Span};
use serde_json::Value as Json;

use super::write;
use super::yaml;

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into the value of a key.
    Key(String),
    /// Into an item of a list, from 0.
    Index(usize),
}

/// The text with another value at a place; none if that place is not there, or too odd to be
/// changed by itself (an alias, a merged key).
pub fn value(text: &str, steps: &[Step], new: &Json) -> Option<String> {
    let wanted = changed(read(text)?, steps, &|old| *old = new.clone())?;
    let place = find(text, steps)?;
    let inline = write::inline(new);
    let here = splice(text, place.value.clone(), &inline);
    // A map that has a line for each key keeps them.
    let block = || {
        let Json::Object(entries) = new else { return None };
        let is_block = text[place.value.clone()].contains('\n') && !text[place.value.start..].starts_with('{');
        let line_start = text[..place.value.start].rfind('\n').map_or(0, |at| at + 1);
        let indent = " ".repeat(text[line_start..place.value.start].chars().count());
        let lines = write::to_yaml(&entries.clone().into_iter().collect());
        let lines = lines.trim_end().replace('\n', &format!("\n{indent}"));
        (is_block && !entries.is_empty()).then(|| splice(text, place.value.clone(), &lines))
    };
    // A block below its key may stand too far left for a value on one line: that goes behind the key.
    let behind = || {
        let key_end = place.key.as_ref()?.end;
        Some(splice(text, key_end..place.value.end, &format!(": {inline}")))
    };
    [block(), Some(here), behind()].into_iter().flatten().find(|edited| read(edited).as_ref() == Some(&wanted))
}

/// The text with another text at a place, without quotes, as that which stands there; none if that has quotes,
/// or the new one needs some.
pub fn plain(text: &str, steps: &[Step], new: &str) -> Option<String> {
    let wanted = changed(read(text)?, steps, &|old| *old = new.into())?;
    let place = find(text, steps)?.value;
    if text[place.clone()].starts_with(['"', '\'']) {
        return None;
    }
    let edited = splice(text, place, new);
    (read(&edited).as_ref() == Some(&wanted)).then_some(edited)
}

/// The text with another name for a key; none if it is not there, or the new one is there already.
pub fn key(text: &str, steps: &[Step], new: &str) -> Option<String> {
    let (Step::Key(old), above) = steps.split_last()? else { return None };
    let wanted = changed(read(text)?, above, &|map| {
        if let Json::Object(entries) = map
            && let Some(value) = entries.remove(old)
        {
            entries.insert(new.to_owned(), value);
        }
    })?;
    let range = find(text, steps)?.key?;
    let edited = splice(text, range, &write::inline(&new.into()));
    (read(&edited).as_ref() == Some(&wanted)).then_some(edited)
}

/// The text with a key more at the end of the map at a place, whose keys have lines of their own;
/// none if it is not there, or written differently.
pub fn insert(text: &str, steps: &[Step], key: &str, new: &Json) -> Option<String> {
    let wanted = changed(read(text)?, steps, &|old| {
        if let Json::Object(entries) = old {
            entries.insert(key.to_owned(), new.clone());
        }
    })?;
    let place = find(text, steps)?;
    let end = place.value.end;
    let line_end = text[end..].find('\n').map_or(text.len(), |length| end + length);
    let line_start = text[..place.value.start].rfind('\n').map_or(0, |at| at + 1);
    let indent = " ".repeat(text[line_start..place.value.start].chars().count());
    let block = write::to_yaml(&[(key.to_owned(), new.clone())].into());
    let lines: String = block.lines().map(|line| format!("\n{indent}{line}")).collect();
    let edited = splice(text, line_end..line_end, &lines);
    (read(&edited).as_ref() == Some(&wanted)).then_some(edited)
}

fn splice(text: &str, range: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..range.start], &text[range.end..])
}

fn read(text: &str) -> Option<Json> {
    yaml::parse(text, Path::new("")).ok().map(|node| node.to_json())
}

fn changed(mut document: Json, steps: &[Step], change: &dyn Fn(&mut Json)) -> Option<Json> {
    let mut here = &mut document;
    for step in steps {
        here = match step {
            Step::Key(key) => here.get_mut(key)?,
            Step::Index(index) => here.get_mut(index)?,
        };
    }
    change(here);
    Some(document)
}

/// Where a value stands, in bytes.
struct Place {
    value: Range<usize>,
    /// Its key, if it has one.
    key: Option<Range<usize>>,
}

fn find(text: &str, steps: &[Step]) -> Option<Place> {
    let mut walk = Walk { parser: Parser::new_from_str(text), offsets: Offsets::of(text), text };
    loop {
        match walk.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (event, span) => return walk.at(event, span, steps, None),
        }
    }
}

/// Byte offsets of the characters at which lines start.
struct Offsets(Vec<usize>);

impl Offsets {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    fn byte(&self, text: &str, line: usize, column: usize) -> Option<usize> {
        let start = *self.0.get(line.checked_sub(1)?)?;
        let line = &text[start..];
        line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(column).map(|at| start + at)
    }
}

struct Walk<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    offsets: Offsets,
    text: &'a str,
}

impl<'a> Walk<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        self.parser.next_event()?.ok()
    }

    fn start(&self, span: Span) -> Option<usize> {
        self.offsets.byte(self.text, span.start.line(), span.start.col())
    }

    /// Where what begins here ends: behind its last character that is not blank.
    fn end(&self, span: Span) -> Option<usize> {
        let start = self.start(span)?;
        // The parser may take the blanks and the comment behind a text in quotes for a part of it.
        if let Some(length) = quoted(&self.text[start..]) {
            return Some(start + length);
        }
        let end = self.offsets.byte(self.text, span.end.line(), span.end.col()).unwrap_or(self.text.len());
        Some(start + self.text.get(start..end)?.trim_end().len())
    }

    /// The place of the value that the steps lead to from the node that begins with `event`.
    fn at(&mut self, event: Event<'a>, span: Span, steps: &[Step], key: Option<Range<usize>>) -> Option<Place> {
        let Some((step, rest)) = steps.split_first() else {
            let start = self.start(span)?;
            return Some(Place { value: start..self.skip(&event, span)?, key });
        };
        match (event, step) {
            (Event::MappingStart(..), Step::Key(wanted)) => loop {
                let (event, span) = self.next()?;
                let Event::Scalar(name, ..) = event else { return None };
                let key = self.start(span)?..self.end(span)?;
                let (event, span) = self.next()?;
                if name == wanted.as_str() {
                    return self.at(event, span, rest, Some(key));
                }
                self.skip(&event, span)?;
            },
            (Event::SequenceStart(..), Step::Index(wanted)) => {
                for _ in 0..*wanted {
                    let (event, span) = self.next()?;
                    self.skip(&event, span)?;
                }
                let (event, span) = self.next()?;
                self.at(event, span, rest, None)
            }
            _ => None,
        }
    }

    /// Goes behind a node; where it ends.
    fn skip(&mut self, event: &Event<'a>, span: Span) -> Option<usize> {
        if !matches!(event, Event::MappingStart(..) | Event::SequenceStart(..)) {
            return self.end(span);
        }
        let is_flow = self.text[self.start(span)?..].starts_with(['{', '[']);
        let mut end = self.end(span)?;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::MappingEnd | Event::SequenceEnd if is_flow => return self.end(span),
                Event::MappingEnd | Event::SequenceEnd => return Some(end),
                _ => end = end.max(self.skip(&event, span)?),
            }
        }
    }
}

/// How long a text in quotes is, if one stands at the beginning.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| ['\'', '"'].contains(c))?;
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        let next_is_quote = rest.peek().is_some_and(|(_, next)| *next == '\'');
        match c {
            '\\' if quote == '"' => drop(rest.next()),
            '\'' if quote == c && next_is_quote => drop(rest.next()),
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const TEXT: &str = "\
# cases
cases:
  - name: one   # the first
    expect: {source.ip: 1.2.3.4, n: 1}
  # the second
  - name: two
    expect:
      # where from
      source.ip: '1.2.3.4' # says who
      tags:
      - a
      - b
      deep: {x: [1, {y: 2}]}
    line: |
      text
  - name: three
";

    fn steps(path: &str) -> Vec<Step> {
        let step = |part: &str| part.parse().map_or_else(|_| Step::Key(part.to_owned()), Step::Index);
        path.split('/').map(step).collect()
    }

    fn changed_lines(edited: &str) -> Vec<String> {
        let diff = similar::TextDiff::from_lines(TEXT, edited);
        let changes = diff.iter_all_changes().filter(|change| change.tag() != similar::ChangeTag::Equal);
        changes.map(|change| format!("{}{}", change.tag(), change.value().trim_end())).collect()
    }

    #[test]
    fn one_value_changes_and_all_else_stays() {
        let set = |path: &str, new: Json| changed_lines(&value(TEXT, &steps(path), &new).expect("it is there"));
        assert_eq!(
            set("cases/0/expect/n", json!(2)),
            ["-    expect: {source.ip: 1.2.3.4, n: 1}", "+    expect: {source.ip: 1.2.3.4, n: 2}"]
        );
        assert_eq!(
            set("cases/1/expect/source.ip", json!("::1")),
            ["-      source.ip: '1.2.3.4' # says who", "+      source.ip: \"::1\" # says who"]
        );
        assert_eq!(
            set("cases/1/expect/tags", json!(["c"])),
            ["-      tags:", "-      - a", "-      - b", "+      tags: [c]"]
        );
        assert_eq!(
            set("cases/1/expect/deep/x/1/y", json!(null)),
            ["-      deep: {x: [1, {y: 2}]}", "+      deep: {x: [1, {y: null}]}"]
        );
        assert_eq!(set("cases/1/line", json!("x")), ["-    line: |", "-      text", "+    line: x"]);
        let edited = value(TEXT, &steps("cases/1/expect"), &json!({"a": {"b": 1}, "c": 2})).expect("it is there");
        assert!(edited.contains("      # where from\n      a:\n        b: 1\n      c: 2\n    line: |\n"), "{edited}");
        assert_eq!(value(TEXT, &steps("cases/1/expect/none"), &json!(1)), None);
        assert_eq!(quoted("'it''s' # '"), Some(7));
        assert_eq!(quoted("\"a\\\"b\", 'c'"), Some(6));
        assert_eq!(value(TEXT, &steps("cases/7"), &json!(1)), None);
    }

    #[test]
    fn a_key_gets_another_name() {
        let named = |path: &str, new: &str| key(TEXT, &steps(path), new).map(|edited| changed_lines(&edited));
        assert_eq!(named("cases/1/expect/tags", "labels").expect("it is there"), ["-      tags:", "+      labels:"]);
        let changed = named("cases/0/expect/n", "a: b").expect("it is there");
        assert_eq!(changed[1], "+    expect: {source.ip: 1.2.3.4, \"a: b\": 1}");
        assert_eq!(named("cases/1/expect/tags", "deep"), None, "it is there already");
        assert_eq!(named("cases/1/expect/none", "deep"), None);
        assert_eq!(named("cases/1", "deep"), None, "an item has no name");
    }

    #[test]
    fn a_key_is_put_behind_the_others() {
        let expect = json!([{"exactly": {"a": 1}}]);
        let edited = insert(TEXT, &steps("cases/2"), "expect", &expect).expect("it is there");
        assert_eq!(changed_lines(&edited), ["+    expect:", "+    - exactly:", "+        a: 1"]);
        let edited = insert(TEXT, &steps("cases/1"), "count", &json!(1)).expect("it is there");
        assert_eq!(changed_lines(&edited), ["+    count: 1"]);
        assert_eq!(insert(TEXT, &steps("cases/0/expect"), "b", &json!(1)), None, "it is on one line");
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_was_asked(
            before in prop::collection::vec(("[a-c]{1,3}", "[a-zé#: '\"-]{0,8}"), 1..4),
            flow in any::<bool>(),
            new in "[a-zé#: '\"\\n-]{0,8}",
        ) {
            let items: Vec<Json> = before.iter().map(|(key, text)| json!({key.as_str(): text})).collect();
            let document = json!({"cases": items});
            let text = if flow {
                format!("{document}\n")
            } else {
                write::to_yaml(&[("cases".to_owned(), Json::Array(items.clone()))].into())
            };
            let last = items.len() - 1;
            let path = [Step::Key("cases".to_owned()), Step::Index(last), Step::Key(before[last].0.clone())];
            let edited = value(&text, &path, &json!(new.as_str())).expect("it is there");
            let mut wanted = document;
            wanted["cases"][last][before[last].0.as_str()] = json!(new);
            prop_assert_eq!(read(&edited), Some(wanted), "{}", edited);
        }
    }
}
