//! `resilmesh list plugs`.

use clap::Args;
use serde::Serialize;

use super::{cell, document};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::plug::ModeArg;
use crate::mesh::model::Mode;
use crate::plan::journal::PlugState;
use crate::project::load::ProjectFiles;
use crate::project::names;

/// The connections
#[derive(Debug, Args)]
pub(super) struct PlugsArgs {
    /// Only those from this instance
    source: Option<String>,
    /// Only those to this instance
    destination: Option<String>,
    /// Only those of this topic
    #[arg(short, long)]
    topic: Option<String>,
    /// Only those in this mode
    #[arg(short, long)]
    mode: Option<ModeArg>,
}

#[derive(Serialize)]
struct Entry<'a> {
    source: &'a str,
    destination: &'a str,
    topic: &'a str,
    mode: Mode,
    format: Option<&'a str>,
    state: PlugState,
}

pub(super) fn run(cx: &Context, files: &ProjectFiles, args: &PlugsArgs) -> Result<(), Failure> {
    for name in args.source.iter().chain(&args.destination) {
        known(files, name)?;
    }
    let wanted = |own: &Option<String>, name: &str| own.as_ref().is_none_or(|own| own == name);
    let mode = args.mode.map(Mode::from);
    let mut plugs: Vec<_> = files
        .plugs
        .iter()
        .filter(|plug| wanted(&args.source, &plug.id.source) && wanted(&args.destination, &plug.id.destination))
        .filter(|plug| wanted(&args.topic, &plug.id.topic) && mode.is_none_or(|mode| mode == plug.id.mode))
        .collect();
    plugs.sort_by(|one, other| one.id.cmp(&other.id));
    let journal = cx.journal(&files.root);
    let entries: Vec<Entry<'_>> = plugs
        .into_iter()
        .map(|plug| Entry {
            source: &plug.id.source,
            destination: &plug.id.destination,
            topic: &plug.id.topic,
            mode: plug.id.mode,
            format: plug.format.as_ref().map(|format| format.value.as_str()),
            state: match journal.plug_state(&plug.id) {
                PlugState::Down if files.is_meshrooms && plug.up => PlugState::Up,
                state => state,
            },
        })
        .collect();
    if cx.ui.json {
        document(cx, "plugs", &entries);
        return Ok(());
    }
    let row = |own: &Entry<'_>| {
        vec![
            own.source.to_owned(),
            own.destination.to_owned(),
            own.topic.to_owned(),
            own.mode.word().to_owned(),
            cell(own.format.unwrap_or_default()),
            state_word(own.state).to_owned(),
        ]
    };
    let titles = ["Src Instance", "Dst Instance", "Topic", "Mode", "Format", "State"];
    cx.ui.table(&titles, &entries.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

/// An instance that is there, or that a plug still names.
fn known(files: &ProjectFiles, name: &str) -> Result<(), Failure> {
    let of_plugs = files.plugs.iter().flat_map(|plug| [plug.id.source.as_str(), plug.id.destination.as_str()]);
    let known: Vec<&str> = files.instances.iter().map(|own| own.name.as_str()).chain(of_plugs).collect();
    if known.contains(&name) || files.unreadable.contains(name) {
        return Ok(());
    }
    let hint = names::suggest(name, known);
    let failure = Failure::new(format!("there is no instance `{name}`"));
    Err(hint.into_iter().fold(failure, Failure::hint).hint("`resilmesh list instances` shows them all"))
}

fn state_word(state: PlugState) -> &'static str {
    match state {
        PlugState::Up => "up",
        PlugState::Partial => "partial",
        PlugState::Down => "down",
    }
}
