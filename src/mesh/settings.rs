//! Settings as written become settings as declared: typed, complete, known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde_json::Value;

use super::model::{Product, ProductSource, Setting};
use crate::project::code::Code;
use crate::project::decode::Located;
use crate::project::names;
use crate::project::position::{Diagnostic, Mark, Position};
use crate::project::schema::UnknownKeys;
use crate::project::setting;
use crate::project::yaml::Node;

/// Who declares settings, for messages and for how strict to be.
pub(super) struct Declared<'a> {
    pub(super) settings: &'a [&'a Setting],
    pub(super) by: String,
    /// What to make of undeclared settings.
    pub(super) undeclared: UnknownKeys,
}

/// A product in Meshroom's style may keep undeclared settings; ours may not.
pub(super) fn is_closed(product: &Product) -> bool {
    product.source == ProductSource::Builtin || product.service.is_some()
}

/// The settings with their defaults; secrets are left out.
pub(super) fn resolve(
    declared: &Declared<'_>,
    written: &BTreeMap<String, Located<Node>>,
    file: &Path,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Value> {
    resolve_over(declared, written, file, None, found)
}

/// Settings as written, and where.
type Written<'a> = (&'a BTreeMap<String, Located<Node>>, &'a Path);

/// As [`resolve`], with values that take the place of the others; one that is null, of the default.
pub(super) fn resolve_over(
    declared: &Declared<'_>,
    written: &BTreeMap<String, Located<Node>>,
    file: &Path,
    over: Option<Written<'_>>,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Value> {
    let mut resolved = self::written(declared, written, file, found);
    let mut said: BTreeSet<&String> = written.keys().filter(|name| has_value(written, name)).collect();
    if let Some((values, file)) = over {
        for name in values.keys() {
            resolved.remove(name);
            if has_value(values, name) {
                said.insert(name)
            } else {
                said.remove(name)
            };
        }
        resolved.extend(self::written(declared, values, file, found));
    }
    for own in declared.settings.iter().filter(|own| !own.secret && !said.contains(&own.name)) {
        if own.default.is_null() && own.required {
            found.push(
                Diagnostic::error(
                    Position::new(file, Mark::START),
                    format!("setting `{}` of {} is required", own.name, declared.by),
                )
                .coded(Code::MissingSetting)
                .with_hint_if(own.description.clone()),
            );
        }
        resolved.insert(own.name.clone(), own.default.clone());
    }
    resolved
}

/// Where the values stand that count in the end; what has its default stands nowhere.
pub(super) fn places(
    written: &BTreeMap<String, Located<Node>>,
    file: &Path,
    over: Option<Written<'_>>,
) -> BTreeMap<String, Position> {
    let mut places = BTreeMap::new();
    for (values, file) in std::iter::once((written, file)).chain(over) {
        for (name, value) in values {
            if has_value(values, name) {
                places.insert(name.clone(), Position::new(file, value.at));
            } else {
                places.remove(name);
            }
        }
    }
    places
}

/// The settings that are written, without defaults.
pub(super) fn written(
    declared: &Declared<'_>,
    written: &BTreeMap<String, Located<Node>>,
    file: &Path,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Value> {
    let known: HashMap<&str, &Setting> = declared.settings.iter().map(|own| (own.name.as_str(), *own)).collect();
    let mut resolved = BTreeMap::new();
    for (name, given) in written {
        let at = Position::new(file, given.at);
        match known.get(name.as_str()) {
            Some(own) if own.secret => found.push(
                Diagnostic::error(at, format!("setting `{name}` is secret and must not stand in the project"))
                    .coded(Code::SecretInProject)
                    .concealing()
                    .with_hint("take it out of the file, and change the secret: it may be in the history"),
            ),
            Some(_) if given.value.value == crate::project::yaml::Value::Null => {}
            Some(own) => match setting::value(own, &given.value) {
                Ok(value) => {
                    resolved.insert(name.clone(), value);
                }
                Err(wrong) => {
                    let wrong = Diagnostic::error(Position::new(file, given.value.at), wrong);
                    let wrong = wrong.coded(Code::SettingValue);
                    found.push(if own.holds_secret() { wrong.concealing() } else { wrong });
                }
            },
            None => {
                let message = format!("{} has no setting `{name}`", declared.by);
                let unknown = match declared.undeclared {
                    UnknownKeys::Refuse => Some(Diagnostic::error(at, message)),
                    UnknownKeys::WarnIfClose if !known.keys().any(|own| names::is_slip(name, own)) => None,
                    _ => Some(Diagnostic::warning(at, message)),
                };
                let none = || Some(format!("{} has no settings at all", declared.by));
                let hint = || names::suggest(name, known.keys().copied()).or_else(none);
                // It may be a secret with its name misspelt.
                let unknown = unknown.map(|unknown| unknown.coded(Code::UnknownSetting).concealing());
                found.extend(unknown.map(|unknown| unknown.with_hint_if(hint())));
                resolved.insert(name.clone(), given.value.to_json());
            }
        }
    }
    resolved
}

fn has_value(written: &BTreeMap<String, Located<Node>>, name: &str) -> bool {
    written.get(name).is_some_and(|given| given.value.value != crate::project::yaml::Value::Null)
}
