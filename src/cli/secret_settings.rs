//! Secret settings: given with `-s`, a line of standard input each, or asked for on a terminal.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

use clap::Args;

use super::Context;
use super::failure::Failure;
use super::secret::Opened;
use crate::mesh::model::Setting;
use crate::project::names;
use crate::vault::{Secret, SecretName};

/// Which secrets are given.
#[derive(Debug, Default, Args)]
pub struct SecretArgs {
    /// Ask for a secret setting; without a terminal it is a line of standard input, in the order of
    /// these options. It goes into the vault, never into the project's files
    #[arg(short = 's', long = "read-secret", value_name = "KEY")]
    pub secrets: Vec<String>,
}

/// A secret setting with its name in the vault.
#[derive(Debug)]
pub(super) struct Declared<'a> {
    pub(super) setting: &'a Setting,
    pub(super) name: String,
}

/// Secrets that were given and are not in the vault yet.
#[derive(Debug, Default)]
pub(super) struct Given(Vec<(SecretName, Secret)>);

/// Which secrets a command goes without if nobody gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// None that are expected: what is new must be of use.
    Expected,
    /// None that are required.
    Required,
}

/// Secrets that somebody was asked for on a terminal.
#[derive(Debug, Default)]
pub(super) struct Asked {
    keys: BTreeSet<String>,
    given: Vec<(SecretName, Secret)>,
}

impl Asked {
    /// An answer for the setting `key`.
    pub(super) fn take(&mut self, key: &str, name: SecretName, value: Secret) {
        self.skip(key);
        self.given.push((name, value));
    }

    /// The setting `key` stays without an answer.
    pub(super) fn skip(&mut self, key: &str) {
        self.keys.insert(key.to_owned());
    }
}

/// Takes what is given, and asks for what is needed and not in the vault. Nothing is written.
///
/// # Errors
/// When a secret is not declared, not given, or needed and not to be had: all at once, if nobody
/// has to be asked first.
pub(super) fn take(
    cx: &Context,
    opened: &Opened,
    of: &str,
    declared: &[Declared<'_>],
    args: &SecretArgs,
    asked: Asked,
    need: Need,
) -> Result<Given, Failure> {
    let mut given = Vec::new();
    let mut input = BufReader::new(std::io::stdin());
    for key in &args.secrets {
        let Some(one) = declared.iter().find(|one| one.setting.name == *key) else { continue };
        given.push((one.name.parse()?, value(cx, of, key, &mut input)?));
    }
    // What is there already, without waiting for more: a key of several lines must not lose all but one.
    if !args.secrets.is_empty() && !input.buffer().is_empty() {
        return Err(Failure::new("standard input has more lines than there are options `-s`")
            .hint("each `-s` takes one line; `resilmesh secret set NAME -` takes all of it"));
    }
    let is_needed =
        |own: &Setting| own.required || (need == Need::Expected && own.is_expected_secret() && !cx.ui.can_ask());
    let is_open =
        |one: &&Declared<'_>| !args.secrets.contains(&one.setting.name) && !asked.keys.contains(&one.setting.name);
    let mut missing = Vec::new();
    for one in declared.iter().filter(|one| is_needed(one.setting)).filter(is_open) {
        let name: SecretName = one.name.parse()?;
        // `up` says so if Meshroom's vault turns out not to have it.
        if opened.vault.contains(&name)? || opened.beside()?.has(name.as_str()) != Some(false) {
            continue;
        }
        if cx.ui.can_ask() {
            given.push((name, value(cx, of, &one.setting.name, &mut input)?));
        } else {
            missing.push((one.setting, name));
        }
    }
    given.extend(asked.given);
    if missing.is_empty() { Ok(Given(given)) } else { Err(needs(of, &missing)) }
}

fn needs(of: &str, missing: &[(&Setting, SecretName)]) -> Failure {
    let keys = names::list(missing.iter().map(|(setting, _)| setting.name.as_str()));
    let word = if missing.len() == 1 { "secret" } else { "secrets" };
    let mut failure = Failure::new(format!("{of} needs {word} {keys}"));
    for (setting, name) in missing {
        let key = &setting.name;
        let hint = format!("`-s {key}` reads it from standard input; `resilmesh secret set {name}` sets it alone");
        failure = failure.hint(hint);
    }
    if missing.iter().any(|(setting, _)| !setting.required) {
        failure = failure.hint("a secret that one can do without says `required: false` where it is declared");
    }
    failure
}

/// Refuses options that name no secret, or one twice.
///
/// # Errors
/// Everything wrong with them.
pub(super) fn check(of: &str, settings: &[&Setting], asked: &[String]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut hints = Vec::new();
    let secrets: Vec<&str> =
        settings.iter().filter(|setting| setting.secret).map(|setting| setting.name.as_str()).collect();
    for key in asked {
        match settings.iter().find(|setting| setting.name == *key) {
            Some(setting) if setting.secret && !seen.insert(key) => wrong.push(format!("`-s {key}` is given twice")),
            Some(setting) if setting.secret => {}
            Some(_) => {
                wrong.push(format!("setting `{key}` of {of} is no secret"));
                hints.push(format!("`-c {key}=VALUE` gives it"));
            }
            None => {
                wrong.push(format!("{of} has no secret setting `{key}`"));
                hints.extend(names::suggest(key, secrets.iter().copied()));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(hints.into_iter().fold(Failure::new(wrong.join("\n")), Failure::hint)) }
}

fn value(cx: &Context, of: &str, key: &str, input: &mut impl BufRead) -> Result<Secret, Failure> {
    let typed = cx.ui.hidden(&format!("Secret `{key}` of {of}"), None);
    let value = match typed.map_err(|why| Failure::new(format!("no secret `{key}`: {why}")))? {
        Some(typed) => typed,
        None => line(key, input)?,
    };
    if value.is_empty() { Err(Failure::new(format!("secret `{key}` is empty: nothing is changed"))) } else { Ok(value) }
}

fn line(key: &str, input: &mut impl BufRead) -> Result<Secret, Failure> {
    let mut line = zeroize::Zeroizing::new(Vec::new());
    let read = input.read_until(b'\n', &mut line);
    let length =
        read.map_err(|error| Failure::new(format!("standard input cannot be read for secret `{key}`: {error}")))?;
    if length == 0 {
        return Err(Failure::new(format!("standard input ends before secret `{key}`"))
            .hint("each `-s` takes one line, in the order of the options"));
    }
    Ok(Secret::new(std::mem::take(&mut *line)).without_line_end())
}

impl Given {
    /// Sees to it that they can be kept, before anything else is written.
    ///
    /// # Errors
    /// When there is no vault and none can be made.
    pub(super) fn prepare(&self, cx: &Context, opened: &Opened) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        let names: Vec<&SecretName> = self.0.iter().map(|(name, _)| name).collect();
        opened.for_writing(cx, &names).map(drop)
    }

    /// Puts them into the vault.
    ///
    /// # Errors
    /// When one cannot be written; the old value stays then.
    pub(super) fn keep(&self, cx: &Context, opened: &Opened) -> Result<(), Failure> {
        for (name, value) in &self.0 {
            opened.vault.set(name, value)?;
            cx.ui.progress(format!("kept secret `{name}` in the vault"));
        }
        Ok(())
    }
}
