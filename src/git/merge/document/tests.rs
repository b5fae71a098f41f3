use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const BASE: &str = "# the bus\nname: bus\nproduct: nats\nsettings:\n  # how much\n  max: 4\n  # how long\n  age: 30d\n";

fn merged(base: &str, ours: &str, theirs: &str) -> Merged {
    merge(base, ours, theirs).expect("documents")
}

#[test]
fn neighbouring_keys_merge_with_their_comments() {
    let ours = BASE.replace("max: 4", "max: 8 # more");
    let theirs = BASE.replace("age: 30d", "age: 90d");
    let merged = merged(BASE, &ours, &theirs);
    assert_eq!(merged.conflicts, []);
    insta::assert_snapshot!(merged.text, @"
    # the bus
    name: bus
    product: nats
    settings:
      # how much
      max: 8 # more
      # how long
      age: 90d
    ");
}

#[test]
fn keys_in_lines_that_git_cannot_merge_merge() {
    let base = "settings:\n  a: 1\n  b: 1\n";
    let (ours, theirs) = ("settings:\n  a: 2 # mine\n  b: 1\n", "zone: dmz\nsettings:\n  a: 1\n  b: 2\n  c: [x]\n");
    assert!(lines(base, ours, theirs).is_none());
    let merged = merged(base, ours, theirs);
    assert_eq!(merged.conflicts, []);
    insta::assert_snapshot!(merged.text, @"
    settings:
      a: 2 # mine
      b: 2
      c:
      - x
    zone: dmz
    ");
}

#[test]
fn one_key_changed_twice_is_a_conflict_around_that_key() {
    let ours = BASE.replace("age: 30d", "age: 60d").replace("max: 4", "max: 8");
    let theirs = BASE.replace("age: 30d", "age: 90d").replace("product: nats\n", "product: nats\nzone: dmz\n");
    let merged = merged(BASE, &ours, &theirs);
    assert_eq!(
        merged.conflicts,
        [KeyConflict { key: "settings.age".into(), ours: Some(json!("60d")), theirs: Some(json!("90d")) }]
    );
    insta::assert_snapshot!(merged.text, @r#"
    # the bus
    name: bus
    product: nats
    settings:
      # how much
      max: 8
      # how long
    <<<<<<< ours
      age: "60d"
    =======
      age: "90d"
    >>>>>>> theirs
    zone: dmz
    "#);
    assert!(has_markers(merged.text.as_bytes()) && !has_markers(BASE.as_bytes()));
}

#[test]
fn a_key_taken_out_here_and_changed_there_is_a_conflict() {
    let base = "settings:\n  a: 1\n";
    let merged = merged(base, "name: x\n", "settings:\n  a: {b: 2}\n");
    assert_eq!(merged.conflicts, [KeyConflict { key: "settings.a".into(), ours: None, theirs: Some(json!({"b": 2})) }]);
    assert_eq!(merged.text, "name: x\nsettings:\n<<<<<<< ours\n=======\n  a:\n    b: 2\n>>>>>>> theirs\n");
}

#[test]
fn a_list_is_one_value_and_both_may_make_the_same_file() {
    let merged_lists = merged("a: [x]\n", "a: [x, y]\n", "a: [x, z]\n");
    assert_eq!(merged_lists.conflicts.len(), 1);
    let both_new = merged("", "name: a\nzone: x\n", "name: a\nsettings: {b: 1}\n");
    assert_eq!(both_new.conflicts, []);
    assert_eq!(read(&both_new.text), read("name: a\nzone: x\nsettings: {b: 1}\n"));
}

#[test]
fn what_is_no_document_of_keys_is_not_merged() {
    assert_eq!(merge("a: 1\n", "a: [\n", "a: 2\n"), None);
    assert_eq!(merge("- a\n", "- a\n- b\n", "- c\n"), None);
    assert_eq!(merge("a: 1\n", "a: 1\na: 2\n", "a: 2\n"), None);
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-c]".prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        prop::collection::vec("[a-b]", 1..3).prop_map(Value::from),
        prop::collection::btree_map("[a-b]", 0..2_i64, 1..3).prop_map(|map| json!(map)),
    ]
}

fn document() -> impl Strategy<Value = String> {
    let map = |keys: &'static str| prop::collection::btree_map(keys, value(), 0..4);
    (map("[a-d]"), map("[e-g]"), "(#[a-z ]{0,5}\n)?").prop_map(|(settings, mut top, remark)| {
        if !settings.is_empty() {
            top.insert("settings".to_owned(), json!(settings));
        }
        format!("{remark}{}", write::to_yaml(&top.into_iter().collect::<BTreeMap<_, _>>()))
    })
}

type Edit = (String, Option<Value>);

fn edits(keys: &'static str) -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec((keys, prop::option::of(value())), 0..4)
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let set = |text: String, (key, value): &Edit| set_key(&text, Some("settings"), key, value.as_ref());
    edits.iter().fold(text.to_owned(), set)
}

proptest! {
    #[test]
    fn who_changed_nothing_gets_the_other_side(base in document(), changed in document()) {
        for merged in [merged(&base, &base, &changed), merged(&base, &changed, &base), merged(&base, &changed, &changed)] {
            prop_assert_eq!(merged, Merged { text: changed.clone(), conflicts: Vec::new() });
        }
    }

    #[test]
    fn both_sides_get_the_same(base in document(), ours in document(), theirs in document()) {
        let (one, other) = (merged(&base, &ours, &theirs), merged(&base, &theirs, &ours));
        prop_assert_eq!(one.conflicts.len(), other.conflicts.len());
        for (one, other) in one.conflicts.iter().zip(&other.conflicts) {
            prop_assert_eq!((&one.key, &one.ours, &one.theirs), (&other.key, &other.theirs, &other.ours));
        }
        if one.conflicts.is_empty() {
            prop_assert_eq!(read(&one.text), read(&other.text));
        }
        prop_assert_eq!(has_markers(one.text.as_bytes()), !one.conflicts.is_empty());
    }

    /// No change of either side is lost without a conflict.
    #[test]
    fn every_change_is_there(base in document(), here in edits("[a-b]"), there in edits("[c-e]")) {
        let (ours, theirs) = (edited(&base, &here), edited(&base, &there));
        let merged = merged(&base, &ours, &theirs);
        prop_assert_eq!(&merged.conflicts, &[], "the keys are different ones");
        let [base, ours, theirs, result] = [&base, &ours, &theirs, &merged.text].map(|text| flat(text));
        for (key, value) in ours.iter().chain(&theirs) {
            if base.get(key) != Some(value) {
                prop_assert_eq!(result.get(key), Some(value), "{}", key);
            }
        }
        for key in base.keys().filter(|key| !ours.contains_key(*key) || !theirs.contains_key(*key)) {
            let changed = ours.get(key).or(theirs.get(key));
            prop_assert!(changed.is_some_and(|changed| Some(changed) != base.get(key)) || !result.contains_key(key), "{}", key);
        }
    }

    /// The side that is taken at each marker is the whole document of that side, if all is in conflict.
    #[test]
    fn taking_one_side_of_every_conflict_reads_as_yaml(base in document(), ours in document(), theirs in document()) {
        let merged = merged(&base, &ours, &theirs);
        for wanted in [true, false] {
            let mut keep = true;
            let mut inside = false;
            let text: String = merged.text.lines().filter(|line| {
                match *line {
                    OURS => { inside = true; keep = wanted; false }
                    BETWEEN if inside => { keep = !wanted; false }
                    THEIRS if inside => { inside = false; keep = true; false }
                    _ => keep,
                }
            }).map(|line| format!("{line}\n")).collect();
            let result = read(&text);
            prop_assert!(result.is_some(), "{}", text);
            for conflict in &merged.conflicts {
                let value = if wanted { &conflict.ours } else { &conflict.theirs };
                let there = conflict.key.split('.').try_fold(Value::Object(result.clone().unwrap_or_default()), |value, key| value.get(key).cloned());
                prop_assert_eq!(&there, value);
            }
        }
    }
}

/// The leaves of a document by their path; a list is a leaf.
fn flat(text: &str) -> BTreeMap<String, Value> {
    fn walk(path: &str, value: &Value, leaves: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| walk(&format!("{path}/{key}"), value, leaves)),
            leaf => drop(leaves.insert(path.to_owned(), leaf.clone())),
        }
    }
    let mut leaves = BTreeMap::new();
    walk("", &Value::Object(read(text).unwrap_or_default()), &mut leaves);
    leaves
}
