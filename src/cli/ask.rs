//! Settings asked for on a terminal, one after the other as they are declared. Enter keeps what a
//! setting is, or takes its default.

use std::collections::BTreeMap;
use std::fmt::Display;

use dialoguer::{Confirm, Input};
use serde_json::{Map, Value as Json};

use super::Context;
use super::failure::Failure;
use super::secret::Opened;
use super::secret_settings::{Asked, Declared};
use crate::mesh::model::{Setting, SettingType};
use crate::project::assign;
use crate::project::setting::show;
use crate::vault::SecretName;

/// Which settings are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All that are not given.
    All,
    /// Those without which the project would be wrong.
    Missing,
}

/// What may be asked.
#[derive(Debug)]
pub(super) struct Questions<'a> {
    /// Whose settings they are, for messages.
    pub(super) of: &'a str,
    /// The settings, in the order of the questions.
    pub(super) settings: &'a [&'a Setting],
    /// The secrets among them.
    pub(super) secrets: &'a [Declared<'a>],
    /// What they are now.
    pub(super) current: &'a BTreeMap<String, Json>,
    /// What is given already; null = back to the default.
    pub(super) given: &'a BTreeMap<String, Json>,
    /// The secrets that options name.
    pub(super) named: &'a [String],
    /// Which of them to ask.
    pub(super) which: Which,
}

/// What was answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Values, by setting.
    pub(super) values: BTreeMap<String, Json>,
    /// Secrets.
    pub(super) secrets: Asked,
}

impl Questions<'_> {
    /// Asks, if there is a terminal and nobody has said yes to everything.
    ///
    /// # Errors
    /// When a question cannot be asked, or the vault cannot be looked into.
    pub(super) fn ask(&self, cx: &Context, opened: &Opened) -> Result<Answers, Failure> {
        let mut answers = Answers::default();
        if !cx.ui.can_ask() || cx.yes {
            return Ok(answers);
        }
        for setting in self.settings {
            if setting.secret {
                self.secret(cx, opened, setting, &mut answers.secrets)?;
                continue;
            }
            let given = self.given.get(&setting.name);
            let current = if given.is_some() { None } else { self.current.get(&setting.name) };
            let is_missing = setting.required && setting.default.is_null() && current.is_none_or(Json::is_null);
            let wanted = match given {
                Some(Json::Null) => is_missing,
                Some(_) => false,
                None => self.which == Which::All || is_missing,
            };
            if wanted && let Some(answer) = plain(cx, setting, current)? {
                answers.values.insert(setting.name.clone(), answer);
            }
        }
        Ok(answers)
    }

    fn secret(&self, cx: &Context, opened: &Opened, setting: &Setting, asked: &mut Asked) -> Result<(), Failure> {
        let declared = self.secrets.iter().find(|one| one.setting.name == setting.name);
        let Some(declared) = declared.filter(|_| self.which == Which::All && !self.named.contains(&setting.name))
        else {
            return Ok(());
        };
        let name: SecretName = declared.name.parse()?;
        let is_there = opened.vault.contains(&name)?;
        let enter = match (is_there, setting.required) {
            (true, _) => " (Enter keeps it)",
            (false, true) => "",
            (false, false) => " (Enter leaves it out)",
        };
        describe(cx, setting);
        loop {
            let typed = cx.ui.hidden(&format!("Secret `{}` of {}{enter}", setting.name, self.of), None);
            let typed = typed.map_err(|why| Failure::new(format!("no secret `{}`: {why}", setting.name)))?;
            match typed {
                Some(value) if !value.is_empty() => asked.take(&setting.name, name, value),
                _ if setting.required && !is_there => {
                    cx.ui.progress("it is needed");
                    continue;
                }
                _ => asked.skip(&setting.name),
            }
            return Ok(());
        }
    }
}

/// Asks for one value; none = there is none, and none is needed.
fn plain(cx: &Context, setting: &Setting, current: Option<&Json>) -> Result<Option<Json>, Failure> {
    describe(cx, setting);
    let now = current.filter(|current| !current.is_null()).or(Some(&setting.default)).filter(|now| !now.is_null());
    match setting.kind {
        SettingType::Boolean => boolean(setting, now).map(Some),
        SettingType::Array => list(cx, setting, now),
        SettingType::Object if !setting.properties.is_empty() => map(cx, setting, now).map(Some),
        _ => line(setting, now),
    }
}

fn describe(cx: &Context, setting: &Setting) {
    if let Some(description) = &setting.description {
        cx.ui.progress(description);
    }
}

/// What a setting is called in its question.
fn label(setting: &Setting) -> String {
    let name = setting.title.as_deref().unwrap_or(&setting.name);
    if setting.choices.is_empty() {
        return name.to_owned();
    }
    format!("{name} ({})", setting.choices.iter().map(show).collect::<Vec<_>>().join(", "))
}

fn no_answer(setting: &Setting) -> impl Fn(dialoguer::Error) -> Failure + '_ {
    |error: dialoguer::Error| Failure::new(format!("no answer for setting `{}`: {error}", setting.name))
}

fn boolean(setting: &Setting, now: Option<&Json>) -> Result<Json, Failure> {
    let question = Confirm::new().with_prompt(label(setting)).wait_for_newline(true);
    let answer = question.default(now.and_then(Json::as_bool).unwrap_or(false)).interact();
    answer.map(Json::from).map_err(no_answer(setting))
}

/// A value on one line.
fn line(setting: &Setting, now: Option<&Json>) -> Result<Option<Json>, Failure> {
    // What has several lines cannot be shown as an answer; Enter keeps it all the same.
    let kept = now.map(show).filter(|now| !now.contains('\n'));
    let must = setting.required && now.is_none();
    let check = |text: &String| -> Result<(), String> {
        match text.as_str() {
            "" if must => Err("it is needed".to_owned()),
            "" => Ok(()),
            text if kept.as_deref() == Some(text) => Ok(()),
            text => assign::value(setting, &[text]).map(drop).map_err(|wrong| wrong.message),
        }
    };
    let mut question = Input::<String>::new().with_prompt(label(setting)).allow_empty(true).validate_with(check);
    if let Some(kept) = kept.clone().filter(|kept| !kept.is_empty()) {
        question = question.default(kept);
    }
    let answer = question.interact_text().map_err(no_answer(setting))?;
    if answer.is_empty() || kept.as_ref() == Some(&answer) {
        return Ok(now.cloned());
    }
    assign::value(setting, &[&answer]).map(Some).map_err(|wrong| Failure::new(wrong.message))
}

/// A list: an item on each line, ended by a blank one; maps one after the other.
fn list(cx: &Context, setting: &Setting, now: Option<&Json>) -> Result<Option<Json>, Failure> {
    let mut item = setting.items.as_deref().cloned().unwrap_or_else(|| Setting::new(&setting.name));
    if item.choices.is_empty() {
        item.choices.clone_from(&setting.choices);
    }
    if let Some(now) = now {
        let items = now.as_array().map_or(&[][..], Vec::as_slice);
        cx.ui.progress(format!("{} is {}", setting.name, items.iter().map(show).collect::<Vec<_>>().join(", ")));
    }
    let mut items = Vec::new();
    if item.kind == SettingType::Object && !item.properties.is_empty() {
        while another(setting, items.len())? {
            items.push(map(cx, &item, None)?);
        }
    } else {
        let keeps = if now.is_some() { "; Enter keeps it" } else { "" };
        let prompt = format!("{}, a line each, the last one blank{keeps}", label(setting));
        while let Some(one) = one_item(&item, if items.is_empty() { &prompt } else { "..." })? {
            items.push(one);
        }
    }
    Ok(if items.is_empty() { now.cloned() } else { Some(Json::Array(items)) })
}

fn another(setting: &Setting, count: usize) -> Result<bool, Failure> {
    let word = if count == 0 { "an" } else { "another" };
    let question = Confirm::new().with_prompt(format!("{word} item for {}?", label(setting))).wait_for_newline(true);
    question.default(false).interact().map_err(no_answer(setting))
}

fn one_item(item: &Setting, prompt: impl Display) -> Result<Option<Json>, Failure> {
    let check = |text: &String| -> Result<(), String> {
        if text.is_empty() { Ok(()) } else { assign::value(item, &[text]).map(drop).map_err(|wrong| wrong.message) }
    };
    let question = Input::<String>::new().with_prompt(prompt.to_string()).allow_empty(true).validate_with(check);
    let answer = question.interact_text().map_err(no_answer(item))?;
    if answer.is_empty() {
        return Ok(None);
    }
    assign::value(item, &[&answer]).map(Some).map_err(|wrong| Failure::new(wrong.message))
}

/// A map, entry by entry under its title; entries that are not declared stay.
fn map(cx: &Context, setting: &Setting, now: Option<&Json>) -> Result<Json, Failure> {
    cx.ui.progress(format!("{}:", label(setting)));
    let mut entries: Map<String, Json> = now.and_then(Json::as_object).cloned().unwrap_or_default();
    // What is secret has its place in the vault, which knows settings only.
    for own in setting.properties.iter().filter(|own| !own.secret) {
        let called = Setting { title: Some(format!("  {}", own.title.as_deref().unwrap_or(&own.name))), ..own.clone() };
        if let Some(value) = plain(cx, &called, entries.get(&own.name))? {
            entries.insert(own.name.clone(), value);
        }
    }
    Ok(Json::Object(entries))
}
