//! Three-way merge of a YAML document, key by key.
//!
//! Two people's changes of different keys merge, however close their lines are; of the same key they
//! are a conflict, marked around just that key. Comments stay: those of both sides if their lines
//! merge as well, else ours.

use std::collections::BTreeSet;
use std::path::Path;

use git2::{MergeFileInput, MergeFileOptions};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::project::edit::set_key;
use crate::project::{write, yaml};

/// What marks our side of a conflict, as git writes it.
pub const OURS: &str = "<<<<<<< ours";
const BETWEEN: &str = "=======";
const THEIRS: &str = ">>>>>>> theirs";

/// A key that both sides changed, each in its own way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyConflict {
    /// The key; that of its section before, with a dot between.
    pub key: String,
    /// Our value; none = taken out.
    pub ours: Option<Value>,
    /// Their value; none = taken out.
    pub theirs: Option<Value>,
}

/// What came of a merge.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The text, with markers around what is in conflict.
    pub text: String,
    /// What is in conflict.
    pub conflicts: Vec<KeyConflict>,
}

/// Merges two changed texts of a document. None if one of them is no document of keys.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Option<Merged> {
    let clean = |text: &str| Some(Merged { text: text.to_owned(), conflicts: Vec::new() });
    if ours == theirs || base == theirs {
        return clean(ours);
    }
    if base == ours {
        return clean(theirs);
    }
    let (base_map, our_map, their_map) = (read(base)?, read(ours)?, read(theirs)?);
    let mut wanted = Wanted { merged: Map::new(), conflicts: Vec::new() };
    wanted.document(&base_map, &our_map, &their_map);
    if wanted.conflicts.is_empty() {
        if let Some(text) = lines(base, ours, theirs).filter(|text| read(text).as_ref() == Some(&wanted.merged)) {
            return clean(&text);
        }
        let text = apply(ours, &our_map, &wanted.merged);
        if read(&text).as_ref() == Some(&wanted.merged) {
            return clean(&text);
        }
        return clean(&write::to_yaml(&wanted.merged.into_iter().collect()));
    }
    let text = mark(apply(ours, &our_map, &wanted.merged), &wanted.conflicts);
    let conflicts = wanted.conflicts.into_iter().map(Spot::told).collect();
    Some(Merged { text, conflicts })
}

fn read(text: &str) -> Option<Map<String, Value>> {
    match yaml::parse(text, Path::new("")).ok()?.to_json() {
        Value::Object(entries) => Some(entries),
        Value::Null => Some(Map::new()),
        _ => None,
    }
}

/// The merge of the lines, if they do.
fn lines(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let merged = text(base.as_bytes(), ours.as_bytes(), theirs.as_bytes())?;
    if merged.1 { String::from_utf8(merged.0).ok() } else { None }
}

/// Merges any text line by line: the result, and whether it is without conflicts. None if that
/// cannot be done.
pub fn text(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<(Vec<u8>, bool)> {
    let [mut one, mut two, mut three] = [(); 3].map(|()| MergeFileInput::new());
    let mut options = MergeFileOptions::new();
    options.our_label("ours").their_label("theirs");
    let (one, two, three) = (one.content(base), two.content(ours), three.content(theirs));
    let merged = git2::merge_file(one, two, three, Some(&mut options)).ok()?;
    Some((merged.content().to_owned(), merged.is_automergeable()))
}

/// A key in conflict, and the section it stands in.
struct Spot {
    section: Option<String>,
    key: String,
    ours: Option<Value>,
    theirs: Option<Value>,
}

impl Spot {
    fn told(self) -> KeyConflict {
        let key = self.section.map_or_else(|| self.key.clone(), |section| format!("{section}.{}", self.key));
        KeyConflict { key, ours: self.ours, theirs: self.theirs }
    }
}

/// What the document is to say. Keys in conflict have our value.
struct Wanted {
    merged: Map<String, Value>,
    conflicts: Vec<Spot>,
}

impl Wanted {
    fn document(&mut self, base: &Map<String, Value>, ours: &Map<String, Value>, theirs: &Map<String, Value>) {
        for key in keys([base, ours, theirs]) {
            let sides = [base.get(key), ours.get(key), theirs.get(key)];
            let value = match value(sides) {
                Ok(value) => value,
                Err(Conflict) => self.section(key, sides),
            };
            if let Some(value) = value {
                self.merged.insert(key.clone(), value);
            }
        }
    }

    /// A key that is in conflict as a whole, but perhaps only in some of the keys below it.
    fn section(&mut self, key: &str, sides: [Option<&Value>; 3]) -> Option<Value> {
        let [_, ours, theirs] = sides;
        let Some(maps) = maps(sides) else {
            self.conflicts.push(Spot {
                section: None,
                key: key.to_owned(),
                ours: ours.cloned(),
                theirs: theirs.cloned(),
            });
            return ours.cloned();
        };
        let mut merged = Map::new();
        for below in keys(maps.each_ref()) {
            let sides = maps.each_ref().map(|map| map.get(below));
            let value = value(sides).unwrap_or_else(|Conflict| {
                let [_, ours, theirs] = sides.map(Option::<&Value>::cloned);
                let section = Some(key.to_owned());
                self.conflicts.push(Spot { section, key: below.clone(), ours: ours.clone(), theirs });
                ours
            });
            merged.extend(value.map(|value| (below.clone(), value)));
        }
        (!merged.is_empty()).then_some(Value::Object(merged))
    }
}

struct Conflict;

fn keys(maps: [&Map<String, Value>; 3]) -> BTreeSet<&String> {
    maps.into_iter().flat_map(Map::keys).collect()
}

/// The sides as maps, if they can be seen so: what is missing on one side is an empty one.
fn maps(sides: [Option<&Value>; 3]) -> Option<[Map<String, Value>; 3]> {
    let is_one = sides.iter().any(|side| matches!(side, Some(Value::Object(_))));
    let fit = sides.iter().all(|side| matches!(side, None | Some(Value::Null | Value::Object(_))));
    (is_one && fit).then(|| sides.map(|side| side.and_then(Value::as_object).cloned().unwrap_or_default()))
}

/// The value that comes of three, as deep as there are maps.
fn value(sides: [Option<&Value>; 3]) -> Result<Option<Value>, Conflict> {
    let [base, ours, theirs] = sides;
    if ours == theirs || base == theirs {
        return Ok(ours.cloned());
    }
    if base == ours {
        return Ok(theirs.cloned());
    }
    let maps = maps(sides).ok_or(Conflict)?;
    let mut merged = Map::new();
    for key in keys(maps.each_ref()) {
        merged.extend(value(maps.each_ref().map(|map| map.get(key)))?.map(|value| (key.clone(), value)));
    }
    Ok((!merged.is_empty()).then_some(Value::Object(merged)))
}

/// Our text, changed to say what is wanted.
fn apply(ours: &str, old: &Map<String, Value>, wanted: &Map<String, Value>) -> String {
    let mut text = ours.to_owned();
    for key in keys([old, wanted, &Map::new()]) {
        match (old.get(key), wanted.get(key)) {
            (old, new) if old == new => {}
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                for below in keys([old, new, &Map::new()]) {
                    if old.get(below) != new.get(below) {
                        text = set_key(&text, Some(key), below, new.get(below));
                    }
                }
            }
            (_, new) => text = set_key(&text, None, key, new),
        }
    }
    text
}

/// The text with both sides' values between markers at each key that is in conflict. Each key gets a
/// token for a value first: once there are markers, the text is no YAML any more.
fn mark(mut text: String, conflicts: &[Spot]) -> String {
    let mut token = "resilmesh-conflict".to_owned();
    while text.contains(&token) {
        token.push('-');
    }
    for (number, spot) in conflicts.iter().enumerate() {
        let value = Value::from(format!("{token}{number}."));
        text = set_key(&text, spot.section.as_deref(), &spot.key, Some(&value));
    }
    let marked = |line: &str| {
        let found = conflicts.iter().enumerate().find(|(number, _)| line.contains(&format!("{token}{number}.")));
        found.map_or_else(|| vec![line.to_owned()], |(_, spot)| block(spot, line))
    };
    text.lines().flat_map(marked).map(|line| format!("{line}\n")).collect()
}

/// The lines of both sides between markers, indented as `line` is.
fn block(spot: &Spot, line: &str) -> Vec<String> {
    let indent = &line[..line.len() - line.trim_start().len()];
    let side = |value: &Option<Value>| -> Vec<String> {
        let yaml = value.iter().map(|value| write::to_yaml(&[(spot.key.clone(), value.clone())].into()));
        yaml.flat_map(|yaml| yaml.lines().map(|line| format!("{indent}{line}")).collect::<Vec<_>>()).collect()
    };
    let marker = |text: &str| vec![text.to_owned()];
    [marker(OURS), side(&spot.ours), marker(BETWEEN), side(&spot.theirs), marker(THEIRS)].concat()
}

/// Whether a text has markers of a conflict in it.
pub fn has_markers(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"<<<<<<< "))
}

#[cfg(test)]
mod tests;
