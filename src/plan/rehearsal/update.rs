//! Writing into a test file what came out, where something else was expected.

use serde_json::{Value as Json, json};

use super::Outcome;
use super::verdict::{Miss, differing, without};
use crate::project::replace::{self, Step};
use crate::project::test_file::Case;

/// What became of the text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The text.
    pub text: String,
    /// How many expectations were changed.
    pub changed: usize,
    /// What a person has to decide.
    pub left: usize,
}

/// The text with the expectations that were missed made those that came out; all else stays. `again` is
/// the outcome of the same case once more, which shows what differs each time.
pub fn update(text: &str, case: &Case, misses: &[Miss<'_>], outcome: &Outcome, again: &Outcome) -> Updated {
    let mut updated = Updated { text: text.to_owned(), changed: 0, left: 0 };
    for miss in misses {
        let edited = match miss {
            Miss::Undecided => decide(&updated.text, case, outcome, again),
            Miss::Field { field, got, .. } => {
                replace::value(&updated.text, &field.steps, got.as_ref().unwrap_or(&Json::Null))
            }
            Miss::Exactly { field, got, expected, .. } => exactly(&updated.text, &field.steps, expected, got),
            // Whether such a thing is right cannot be seen from what came out.
            Miss::Count { .. }
            | Miss::Present { .. }
            | Miss::Condition { .. }
            | Miss::NotRejected(_)
            | Miss::Rejected(_) => None,
        };
        match edited {
            Some(text) => {
                updated.text = text;
                updated.changed += 1;
            }
            None => updated.left += 1,
        }
    }
    updated
}

/// Changes the values in which two events differ, or the whole event if one has other fields.
fn exactly(text: &str, steps: &[Step], expected: &Json, got: &Json) -> Option<String> {
    let mut changes = Vec::new();
    if !values(expected, got, steps, &mut changes) {
        return replace::value(text, steps, got);
    }
    changes.into_iter().try_fold(text.to_owned(), |text, (steps, value)| replace::value(&text, &steps, &value))
}

/// Collects the values in which two events differ; whether they have the same fields.
fn values(expected: &Json, got: &Json, steps: &[Step], changes: &mut Vec<(Vec<Step>, Json)>) -> bool {
    match (expected, got) {
        (Json::Object(entries), Json::Object(others)) => {
            entries.len() == others.len()
                && entries.iter().all(|(key, value)| {
                    let inner: Vec<Step> = steps.iter().cloned().chain([Step::Key(key.clone())]).collect();
                    others.get(key).is_some_and(|other| values(value, other, &inner, changes))
                })
        }
        _ => {
            if expected != got {
                changes.push((steps.to_vec(), got.clone()));
            }
            true
        }
    }
}

/// Writes whole events as expected, and which of their fields differ each time.
fn decide(text: &str, case: &Case, outcome: &Outcome, again: &Outcome) -> Option<String> {
    if !outcome.rejected.is_empty() {
        return None;
    }
    let mut ignore = case.ignore.clone();
    for (one, other) in outcome.events.iter().zip(&again.events) {
        ignore.extend(differing(one, other).into_iter().filter(|path| !case.ignore.contains(path)));
    }
    let mut seen = std::collections::BTreeSet::new();
    ignore.retain(|path| seen.insert(path.clone()));
    let expect: Vec<Json> = outcome.events.iter().map(|event| json!({"exactly": without(event, &ignore)})).collect();
    let with_expect = replace::insert(text, &case.steps(), "expect", &Json::Array(expect))?;
    if ignore == case.ignore {
        return Some(with_expect);
    }
    let own: Vec<Step> = case.steps().into_iter().chain([Step::Key("ignore".to_owned())]).collect();
    let ignore = json!(ignore);
    replace::value(&with_expect, &own, &ignore)
        .or_else(|| replace::insert(&with_expect, &case.steps(), "ignore", &ignore))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::rehearsal::verdict::judge;
    use crate::project::test_file::{Owner, load};

    fn updated(text: &str, events: &[Json], again: &[Json]) -> Updated {
        let mut found = Vec::new();
        let file = load::read("t.yaml".into(), Owner::Product("p".to_owned()), text.to_owned(), &mut found);
        assert_eq!(found, []);
        let case = file.and_then(|file| file.cases.into_iter().next()).unwrap_or_else(|| panic!("a case"));
        let outcome = |events: &[Json]| Outcome { events: events.to_vec(), ..Outcome::default() };
        let misses = judge(&case, &outcome(events));
        update(text, &case, &misses, &outcome(events), &outcome(again))
    }

    #[test]
    fn only_what_was_missed_changes() {
        let text = "\
schema: 1
cases:
  # a login
  - name: one
    transform: t.vrl
    line: x
    expect:
      source.ip: 1.2.3.4   # the client
      user.name: root
      absent.field: 5
";
        let event = json!({"source": {"ip": "::1"}, "user": {"name": "root"}, "more": 1});
        let updated = updated(text, &[event], &[]);
        let wanted = text.replace("1.2.3.4 ", "\"::1\" ").replace("absent.field: 5", "absent.field: null");
        assert_eq!(updated, Updated { text: wanted, changed: 2, left: 0 });
    }

    #[test]
    fn a_case_without_expectations_gets_the_whole_event_but_for_what_differs() {
        let text = "schema: 1\ntransform: t.vrl\ncases:\n  - name: one\n    line: x\n  - name: two\n    line: y\n";
        let (one, two) = (json!({"event": {"id": "1"}, "number": 1}), json!({"event": {"id": "2"}, "number": 1}));
        insta::assert_snapshot!(updated(text, &[one], &[two]).text, @r"
        schema: 1
        transform: t.vrl
        cases:
          - name: one
            line: x
            expect:
            - exactly:
                number: 1
            ignore:
            - event.id
          - name: two
            line: y
        ");
    }

    #[test]
    fn a_whole_event_keeps_its_comments_unless_it_has_other_fields() {
        let text = "\
schema: 1
cases:
- name: one
  transform: t
  line: x
  expect:
  - exactly:
      # where from
      source: {ip: 1.2.3.4}
      many: 1 # how many
";
        let changed = updated(text, &[json!({"source": {"ip": "1.2.3.4"}, "many": 2})], &[]).text;
        assert_eq!(changed, text.replace("many: 1 #", "many: 2 #"));
        let changed = updated(text, &[json!({"many": 2})], &[]).text;
        assert!(changed.ends_with("  - exactly:\n      # where from\n      many: 2 # how many\n"), "{changed}");
    }

    #[test]
    fn what_a_person_must_decide_stays() {
        let text = "schema: 1\ncases:\n- {name: one, transform: t, line: x, expect: {absent: [a]}}\n";
        let updated = updated(text, &[json!({"a": 1}), json!({})], &[]);
        assert_eq!(updated, Updated { text: text.to_owned(), changed: 0, left: 2 });
    }
}
