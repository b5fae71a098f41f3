//! `resilmesh plug`: connect two instances.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};

use super::Context;
use super::completion;
use super::edit::{self, NewMistakes};
use super::failure::Failure;
use super::secret_settings::{self, Declared, SecretArgs};
use crate::mesh::matching::{self, Choice, Request};
use crate::mesh::model::{Mode, PlugId, Product, Role, Setting};
use crate::mesh::secrets::name_of_plug;
use crate::project::assign;
use crate::project::change::{Change, plug_text};
use crate::project::load::ProjectFiles;
use crate::project::names;

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
    /// A setting of the plug
    #[arg(short, long, value_name = "KEY=VALUE")]
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
    if let Some(there) = existing(&files, &args, mode) {
        cx.ui.progress(format!("plug `{there}` is there already"));
        return Ok(());
    }
    let request = Request {
        topic: &args.topic,
        mode,
        format: args.format.as_deref(),
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
    let declared = declared(&choice);
    let settings = settings(&declared, &id, &args.config, &files.products[&product])?;
    let opened = cx.secrets()?;
    let secrets: Vec<Declared<'_>> = declared
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| Declared { setting, name: name_of_plug(&id, &setting.name) })
        .collect();
    let secrets = secret_settings::take(cx, &opened, &format!("plug `{id}`"), &declared, &secrets, &args.secrets)?;
    secrets.prepare(cx, &opened)?;
    let trigger = choice.source.capability.role == Role::Trigger;
    let text = plug_text(&id, choice.format.as_deref(), trigger, settings);
    let format = choice.format.as_deref().map(|format| format!(", {format}")).unwrap_or_default();
    let done = format!("plugged `{}` -> `{}`: {} ({}{format})", id.source, id.destination, id.topic, id.mode.word());
    cx.change(&files, &[Change::WritePlug { product, id, text }], NewMistakes::Refuse)?;
    secrets.keep(cx, &opened)?;
    cx.ui.progress(done);
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
    let text = plug_text(&id, choice.format.as_deref(), trigger, BTreeMap::new());
    cx.change(files, &[Change::WritePlug { product, id, text }], NewMistakes::Refuse)
}

/// The plug that is asked for, if it is there; in any mode if none is asked for.
fn existing<'a>(files: &'a ProjectFiles, args: &PlugArgs, mode: Option<Mode>) -> Option<&'a PlugId> {
    let is_it = |id: &&PlugId| {
        id.source == args.source
            && id.destination == args.destination
            && id.topic == args.topic
            && mode.is_none_or(|mode| mode == id.mode)
    };
    if args.config.is_empty() && args.secrets.secrets.is_empty() {
        files.plugs.iter().map(|plug| &plug.id).find(is_it)
    } else {
        None
    }
}

/// What the integrations of both ends want to be told.
fn declared<'a>(choice: &Choice<'a>) -> Vec<&'a Setting> {
    let explicit = [choice.source.explicit, choice.destination.explicit].into_iter().flatten();
    explicit.flat_map(|integration| &integration.settings).collect()
}

fn settings(
    declared: &[&Setting],
    id: &PlugId,
    given: &[String],
    source: &Product,
) -> Result<BTreeMap<String, serde_json::Value>, Failure> {
    let by = format!("plug `{id}` of `{}`", source.name);
    let mut values = assign::parse(given, declared, &by).map_err(edit::all_wrong)?;
    values
        .retain(|key, value| !value.is_null() && !declared.iter().any(|own| own.name == *key && own.default == *value));
    Ok(values)
}
