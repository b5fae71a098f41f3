use proptest::prelude::*;
use serde_json::json;

use super::*;

fn setting(name: &str, kind: SettingType) -> Setting {
    Setting { kind, secret: name == "token", ..Setting::new(name) }
}

fn settings() -> Vec<Setting> {
    let mut deep = setting("deep", SettingType::Object);
    let mut inner = setting("inner", SettingType::Object);
    inner.properties = vec![setting("on", SettingType::Boolean)];
    let mut one = setting("a", SettingType::String);
    one.default = json!("one");
    deep.properties = vec![one, setting("b", SettingType::Integer), inner, setting("token", SettingType::String)];
    let mut rules = setting("rules", SettingType::Array);
    let mut rule = setting("rules", SettingType::Object);
    rule.properties = vec![Setting { required: true, ..setting("port", SettingType::Integer) }];
    rules.items = Some(Box::new(rule));
    vec![
        setting("label", SettingType::String),
        setting("port", SettingType::Integer),
        setting("share", SettingType::Float),
        setting("tls", SettingType::Boolean),
        setting("include", SettingType::Array),
        setting("map", SettingType::Object),
        setting("token", SettingType::String),
        deep,
        rules,
    ]
}

fn given(given: &[Given], current: &Json) -> Result<Json, String> {
    let settings = settings();
    let settings: Vec<&Setting> = settings.iter().collect();
    let current = current.as_object().cloned().unwrap_or_default().into_iter().collect();
    parse(given, &settings, "product `p`", &current)
        .map(|values| json!(values))
        .map_err(|found| found.into_iter().map(|wrong| wrong.message).collect::<Vec<_>>().join("; "))
}

fn parsed(assignments: &[&str]) -> Result<Json, String> {
    let arguments: Vec<Given> = assignments.iter().map(|&one| Given::Argument(one.to_owned())).collect();
    given(&arguments, &json!({}))
}

#[test]
fn maps_are_made_entry_by_entry() {
    assert_eq!(parsed(&["deep.b=5"]), Ok(json!({"deep": {"a": "one", "b": 5}})));
    assert_eq!(
        parsed(&["deep.inner.on=yes", "deep={a: two}", "deep.b=7"]),
        Ok(json!({"deep": {"a": "two", "b": 7, "inner": {"on": true}}}))
    );
    let now = json!({"deep": {"a": "was", "b": 1}});
    assert_eq!(given(&[Given::Argument("deep.b=".to_owned())], &now), Ok(json!({"deep": {"a": "was"}})));
    assert_eq!(parsed(&["map.x=1", "map.y.z=a b"]), Ok(json!({"map": {"x": 1, "y": {"z": "a b"}}})));
    assert_eq!(parsed(&["rules={port: 1}", "rules={port: 2}"]), Ok(json!({"rules": [{"port": 1}, {"port": 2}]})));
    for (wrong, why) in [
        ("deep.b=x", "setting `deep.b` must be a whole number, but is the text `x`"),
        ("deep.c=1", "product `p` has no setting `deep.c`"),
        ("deep.=1", "product `p` has no setting `deep.`"),
        ("port.x=1", "product `p` has no setting `port.x`"),
        ("rules={}", "setting `rules[0]` lacks `port`"),
        ("rules=x", "each item of setting `rules` must be a map, but one is the text `x`"),
        ("deep.token=x", "setting `deep.token` is secret and must not stand on a command line or in the project"),
        ("deep={token: x}", "setting `deep.token` is secret and must not stand in the project"),
    ] {
        assert_eq!(parsed(&[wrong]), Err(why.to_owned()), "{wrong}");
    }
}

#[test]
fn files_give_one_setting_or_several() {
    let text = |key: &str, text: &str| Given::Text { key: key.to_owned(), text: text.to_owned() };
    assert_eq!(
        given(&[text("label", "a\nb"), text("include", "/a\n\n/b\n"), text("port", "7\n")], &json!({})),
        Ok(json!({"label": "a\nb", "include": ["/a", "/b"], "port": 7}))
    );
    assert_eq!(
        given(&[text("include", "- /a\n"), text("map", "x: [1]\n")], &json!({})),
        Ok(json!({"include": ["/a"], "map": {"x": [1]}}))
    );
    let document = |text: &str| {
        let node = yaml::parse(text, Path::new("x")).expect("YAML");
        let Value::Mapping(entries) = node.value else { unreachable!("a map") };
        Given::Document(entries.into_iter().map(|(key, node)| (key.text, node)).collect())
    };
    assert_eq!(
        given(&[Given::Argument("port=2".to_owned()), document("{port: 1, tls: on, label: null}")], &json!({})),
        Ok(json!({"port": 2, "tls": true, "label": null})),
        "what stands on the command line goes before what stands in a file"
    );
    assert_eq!(
        given(&[document("{token: x, prot: 1, port: many}")], &json!({})),
        Err("setting `token` is secret and must not stand on a command line or in the project; \
             product `p` has no setting `prot`; setting `port` must be a whole number, but is the text `many`"
            .to_owned())
    );
    assert!(given(&[text("token", "x")], &json!({})).is_err());
}

#[test]
fn values_are_typed_by_their_settings() {
    assert_eq!(parsed(&["label=a=b=c", "port=8080"]), Ok(json!({"label": "a=b=c", "port": 8080})));
    assert_eq!(parsed(&["label=true", "tls=yes"]), Ok(json!({"label": "true", "tls": true})));
    assert_eq!(parsed(&["include=/a", "include=/b"]), Ok(json!({"include": ["/a", "/b"]})));
    assert_eq!(parsed(&["include=[/a, '/b c']"]), Ok(json!({"include": ["/a", "/b c"]})));
    assert_eq!(parsed(&["include=/a"]), Ok(json!({"include": ["/a"]})));
    assert_eq!(parsed(&["map={\"a\": {\"b\": 1}}"]), Ok(json!({"map": {"a": {"b": 1}}})));
    assert_eq!(parsed(&["label=", "share=1.5"]), Ok(json!({"label": null, "share": 1.5})));
    assert_eq!(parsed(&["label=\"\""]), Ok(json!({"label": ""})));
}

#[test]
fn everything_wrong_is_said_at_once() {
    assert_eq!(
        parsed(&["label", "port=many", "tls=maybe", "prot=1", "port=2", "token=x", "map=[", "tls=on"]),
        Err("`label` has no `=`; \
             setting `map` cannot be `[`: not valid YAML: while parsing a node, did not find expected node content; \
             setting `port` is given more than once, but is no list; \
             product `p` has no setting `prot`; \
             setting `tls` is given more than once, but is no list; \
             setting `token` is secret and must not stand on a command line or in the project"
            .to_owned())
    );
    assert_eq!(parsed(&["port=many"]), Err("setting `port` must be a whole number, but is the text `many`".to_owned()));
}

proptest! {
    #[test]
    fn no_value_is_too_odd(key in "label|port|share|tls|include|map|token|x|deep|deep.[ab.]{1,3}|rules|map.x", value in ".{0,40}") {
        let _ = parsed(&[&format!("{key}={value}")]);
        if !value.is_empty() && value != "\"\"" {
            prop_assert_eq!(parsed(&[&format!("label={value}")]), Ok(json!({"label": value})));
        }
    }
}
