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
        assigner.take_document(key, node);
    }
    let mut arguments: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in given {
        match one {
            Given::Document(_) => {}
            Given::Text { key, text } => assigner.take_text(key, text),
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
    fn take_document(&mut self, key: &str, node: &Node) {
        self.assign(key, |target| match target {
            Target::Setting(setting) if setting.secret => Err(secret(setting)),
            Target::Setting(setting) if node.value != Value::Null => setting::value(setting, node).map_err(wrong),
            _ => Ok(node.to_json()),
        });
    }

    fn take_text(&mut self, key: &str, text: &str) {
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
mod tests;
