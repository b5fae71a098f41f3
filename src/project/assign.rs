//! `KEY=VALUE` of a command line: typed by the setting it is for.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

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

/// The values that the assignments give, by setting; null = back to the default.
///
/// The first `=` splits. A text is taken as it stands (`""` is the empty text); a list by repetition
/// or as YAML (`[a, b]`), a map as YAML (`{a: 1}`). Nothing behind the `=` unsets.
///
/// # Errors
/// Everything wrong with them.
pub fn parse(assignments: &[String], settings: &[&Setting], by: &str) -> Result<BTreeMap<String, Json>, Vec<Wrong>> {
    let mut given: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut found = Vec::new();
    for assignment in assignments {
        match assignment.split_once('=') {
            Some((key, value)) => given.entry(key).or_default().push(value),
            None => found.push(Wrong {
                message: format!("`{assignment}` has no `=`"),
                hint: Some("settings are given as KEY=VALUE".to_owned()),
            }),
        }
    }
    let mut values = BTreeMap::new();
    for (key, texts) in given {
        let Some(setting) = settings.iter().find(|setting| setting.name == key) else {
            let hint = names::suggest(key, settings.iter().map(|setting| setting.name.as_str()));
            found.push(Wrong { message: format!("{by} has no setting `{key}`"), hint });
            continue;
        };
        match value(setting, &texts) {
            Ok(value) => {
                values.insert(key.to_owned(), value);
            }
            Err(wrong) => found.push(wrong),
        }
    }
    if found.is_empty() { Ok(values) } else { Err(found) }
}

/// The value of one setting from the texts given for it.
pub fn value(setting: &Setting, texts: &[&str]) -> Result<Json, Wrong> {
    if setting.secret {
        return Err(Wrong {
            message: format!(
                "setting `{}` is secret and must not stand on a command line or in the project",
                setting.name
            ),
            hint: Some("other users of this machine can see command lines".to_owned()),
        });
    }
    let node = match (setting.kind, texts) {
        (_, [""]) => return Ok(Json::Null),
        (SettingType::String, ["\"\""]) => text_node(""),
        (SettingType::Array, [one]) if one.trim_start().starts_with('[') => yaml_node(setting, one)?,
        (SettingType::Array, many) => {
            let items = setting.items.unwrap_or_default();
            let nodes = many
                .iter()
                .map(|one| if items == SettingType::String { Ok(text_node(one)) } else { yaml_node(setting, one) });
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
        Setting {
            name: name.to_owned(),
            kind,
            default: Json::Null,
            description: None,
            secret: name == "token",
            required: false,
            choices: Vec::new(),
            items: None,
            format: None,
        }
    }

    fn parsed(assignments: &[&str]) -> Result<Json, String> {
        let settings = [
            setting("label", SettingType::String),
            setting("port", SettingType::Integer),
            setting("share", SettingType::Float),
            setting("tls", SettingType::Boolean),
            setting("include", SettingType::Array),
            setting("map", SettingType::Object),
            setting("token", SettingType::String),
        ];
        let assignments: Vec<String> = assignments.iter().map(|&one| one.to_owned()).collect();
        let settings: Vec<&Setting> = settings.iter().collect();
        parse(&assignments, &settings, "product `p`")
            .map(|values| json!(values))
            .map_err(|found| found.into_iter().map(|wrong| wrong.message).collect::<Vec<_>>().join("; "))
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
        fn no_value_is_too_odd(key in "label|port|share|tls|include|map|token|x", value in ".{0,40}") {
            let _ = parsed(&[&format!("{key}={value}")]);
            if !value.is_empty() && value != "\"\"" {
                prop_assert_eq!(parsed(&[&format!("label={value}")]), Ok(json!({"label": value})));
            }
        }
    }
}
