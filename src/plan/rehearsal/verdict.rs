//! What came out against what was expected. Pure: conditions are judged elsewhere.

use serde_json::Value as Json;

use super::Outcome;
use crate::project::decode::Located;
use crate::project::line_diff;
use crate::project::names;
use crate::project::position::Mark;
use crate::project::test_file::{Case, Expected, Field};

/// One way in which a case is not as expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Miss<'c> {
    /// Nobody has said yet what is expected.
    Undecided,
    /// Another number of events came out.
    Count {
        /// How many were expected.
        expected: usize,
        /// How many came.
        got: usize,
    },
    /// A field has another value, or is not there.
    Field {
        /// Which event, from 0.
        event: usize,
        /// What was expected.
        field: &'c Field,
        /// What is there.
        got: Option<Json>,
    },
    /// A field is there that should not be.
    Present {
        /// Which event, from 0.
        event: usize,
        /// The field.
        path: &'c Located<String>,
        /// What is there.
        got: Json,
    },
    /// The whole event is another one.
    Exactly {
        /// Which event, from 0.
        event: usize,
        /// What was expected.
        field: &'c Field,
        /// What came, without ignored fields.
        got: Json,
        /// What was expected, without ignored fields.
        expected: Json,
    },
    /// A condition does not hold.
    Condition {
        /// Which event, from 0.
        event: usize,
        /// The condition.
        condition: &'c Located<String>,
        /// Why not.
        why: String,
    },
    /// Nothing was rejected for this reason.
    NotRejected(&'c Located<String>),
    /// Something was rejected that nobody expected.
    Rejected(String),
}

/// Everything but conditions in which the outcome is not as expected.
pub fn judge<'c>(case: &'c Case, outcome: &Outcome) -> Vec<Miss<'c>> {
    let mut misses = Vec::new();
    let got = outcome.events.len();
    match (&case.expect, &case.count) {
        (Some(expected), _) => {
            if expected.len() != got {
                misses.push(Miss::Count { expected: expected.len(), got });
            }
            for (event, (expected, got)) in expected.iter().zip(&outcome.events).enumerate() {
                misses.extend(judge_event(event, expected, got, &case.ignore));
            }
        }
        (None, Some(count)) if count.value != got => misses.push(Miss::Count { expected: count.value, got }),
        (None, Some(_)) => {}
        // One that says what is rejected expects nothing else.
        (None, None) if !case.rejected.is_empty() => {
            misses.extend((got > 0).then_some(Miss::Count { expected: 0, got }));
        }
        (None, None) => misses.push(Miss::Undecided),
    }
    misses.extend(rejections(case, outcome));
    misses
}

fn rejections<'c>(case: &'c Case, outcome: &Outcome) -> Vec<Miss<'c>> {
    let mut left: Vec<&str> = outcome.rejected.iter().map(|rejected| rejected.reason.as_str()).collect();
    let mut misses = Vec::new();
    for part in &case.rejected {
        match left.iter().position(|reason| reason.contains(&part.value)) {
            Some(index) => drop(left.remove(index)),
            None => misses.push(Miss::NotRejected(part)),
        }
    }
    misses.extend(left.into_iter().map(|reason| Miss::Rejected(reason.to_owned())));
    misses
}

fn judge_event<'c>(event: usize, expected: &'c Expected, got: &Json, ignore: &[String]) -> Vec<Miss<'c>> {
    let mut misses = Vec::new();
    for field in &expected.fields {
        let found = find(got, &field.path);
        if !same(&field.value, found.unwrap_or(&Json::Null)) {
            misses.push(Miss::Field { event, field, got: found.cloned() });
        }
    }
    for path in &expected.absent {
        if let Some(found) = find(got, &path.value).filter(|found| !found.is_null()) {
            misses.push(Miss::Present { event, path, got: found.clone() });
        }
    }
    if let Some(field) = &expected.exactly {
        let (expected, got) = (without(&field.value, ignore), without(got, ignore));
        if !same(&expected, &got) {
            misses.push(Miss::Exactly { event, field, got, expected });
        }
    }
    misses
}

/// The value at a dotted path; a number leads into a list.
pub fn find<'v>(event: &'v Json, path: &str) -> Option<&'v Json> {
    if let Json::Object(entries) = event
        && let Some(found) = entries.get(path)
    {
        return Some(found);
    }
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let inner = match event {
        Json::Object(entries) => entries.get(first),
        Json::Array(items) => items.get(first.parse::<usize>().ok()?),
        _ => None,
    }?;
    rest.map_or(Some(inner), |rest| find(inner, rest))
}

/// The event without the fields at these paths, nor objects that only held such.
pub fn without(event: &Json, paths: &[String]) -> Json {
    let mut event = event.clone();
    for path in paths {
        take_out(&mut event, path);
    }
    event
}

fn take_out(event: &mut Json, path: &str) {
    let Json::Object(entries) = event else { return };
    if entries.remove(path).is_some() {
        return;
    }
    let Some((first, rest)) = path.split_once('.') else { return };
    if let Some(inner) = entries.get_mut(first) {
        take_out(inner, rest);
        if inner.as_object().is_some_and(serde_json::Map::is_empty) {
            entries.remove(first);
        }
    }
}

/// Whether two values are the same; `1` and `1.0` are.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

/// The paths at which two outcomes of the same case differ: times, random ids.
pub fn differing(one: &Json, other: &Json) -> Vec<String> {
    let mut paths = Vec::new();
    differ(one, other, "", &mut paths);
    paths
}

fn differ(one: &Json, other: &Json, path: &str, paths: &mut Vec<String>) {
    match (one, other) {
        (Json::Object(entries), Json::Object(others)) => {
            for (key, value) in entries {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                differ(value, others.get(key).unwrap_or(&Json::Null), &inner, paths);
            }
        }
        _ if one != other && !path.is_empty() => paths.push(path.to_owned()),
        _ => {}
    }
}

impl Miss<'_> {
    /// Where what is expected stands; none = it is about the whole case.
    pub fn at(&self) -> Option<Mark> {
        match self {
            Self::Field { field, .. } | Self::Exactly { field, .. } => Some(field.at),
            Self::Present { path: said, .. } | Self::Condition { condition: said, .. } | Self::NotRejected(said) => {
                Some(said.at)
            }
            Self::Undecided | Self::Count { .. } | Self::Rejected(_) => None,
        }
    }

    /// Which event it is about, from 0.
    pub fn event(&self) -> Option<usize> {
        match self {
            Self::Field { event, .. }
            | Self::Present { event, .. }
            | Self::Exactly { event, .. }
            | Self::Condition { event, .. } => Some(*event),
            _ => None,
        }
    }

    /// What it is, for people: one line, or several with a difference.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Undecided => vec!["it does not say what is expected: `--update` writes what comes out".to_owned()],
            Self::Count { expected, got } => {
                vec![format!("expected {}, got {got}", names::counted(*expected as u64, "event"))]
            }
            Self::Field { field, got, .. } => {
                let got = got.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
                vec![format!("{}: expected {}, got {got}", field.path, field.value)]
            }
            Self::Present { path, got, .. } => vec![format!("{}: expected nothing, got {got}", path.value)],
            Self::Exactly { got, expected, .. } => {
                let mut lines = vec!["the event is another one:".to_owned()];
                lines.extend(difference(expected, got));
                lines
            }
            Self::Condition { condition, why, .. } => {
                vec![format!("condition `{}` does not hold: {why}", condition.value.trim())]
            }
            Self::NotRejected(part) => vec![format!("expected to be rejected with `{}`", part.value)],
            Self::Rejected(reason) => vec![format!("rejected: {reason}")],
        }
    }
}

/// The lines that differ, with those around them.
fn difference(expected: &Json, got: &Json) -> Vec<String> {
    let text = |value: &Json| serde_json::to_string_pretty(value).unwrap_or_default();
    let (expected, got) = (text(expected), text(got));
    let shown = line_diff::unified(&expected, &got, 2, Some(("expected", "got")));
    shown.lines().map(|line| format!("  {line}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::rehearsal::Rejected;
    use crate::project::test_file::{Owner, load};

    fn case(text: &str) -> Case {
        let text = format!("schema: 1\ncases:\n- name: c\n  transform: t\n  line: x\n{text}");
        let mut found = Vec::new();
        let file = load::read("t.yaml".into(), Owner::Product("p".to_owned()), text, &mut found);
        assert_eq!(found, []);
        file.and_then(|file| file.cases.into_iter().next()).unwrap_or_else(|| panic!("a case"))
    }

    fn misses(text: &str, events: &[Json], rejected: &[&str]) -> Vec<String> {
        let rejected = rejected.iter().map(|reason| Rejected { reason: (*reason).to_owned() }).collect();
        let outcome = Outcome { events: events.to_vec(), rejected, lost: Vec::new() };
        judge(&case(text), &outcome).iter().map(|miss| miss.lines().join("\n")).collect()
    }

    #[test]
    fn fields_are_compared_one_by_one() {
        let event = json!({"source": {"ip": "1.2.3.4", "port": 22}, "tags": ["a", {"b": 1}], "a.b": true});
        let held = "  expect: {source.ip: 1.2.3.4, source.port: 22.0, tags.1.b: 1, a.b: true, none.at.all: null, \
                    source: {ip: 1.2.3.4, port: 22}}\n";
        assert_eq!(misses(held, std::slice::from_ref(&event), &[]), Vec::<String>::new());
        let wrong = "  expect: {source.ip: 1.2.3.5, user.name: root, tags: [a]}\n";
        assert_eq!(
            misses(wrong, std::slice::from_ref(&event), &[]),
            [
                "source.ip: expected \"1.2.3.5\", got \"1.2.3.4\"",
                "user.name: expected \"root\", got nothing",
                "tags: expected [\"a\"], got [\"a\",{\"b\":1}]",
            ]
        );
        assert_eq!(
            misses("  expect: {absent: [user, source.ip]}\n", &[event], &[]),
            ["source.ip: expected nothing, got \"1.2.3.4\""]
        );
    }

    #[test]
    fn whole_events_are_compared_without_what_is_ignored() {
        let exactly = "  ignore: [event.id, time]\n  expect: [{exactly: {a: 1, event: {id: x}}}]\n";
        assert_eq!(misses(exactly, &[json!({"a": 1, "event": {"id": "y"}, "time": 5})], &[]), Vec::<String>::new());
        let missed = misses(exactly, &[json!({"a": 2})], &[]);
        assert!(missed[0].contains("-  \"a\": 1") && missed[0].contains("+  \"a\": 2"), "{missed:?}");
    }

    #[test]
    fn numbers_of_events_and_rejections_count() {
        let two = [json!({}), json!({})];
        assert_eq!(misses("  expect: {}\n", &two, &[]), ["expected 1 event, got 2"]);
        assert_eq!(misses("  expect: []\n", &[], &[]), Vec::<String>::new());
        assert_eq!(misses("  count: 2\n", &two, &[]), Vec::<String>::new());
        assert_eq!(misses("  count: 3\n", &two, &[]), ["expected 3 events, got 2"]);
        assert_eq!(misses("  rejected: no JSON\n", &[], &["it is no JSON at all"]), Vec::<String>::new());
        assert_eq!(
            misses("  rejected: [a, b]\n", &[json!({})], &["b", "c"]),
            ["expected 0 events, got 1", "expected to be rejected with `a`", "rejected: c"]
        );
        assert_eq!(misses("  expect: []\n", &[], &["c"]), ["rejected: c"]);
        assert!(misses("", &[json!({})], &[])[0].contains("--update"));
    }

    #[test]
    fn what_differs_from_run_to_run_is_found() {
        let one = json!({"event": {"id": "1", "kind": "event"}, "n": 1, "list": [1]});
        let other = json!({"event": {"id": "2", "kind": "event"}, "n": 1, "list": [2]});
        assert_eq!(differing(&one, &other), ["event.id", "list"]);
    }
}
