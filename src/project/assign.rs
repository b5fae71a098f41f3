//! `KEY=VALUE` of a command line: typed by the setting it is for.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::names;
use super::position::Mark;
use super::setting;
use super::yaml::{self, Node, Value};
use crate::mesh::model::{Setting, SettingType};

/// What is wrong with an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What and why.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

fn wrong(message: String) -> Wrong {
    Wrong { message, hint: None }
}

/// Something that a setting is given, and where from.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// `KEY=VALUE`, as it stands on a command line.
    Argument(String),
    /// The whole text of a file, for one setting.
    Text {
        /// The setting.
        key: String,
        /// The text.
        text: String,
    },
    /// A document that gives several settings; it goes behind what the others give.
    Document(Vec<(String, Node)>),
}

/// The values that are given, by setting; null = back to the default. `current` is what the settings
/// are now, for what changes a part of one.
///
/// The first `=` splits. A text is taken as it stands (`""` is the empty text); a list by repetition
/// or as YAML (`[a, b]`), a map as YAML (`{a: 1}`) or entry by entry (`map.a=1`). Nothing behind the
/// `=` unsets.
///
/// # Errors
/// Everything wrong with them.
pub fn parse(
    given: &[Given],
    settings: &[&Setting],
    by: &str,
    current: &BTreeMap<String, Json>,
) -> Result<BTreeMap<String, Json>, Vec<Wrong>> {
    let mut assigner = Assigner { settings, by, current, values: BTreeMap::new(), found: Vec::new() };
    let documents =
        given.iter().filter_map(|one| if let Given::Document(entries) = one { Some(entries) } else { None });
    for (key, node) in documents.flatten() {
        assigner.from_document(key, node);
    }
    let mut arguments: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in given {
        match one {
            Given::Document(_) => {}
            Given::Text { key, text } => assigner.from_text(key, text),
            Given::Argument(argument) => match argument.split_once('=') {
                Some((key, value)) => arguments.entry(key).or_default().push(value),
                None => assigner.found.push(Wrong {
                    message: format!("`{argument}` has no `=`"),
                    hint: Some("settings are given as KEY=VALUE".to_owned()),
                }),
            },
        }
    }
    for (key, texts) in arguments {
        assigner.assign(key, |target| match target {
            Target::Setting(setting) => value(setting, &texts),
            Target::Anything => Ok(anything(&texts)),
        });
    }
    assigner.check_maps();
    if assigner.found.is_empty() { Ok(assigner.values) } else { Err(assigner.found) }
}

/// What is given something.
enum Target<'a> {
    Setting(&'a Setting),
    /// An entry of a map that says nothing of its entries.
    Anything,
}

struct Assigner<'a> {
    settings: &'a [&'a Setting],
    by: &'a str,
    current: &'a BTreeMap<String, Json>,
    values: BTreeMap<String, Json>,
    found: Vec<Wrong>,
}

impl Assigner<'_> {
    fn from_document(&mut self, key: &str, node: &Node) {
        self.assign(key, |target| match target {
            Target::Setting(setting) if setting.secret => Err(secret(setting)),
            Target::Setting(setting) if node.value != Value::Null => setting::value(setting, node).map_err(wrong),
            _ => Ok(node.to_json()),
        });
    }

    fn from_text(&mut self, key: &str, text: &str) {
        self.assign(key, |target| {
            let Target::Setting(setting) = target else { return Ok(text.into()) };
            Self::of_file(setting, text)
        });
    }

    /// The value of a setting from a whole file.
    fn of_file(setting: &Setting, text: &str) -> Result<Json, Wrong> {
        match setting.kind {
            _ if setting.secret => Err(secret(setting)),
            SettingType::String => setting::value(setting, &text_node(text)).map_err(wrong),
            SettingType::Array => match yaml_node(setting, text) {
                Ok(node) if matches!(node.value, Value::Sequence(_)) => setting::value(setting, &node).map_err(wrong),
                // Not a list in YAML: an item on each line.
                _ => value(setting, &text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>()),
            },
            _ => setting::value(setting, &yaml_node(setting, text)?).map_err(wrong),
        }
    }

    /// Gives the setting that `key` names, or the entry of a map (`map.entry`), what `value` makes for it.
    fn assign(&mut self, key: &str, value: impl FnOnce(Target<'_>) -> Result<Json, Wrong>) {
        if let Some(setting) = self.settings.iter().find(|setting| setting.name == key) {
            match value(Target::Setting(setting)) {
                Ok(value) => drop(self.values.insert(key.to_owned(), value)),
                Err(wrong) => self.found.push(wrong),
            }
            return;
        }
        let Some((top, path, leaf)) = self.entry(key) else {
            let known: Vec<String> = self.settings.iter().flat_map(|setting| paths(setting)).collect();
            let hint = names::suggest(key, known.iter().map(String::as_str));
            self.found.push(Wrong { message: format!("{} has no setting `{key}`", self.by), hint });
            return;
        };
        match value(leaf.as_ref().map_or(Target::Anything, Target::Setting)) {
            Ok(value) => {
                let (name, now) = (&top.name, self.values.get(&top.name));
                let now = now.or_else(|| self.current.get(name)).filter(|now| now.is_object()).unwrap_or(&top.default);
                let mut map = now.clone();
                put(&mut map, &path, value);
                self.values.insert(name.clone(), map);
            }
            Err(wrong) => self.found.push(wrong),
        }
    }

    /// The map that `key` names an entry of, the way to the entry, and what it must be; none = anything.
    fn entry<'k>(&self, key: &'k str) -> Option<(Setting, Vec<&'k str>, Option<Setting>)> {
        let mut tops = self.settings.iter().filter(|own| own.kind == SettingType::Object && !own.secret);
        let (top, rest) = tops.find_map(|own| Some((own, key.strip_prefix(own.name.as_str())?.strip_prefix('.')?)))?;
        let path: Vec<&str> = rest.split('.').collect();
        if path.iter().any(|part| part.is_empty()) {
            return None;
        }
        let mut leaf = Some((*top).clone());
        for part in &path {
            let Some(map) = &leaf else { break };
            leaf = match map.properties.iter().find(|own| own.name == *part) {
                Some(own) => Some(own.clone()),
                // A map that says nothing of its entries takes any.
                None if map.kind == SettingType::Object && map.properties.is_empty() => None,
                None => return None,
            };
        }
        let leaf = leaf.map(|own| Setting { name: key.to_owned(), ..own });
        Some(((*top).clone(), path, leaf))
    }

    /// A map made entry by entry must be whole in the end.
    fn check_maps(&mut self) {
        let maps = self.settings.iter().filter(|own| own.kind == SettingType::Object);
        for setting in maps {
            let Some(map @ Json::Object(_)) = self.values.get(&setting.name) else { continue };
            match yaml_node(setting, &map.to_string()).and_then(|node| setting::value(setting, &node).map_err(wrong)) {
                Ok(whole) => drop(self.values.insert(setting.name.clone(), whole)),
                Err(wrong) => self.found.push(wrong),
            }
        }
    }
}

/// The names by which a setting and its entries can be given.
fn paths(setting: &Setting) -> Vec<String> {
    let below = setting.properties.iter().flat_map(paths).map(|path| format!("{}.{path}", setting.name));
    std::iter::once(setting.name.clone()).chain(below).collect()
}

/// Puts a value at a path of a map; null takes out what is there.
fn put(map: &mut Json, path: &[&str], value: Json) {
    let Some((first, rest)) = path.split_first() else {
        *map = value;
        return;
    };
    if !map.is_object() {
        *map = Json::Object(Map::new());
    }
    let Some(entries) = map.as_object_mut() else { return };
    if rest.is_empty() && value.is_null() {
        entries.remove(*first);
    } else {
        put(entries.entry(*first).or_insert(Json::Null), rest, value);
    }
}

/// What texts mean where nothing says what they must be.
fn anything(texts: &[&str]) -> Json {
    let one = |text: &&str| yaml::parse(text, Path::new("")).map_or_else(|_| Json::from(*text), |node| node.to_json());
    match texts {
        [text] => one(text),
        several => several.iter().map(one).collect(),
    }
}

fn secret(setting: &Setting) -> Wrong {
    Wrong {
        message: format!("setting `{}` is secret and must not stand on a command line or in the project", setting.name),
        hint: Some(format!("`-s {}` asks for it, or reads it from standard input", setting.name)),
    }
}

/// The value of one setting from the texts given for it.
pub fn value(setting: &Setting, texts: &[&str]) -> Result<Json, Wrong> {
    if setting.secret {
        return Err(secret(setting));
    }
    let node = match (setting.kind, texts) {
        (_, [""]) => return Ok(Json::Null),
        (SettingType::String, ["\"\""]) => text_node(""),
        (SettingType::Array, [one]) if one.trim_start().starts_with('[') => yaml_node(setting, one)?,
        (SettingType::Array, many) => {
            let is_text = setting.items.as_ref().is_none_or(|items| items.kind == SettingType::String);
            let nodes = many.iter().map(|one| if is_text { Ok(text_node(one)) } else { yaml_node(setting, one) });
            node(Value::Sequence(nodes.collect::<Result<_, _>>()?))
        }
        (_, [_, _, ..]) => {
            return Err(wrong(format!("setting `{}` is given more than once, but is no list", setting.name)));
        }
        (SettingType::String, [one]) => text_node(one),
        (_, [one]) => yaml_node(setting, one)?,
        (_, []) => return Ok(Json::Null),
    };
    setting::value(setting, &node).map_err(wrong)
}

fn yaml_node(setting: &Setting, text: &str) -> Result<Node, Wrong> {
    yaml::parse(text, Path::new("")).map_err(|found| {
        let why = found.first().map_or("", |found| found.message.as_str());
        wrong(format!("setting `{}` cannot be `{}`: {why}", setting.name, text.escape_debug()))
    })
}

fn text_node(text: &str) -> Node {
    node(Value::Text { text: text.to_owned(), plain: false })
}

fn node(value: Value) -> Node {
    Node { value, at: Mark::START }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            parsed(&["port=many"]),
            Err("setting `port` must be a whole number, but is the text `many`".to_owned())
        );
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
}
