use std::path::Path;

use serde_json::json;

use super::*;
use crate::project::schema::tables::DEFINITION;
use crate::project::yaml;

/// The settings that a text declares, and what is found wrong.
fn declared(text: &str) -> (Vec<Setting>, Vec<String>) {
    let node = yaml::parse(text, Path::new("x.yaml")).expect("YAML");
    let mut report = Report::new(Path::new("x.yaml"));
    let mut fields = Fields::of(&node, "the product", &DEFINITION, &mut report).expect("a map");
    let settings = decode_list(&mut fields, "settings", &mut report);
    (settings, report.found.into_iter().map(|found| found.message).collect())
}

fn take(setting: &Setting, text: &str) -> Result<Json, String> {
    value(setting, &yaml::parse(text, Path::new("x.yaml")).expect("YAML"))
}

#[test]
fn types_nest() {
    let (settings, found) = declared(
        "settings:\n- name: zones\n  type: array\n  items: string\n- name: deep\n  type: [object, 'null']\n  properties:\n  - {name: a, default: one}\n  - {name: b, type: integer, required: true}\n- name: rules\n  items: {type: object, properties: {port: {type: integer}, words: {items: {type: [string, 'null']}}}, required: [port]}\n",
    );
    assert_eq!(found, Vec::<String>::new());
    let kinds: Vec<_> = settings.iter().map(|own| own.kind).collect();
    assert_eq!(kinds, [SettingType::Array, SettingType::Object, SettingType::Array]);
    assert_eq!(take(&settings[0], "[a, b]"), Ok(json!(["a", "b"])));
    assert_eq!(
        take(&settings[0], "[1]"),
        Err("each item of setting `zones` must be a text (put it in quotes), but one is the number `1`".to_owned())
    );
    assert_eq!(take(&settings[1], "{b: 5, more: [1]}"), Ok(json!({"a": "one", "b": 5, "more": [1]})));
    assert_eq!(take(&settings[1], "{a: x}"), Err("setting `deep` lacks `b`".to_owned()));
    assert_eq!(take(&settings[2], "[{port: 1, words: [x]}]"), Ok(json!([{"port": 1, "words": ["x"]}])));
    assert_eq!(take(&settings[2], "[{port: 1}, {}]"), Err("setting `rules[1]` lacks `port`".to_owned()));
    assert_eq!(
        take(&settings[2], "[{port: x}]"),
        Err("setting `rules[0].port` must be a whole number, but is the text `x`".to_owned())
    );
}

#[test]
fn a_json_schema_will_do() {
    let (settings, found) = declared(
        "settings:\n  type: object\n  properties:\n    level: {enum: [low, high, null], description: How much}\n    share: {type: number}\n    tls: {type: object, properties: {verify: {type: boolean, default: true}}}\n  required: [level]\n",
    );
    assert_eq!(found, Vec::<String>::new());
    let names: Vec<&str> = settings.iter().map(|own| own.name.as_str()).collect();
    assert_eq!(names, ["level", "share", "tls"]);
    assert!(settings[0].required && !settings[1].required);
    assert_eq!(take(&settings[0], "high"), Ok(json!("high")));
    assert_eq!(take(&settings[0], "mid"), Err("setting `level` must be one of `low`, `high`, but is `mid`".to_owned()));
    assert_eq!(take(&settings[2], "{}"), Ok(json!({"verify": true})));
}

#[test]
fn settings_are_read_as_the_python_package_writes_them() {
    let (settings, found) = declared(
        "settings:\n- name: rules\n  type: array\n  items:\n  - {name: port, type: integer, required: true}\n  - {name: word}\n- {name: any, type: array, items: []}\n",
    );
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(take(&settings[0], "[{port: 1, word: x}]"), Ok(json!([{"port": 1, "word": "x"}])));
    assert_eq!(take(&settings[0], "[{word: x}]"), Err("setting `rules[0]` lacks `port`".to_owned()));
    assert_eq!(take(&settings[1], "[1, x]"), Ok(json!([1, "x"])));
}

#[test]
fn a_json_schema_says_in_its_own_words_what_is_secret() {
    let (settings, found) =
        declared("settings: {properties: {pin: {writeOnly: true}, code: {format: password}, mail: {format: email}}}\n");
    assert_eq!(found, Vec::<String>::new());
    let secret: Vec<&str> = settings.iter().filter(|own| own.secret).map(|own| own.name.as_str()).collect();
    assert_eq!(secret, ["pin", "code"]);
}

#[test]
fn what_of_a_json_schema_is_not_understood_is_said() {
    let (_, found) = declared(
        "settings: {properties: {a: {$ref: '#/definitions/b'}, c: {oneOf: [{type: string}, {type: integer}]}}}\n",
    );
    assert_eq!(
        found,
        [
            "`$ref` of setting `a` is not understood, and left out of account",
            "`oneOf` of setting `c` is not understood, and left out of account",
        ]
    );
}

#[test]
fn what_cannot_be_meant_is_named() {
    let (settings, found) = declared(
        "settings:\n- {name: a, type: strin}\n- {name: a}\n- {name: b, type: object, properties: [{name: key, secret: true}]}\n- {name: c, type: integer, enum: [x]}\n- {name: d, type: integer, default: x}\n",
    );
    assert_eq!(settings.len(), 4);
    assert_eq!(
        found,
        [
            "type `strin` is unknown",
            "setting `a` is declared twice",
            "secret `key` lies in setting `b`, and only settings themselves can be secret",
            "a choice of setting `c` must be a whole number, but is the text `x`",
            "the default does not fit: setting `d` must be a whole number, but is the text `x`",
        ]
    );
    assert_eq!(
        take(&settings[1], "{key: x}"),
        Err("setting `b.key` is secret and must not stand in the project".to_owned())
    );
}

#[test]
fn a_secret_is_expected_unless_it_says_otherwise() {
    let (settings, _) = declared(
        "settings: [{name: a, secret: true}, {name: b, secret: true, required: false}, {name: c, secret: true, required: true}, {name: d}]\n",
    );
    let expected: Vec<bool> = settings.iter().map(Setting::is_expected_secret).collect();
    assert_eq!(expected, [true, false, true, false]);
}

#[test]
fn what_a_value_must_be_is_checked_with_its_type() {
    let (settings, found) = declared(
        "settings:\n- {name: age, format: timespan, default: 30d}\n- {name: risk, type: integer, minimum: 0, maximum: 100}\n- {name: size, pattern: '^[0-9]+MB$', examples: [8MB]}\n- {name: sizes, items: {format: bytes}}\n",
    );
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(take(&settings[0], "90d"), Ok(json!("90d")));
    assert_eq!(
        take(&settings[0], "7 parsecs"),
        Err("setting `age` must be a time with `s`, `m`, `h`, `d` or `w`, such as `30d`, but is `7 parsecs`".to_owned())
    );
    assert_eq!(take(&settings[1], "500"), Err("setting `risk` must be from 0 to 100, but is `500`".to_owned()));
    assert_eq!(
        take(&settings[2], "huge"),
        Err("setting `size` must be a text such as `8MB`, but is `huge`".to_owned())
    );
    assert!(take(&settings[3], "[1MB, x]").expect_err("the second").starts_with("setting `sizes[1]` must be a size"));
}

#[test]
fn what_is_said_of_values_in_vain_is_named() {
    let (_, found) = declared(
        "settings:\n- {name: a, format: timespam}\n- {name: b, pattern: '(?=x)'}\n- {name: c, minimum: low}\n- {name: d, format: timespan, default: soon}\n",
    );
    assert_eq!(
        found,
        [
            "format `timespam` of setting `a` is not known, and checks nothing",
            "`pattern` of setting `b` is not understood, and left out of account: error: look-around, including look-ahead and look-behind, is not supported",
            "`minimum` of setting `c` must be a number, but is the text `low`",
            "the default does not fit: setting `d` must be a time with `s`, `m`, `h`, `d` or `w`, such as `30d`, but is `soon`",
        ]
    );
}
