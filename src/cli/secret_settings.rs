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

/// Takes what is given, and asks for what is required and not in the vault. Nothing is written.
///
/// # Errors
/// When a secret is not declared, not given, or required and not to be had: all at once, if nobody
/// has to be asked first.
pub(super) fn take(
    cx: &Context,
    opened: &Opened,
    of: &str,
    settings: &[&Setting],
    declared: &[Declared<'_>],
    args: &SecretArgs,
) -> Result<Given, Failure> {
    check(of, settings, &args.secrets)?;
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
    for one in declared.iter().filter(|one| one.setting.required && !args.secrets.contains(&one.setting.name)) {
        let name: SecretName = one.name.parse()?;
        // `up` says so if Meshroom's vault turns out not to have it.
        if opened.vault.contains(&name)? || opened.beside()?.has(name.as_str()) != Some(false) {
            continue;
        }
        let key = &one.setting.name;
        if !cx.ui.can_ask() {
            return Err(Failure::new(format!("{of} needs secret `{key}`")).hint(format!(
                "`-s {key}` reads it from standard input; `resilmesh secret set {name}` sets it alone"
            )));
        }
        given.push((name, value(cx, of, key, &mut input)?));
    }
    Ok(Given(given))
}

fn check(of: &str, settings: &[&Setting], asked: &[String]) -> Result<(), Failure> {
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
