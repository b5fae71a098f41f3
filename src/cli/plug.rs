//! `resilmesh plug`: connect two instances.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::ask::{Questions, Which};
use super::completion;
use super::configure;
use super::edit::{self, NewMistakes};
use super::failure::Failure;
use super::secret::Opened;
use super::secret_settings::{self, Declared, Given, Need, SecretArgs};
use super::setting_input;
use super::{Context, editors};
use crate::mesh::matching::{self, Choice, Request};
use crate::mesh::model::{Mode, PlugId, Role, Setting};
use crate::mesh::secrets::name_of_plug;
use crate::project::assign;
use crate::project::change::{Change, plug_path, plug_text};
use crate::project::edit::set_key;
use crate::project::files::{Folder, Source};
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::plug_file::PlugFile;

/// Connect two instances over one topic
#[derive(Debug, Args)]
pub struct PlugArgs {
    /// The topic
    #[arg(add = completion::topics())]
    pub topic: String,
    /// The instance that gives
    #[arg(add = completion::instances())]
    pub source: String,
    /// The instance that takes
    #[arg(add = completion::instances())]
    pub destination: String,
    /// Which end is active: the source sends (push) or the destination fetches (pull)
    ///
    /// [default: push if both can do it, else pull]
    #[arg(short, long)]
    pub mode: Option<ModeArg>,
    /// The format [default: the most specific one that both have]
    #[arg(short, long)]
    pub format: Option<String>,
    /// A setting of the plug, given as those of an instance (`resilmesh configure --help`); on a terminal,
    /// those that are not given are asked for
    #[arg(short, long, value_name = "KEY=VALUE|@FILE")]
    pub config: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub secrets: SecretArgs,
}

/// A mode on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// The source sends
    Push,
    /// The destination fetches
    Pull,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Push => Self::Push,
            ModeArg::Pull => Self::Pull,
        }
    }
}

/// Adds a plug.
///
/// # Errors
/// When it cannot be made: nothing is written then.
pub fn run(cx: &Context, args: PlugArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    let product = edit::product_of(&files, &args.source)?;
    let target = edit::product_of(&files, &args.destination)?;
    names::check_topic(&args.topic).map_err(|wrong| Failure::new(wrong).hint(names::NAME_HINT))?;
    edit::product(&mut files, &product)?;
    edit::product(&mut files, &target)?;
    let mode = args.mode.map(Mode::from);
    let there = existing(&files, &args, mode).cloned();
    let written = there.as_ref().and_then(|there| there.format.as_ref()).map(|format| format.value.as_str());
    let reformatted = args.format.as_deref().filter(|format| there.is_some() && written != Some(format));
    if let Some(there) = &there
        && args.config.is_empty()
        && args.secrets.secrets.is_empty()
        && reformatted.is_none()
    {
        cx.ui.done(
            format!("plug `{}` is there already", there.id),
            json!({"done": "unchanged", "plug": there.id, "format": written}),
        );
        return Ok(());
    }
    let request = Request {
        topic: &args.topic,
        mode: there.as_ref().map(|there| there.id.mode).or(mode),
        format: args.format.as_deref().or(written),
        trigger: None,
        owner: None,
        source: (&args.source, &files.products[&product]),
        destination: (&args.destination, &files.products[&target]),
    };
    let resolved = matching::resolve(&request);
    if resolved.is_err() && files.is_meshrooms && matching::would_fit_swapped(&request) {
        return plug_swapped(cx, &files, &request, product);
    }
    let choice =
        resolved.map_err(|mismatch| mismatch.hint.into_iter().fold(Failure::new(mismatch.message), Failure::hint))?;
    let id = PlugId {
        source: args.source.clone(),
        destination: args.destination.clone(),
        topic: args.topic.clone(),
        mode: choice.mode,
    };
    let (values, secrets, opened) = settings(cx, &args, &choice, &id, there.as_ref())?;
    secrets.prepare(cx, &opened)?;
    let text = match &there {
        Some(there) => {
            let text = old_text(&files, &there.at.file)?;
            reformatted.map_or_else(|| text.clone(), |format| set_key(&text, None, "format", Some(&format.into())))
        }
        None => {
            let text = plug_text(&id, choice.format.as_deref(), choice.source.capability.role == Role::Trigger);
            editors::new_document(&files, &plug_path(&product, &id), text)
        }
    };
    let text = values
        .iter()
        .fold(text, |text, (key, value)| set_key(&text, Some("settings"), key, (!value.is_null()).then_some(value)));
    let format = choice.format.as_deref().map(|format| format!(", {format}")).unwrap_or_default();
    let (verb, word) = if there.is_some() { ("changed plug", "changed") } else { ("plugged", "plugged") };
    let said = format!("{verb} `{}` -> `{}`: {} ({}{format})", id.source, id.destination, id.topic, id.mode.word());
    let done = json!({"done": word, "plug": id, "format": choice.format});
    cx.change(&files, &[Change::WritePlug { product, id, text }], NewMistakes::Refuse)?;
    secrets.keep(cx, &opened)?;
    cx.ui.done(said, done);
    Ok(())
}

/// Writes a plug whose ends are swapped, as Meshroom does: it stands there, is warned of, and connects
/// nothing.
fn plug_swapped(cx: &Context, files: &ProjectFiles, request: &Request<'_>, product: String) -> Result<(), Failure> {
    let other = Request { source: request.destination, destination: request.source, ..*request };
    let choice = matching::resolve(&other)
        .map_err(|mismatch| mismatch.hint.into_iter().fold(Failure::new(mismatch.message), Failure::hint))?;
    let id = PlugId {
        source: request.source.0.to_owned(),
        destination: request.destination.0.to_owned(),
        topic: request.topic.to_owned(),
        mode: choice.mode,
    };
    let trigger = choice.source.capability.role == Role::Trigger;
    let text = plug_text(&id, choice.format.as_deref(), trigger);
    let said = format!("wrote plug `{id}`, which connects nothing");
    let done = json!({"done": "plugged", "plug": id, "format": choice.format});
    cx.change(files, &[Change::WritePlug { product, id, text }], NewMistakes::Refuse)?;
    cx.ui.done(said, done);
    Ok(())
}

/// The plug that is asked for, if it is there; in any mode if none is asked for.
fn existing<'a>(files: &'a ProjectFiles, args: &PlugArgs, mode: Option<Mode>) -> Option<&'a PlugFile> {
    files.plugs.iter().find(|PlugFile { id, .. }| {
        id.source == args.source
            && id.destination == args.destination
            && id.topic == args.topic
            && mode.is_none_or(|mode| mode == id.mode)
    })
}

/// What the integrations of both ends want to be told.
fn declared<'a>(choice: &Choice<'a>) -> Vec<&'a Setting> {
    let explicit = [choice.source.explicit, choice.destination.explicit].into_iter().flatten();
    let mut declared: Vec<&Setting> = Vec::new();
    for setting in explicit.flat_map(|integration| &integration.settings) {
        // Both ends may want to know the same.
        if !declared.iter().any(|other| other.name == setting.name) {
            declared.push(setting);
        }
    }
    declared
}

/// The plug's own settings and secrets, as given or asked for. Nothing is written.
fn settings(
    cx: &Context,
    args: &PlugArgs,
    choice: &Choice<'_>,
    id: &PlugId,
    there: Option<&PlugFile>,
) -> Result<(BTreeMap<String, Value>, Given, Opened), Failure> {
    let declared = declared(choice);
    let of = format!("plug `{id}`");
    let current: BTreeMap<String, Value> = there
        .into_iter()
        .flat_map(|there| &there.settings)
        .map(|(key, given)| (key.clone(), given.value.to_json()))
        .collect();
    secret_settings::check(&of, &declared, &args.secrets.secrets)?;
    let assigned = setting_input::read(&args.config, &args.secrets.secrets)?;
    let values = assign::parse(&assigned, &declared, &of, &current).map_err(edit::all_wrong)?;
    let opened = cx.secrets()?;
    let secrets: Vec<Declared<'_>> = declared
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| Declared { setting, name: name_of_plug(id, &setting.name) })
        .collect();
    let questions = Questions {
        of: &of,
        settings: &declared,
        secrets: &secrets,
        current: &current,
        given: &values,
        named: &args.secrets.secrets,
        which: if there.is_some() { Which::Missing } else { Which::All },
    };
    let answers = questions.ask(cx, &opened)?;
    let need = if there.is_some() { Need::Required } else { Need::Expected };
    let secrets = secret_settings::take(cx, &opened, &of, &secrets, &args.secrets, answers.secrets, need)?;
    let mut values = configure::written(values, &declared, &current);
    values.extend(answers.values);
    Ok((values, secrets, opened))
}

fn old_text(files: &ProjectFiles, path: &Path) -> Result<String, Failure> {
    let folder = Folder::open(&files.root)
        .map_err(|error| Failure::new(format!("project `{}` cannot be opened: {error}", files.root.display())))?;
    let text = folder.text(path);
    let text = text.map_err(|wrong| Failure::new("the plug cannot be read").found(vec![wrong]))?;
    Ok(text.unwrap_or_default())
}
