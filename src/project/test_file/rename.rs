//! An instance that test cases name gets another name.

use std::path::Path;

use serde_json::Value;

use crate::project::replace::{self, Step};
use crate::project::yaml;

/// The text of a file of test cases with the new name wherever one takes place at the instance. What cannot be
/// read, or not be changed by itself, stays as it is: `resilmesh test` tells of it.
pub fn in_tests(text: &str, old: &str, new: &str) -> String {
    let Ok(node) = yaml::parse(text, Path::new("")) else { return text.to_owned() };
    let document = node.to_json();
    let cases = document.get("cases").and_then(Value::as_array).into_iter().flatten().enumerate();
    let cases = cases.map(|(index, case)| (vec![Step::Key("cases".to_owned()), Step::Index(index)], case));
    let mut text = text.to_owned();
    for (place, said) in std::iter::once((Vec::new(), &document)).chain(cases) {
        for (key, change) in [("at", route as fn(&str, &str, &str) -> Option<String>), ("instance", whole)] {
            let changed = said.get(key).and_then(Value::as_str).and_then(|said| change(said, old, new));
            let steps: Vec<Step> = place.iter().cloned().chain([Step::Key(key.to_owned())]).collect();
            let edited = changed.and_then(|changed| {
                let plain = replace::plain(&text, &steps, &changed);
                plain.or_else(|| replace::value(&text, &steps, &changed.into()))
            });
            text = edited.unwrap_or(text);
        }
    }
    text
}

fn whole(said: &str, old: &str, new: &str) -> Option<String> {
    (said == old).then(|| new.to_owned())
}

/// `SOURCE -> DESTINATION`, each with or without `/TOPIC`.
fn route(said: &str, old: &str, new: &str) -> Option<String> {
    let end = |end: &str| {
        let name = end.split_once('/').map_or(end, |(name, _)| name);
        if name.trim() == old { end.replacen(old, new, 1) } else { end.to_owned() }
    };
    let renamed = said.split("->").map(end).collect::<Vec<_>>().join("->");
    (renamed != said).then_some(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_changes_where_a_case_takes_place_and_nowhere_else() {
        let text = "\
# a is tested
at: a -> b/a
cases:
  - name: a sends
    line: a -> b
  - name: back
    at: 'b/topic -> a/ecs_events' # there
    given: [{instance: a}]
  - {name: inside, instance: a, transform: a}
";
        let expected = "\
# a is tested
at: edge -> b/a
cases:
  - name: a sends
    line: a -> b
  - name: back
    at: \"b/topic -> edge/ecs_events\" # there
    given: [{instance: a}]
  - {name: inside, instance: edge, transform: a}
";
        assert_eq!(in_tests(text, "a", "edge"), expected);
        assert_eq!(in_tests(text, "ab", "edge"), text);
        assert_eq!(in_tests(": [", "a", "edge"), ": [");
    }
}
