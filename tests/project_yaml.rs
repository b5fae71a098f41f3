//! The YAML reader: positions, bounds, and odd files.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::Path;

use proptest::prelude::*;
use resilmesh::project::yaml::{Node, Value, parse};
use serde_json::json;

fn good(text: &str) -> Node {
    parse(text, Path::new("x.yaml")).unwrap_or_else(|found| panic!("{text:?}: {found:?}"))
}

fn bad(text: &str) -> Vec<String> {
    let found = parse(text, Path::new("x.yaml")).expect_err(text);
    found.into_iter().map(|found| format!("{}: {}", found.at.expect("a place"), found.message)).collect()
}

#[test]
fn values_are_those_of_the_core_schema() {
    let text = "a: 1\nb: 0x1f\nc: 0o17\nd: -1.5e3\ne: true\nf: ~\ng:\nh: yes\ni: 1.2.3\nj: '1'\nk: !!str 2\nl: |\n  x\n  y\nm: .5\nn: 12e03\no: 1_000\np: 99999999999999999999\n";
    assert_eq!(
        good(text).to_json(),
        json!({"a": 1, "b": 31, "c": 15, "d": -1500.0, "e": true, "f": null, "g": null, "h": "yes", "i": "1.2.3", "j": "1",
               "k": "2", "l": "x\ny\n", "m": 0.5, "n": 12000.0, "o": "1_000", "p": 1e20})
    );
}

#[test]
fn an_empty_file_is_nothing() {
    for text in ["", "\n\n", "# only a remark\n", "---\n", "\u{feff}"] {
        assert_eq!(good(text).value, Value::Null, "{text:?}");
    }
}

#[test]
fn byte_order_marks_and_windows_line_ends_change_nothing() {
    let plain = good("a: 1\nb:\n  c: x\n");
    assert_eq!(good("\u{feff}a: 1\r\nb:\r\n  c: x\r\n"), plain);
}

#[test]
fn positions_are_those_an_editor_shows() {
    let node = good("é: 1\nlist:\n  - a\n  -  b: c\n");
    let Value::Mapping(entries) = &node.value else { panic!("a map") };
    assert_eq!((entries[0].1.at.line, entries[0].1.at.column), (1, 4));
    let Value::Sequence(items) = &entries[1].1.value else { panic!("a list") };
    assert_eq!((items[1].at.line, items[1].at.column), (4, 6));
}

#[test]
fn anchors_and_merge_keys_work() {
    let text = "base: &b {a: 1, b: 2}\nuse: *b\nmore:\n  <<: *b\n  b: 3\nboth:\n  <<: [*b, {c: 4}]\n";
    assert_eq!(
        good(text).to_json(),
        json!({"base": {"a": 1, "b": 2}, "use": {"a": 1, "b": 2}, "more": {"a": 1, "b": 3}, "both": {"a": 1, "b": 2, "c": 4}})
    );
    assert_eq!(bad("<<: 7\na: 1\n"), ["x.yaml:1:5: only a map can be merged with `<<`"]);
    assert_eq!(good("'<<': 7\n").to_json(), json!({"<<": 7}), "in quotes it is a key like others");
}

#[test]
fn a_bomb_of_aliases_is_refused_at_once() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    assert!(bad(&text)[0].contains("more than 100000 values"), "{:?}", bad(&text));
}

#[test]
fn nesting_is_bounded() {
    assert_eq!(bad(&"[".repeat(100_000)), ["x.yaml:1:256: not valid YAML: recursion limit exceeded"]);
    assert!(bad(&format!("{}1", "a: {".repeat(80)))[0].contains("nested deeper"));
}

#[test]
fn mistakes_have_places() {
    assert_eq!(
        bad("a: 1\nb: 2\na: 3\nb: 4\n"),
        ["x.yaml:3:1: key `a` is given twice, first in line 1", "x.yaml:4:1: key `b` is given twice, first in line 2"]
    );
    assert_eq!(bad("a: 1\n---\nb: 2\n"), ["x.yaml:2:1: a second document starts here, but a file holds one"]);
    assert_eq!(bad("? [a]\n: 1\n"), ["x.yaml:1:3: a key must be a word, not a list or a map"]);
    assert!(bad("a: *b\n")[0].starts_with("x.yaml:1:4: not valid YAML"), "{:?}", bad("a: *b\n"));
    assert!(bad("a:\n\tb: 1\n")[0].starts_with("x.yaml:2:"), "{:?}", bad("a:\n\tb: 1\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "([a-c]: |- |\\[|\\]|\\{|\\}|&a |\\*a|\n|  |\t|'|\"|#|\\||>|%|!|\\?|:|,|---|\\.\\.\\.|é|\\\\|\r|\u{0}|<<: |[0-9.]){0,30}") {
        if let Err(found) = parse(&text, Path::new("x.yaml")) {
            prop_assert!(!found.is_empty());
            let lines: Vec<&str> = text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect();
            for found in found {
                let at = found.at.expect("a place");
                prop_assert!(at.line >= 1 && at.column >= 1);
                prop_assert!(at.line as usize <= lines.len().max(1), "{at} of {text:?}");
                let length = lines.get(at.line as usize - 1).map_or(0, |line| line.chars().count());
                prop_assert!(at.column as usize <= length + 1, "{at} of {text:?}");
            }
        }
    }
}
