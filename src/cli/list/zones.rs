//! `resilmesh list zones`.

use clap::Args;
use serde::Serialize;

use super::{cell, document};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::project_file::FILE_NAME;
use crate::project::zone::Zone;

/// The network zones, who is in them, and the conduits out of them
#[derive(Debug, Args)]
pub(super) struct ZonesArgs {
    /// Part of the name
    search: Option<String>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    description: Option<&'a str>,
    instances: Vec<&'a str>,
    conduits: Vec<Out<'a>>,
}

#[derive(Serialize)]
struct Out<'a> {
    to: &'a str,
    /// `*` = every topic.
    topics: Vec<&'a str>,
}

pub(super) fn run(cx: &Context, files: &ProjectFiles, args: &ZonesArgs) -> Result<(), Failure> {
    let zones = &files.project.zones;
    let wanted = |name: &String| args.search.as_ref().is_none_or(|part| name.contains(part));
    let entries: Vec<Entry<'_>> =
        zones.iter().filter(|(name, _)| wanted(name)).map(|(name, zone)| entry(files, name, zone)).collect();
    if cx.ui.json {
        document(cx, "zones", &entries);
        return Ok(());
    }
    if zones.is_empty() {
        cx.ui.progress(format!("the project has no zones; `zones` of `{FILE_NAME}` lists them"));
    } else if let (true, Some(part)) = (entries.is_empty(), &args.search) {
        let near = names::suggest(part, zones.keys().map(String::as_str)).unwrap_or_default();
        cx.ui.progress(format!("no zone has `{part}` in its name; {near}"));
    }
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    cx.ui.table(&["Name", "Instances", "Conduits", "Description"], &rows);
    Ok(())
}

fn entry<'a>(files: &'a ProjectFiles, name: &'a str, zone: &'a Zone) -> Entry<'a> {
    let is_member = |said: Option<&str>| said == Some(name);
    let members = files.instances.iter().filter(|own| is_member(own.zone.as_ref().map(|said| said.value.as_str())));
    let conduits = zone
        .conduits
        .iter()
        .map(|(to, conduit)| Out { to, topics: conduit.topics.iter().map(|topic| topic.value.as_str()).collect() });
    let mut instances: Vec<&str> = members.map(|own| own.name.as_str()).collect();
    instances.sort_unstable();
    Entry { name, description: zone.description.as_deref(), instances, conduits: conduits.collect() }
}

fn row(own: &Entry<'_>) -> Vec<String> {
    let conduits: Vec<String> =
        own.conduits.iter().map(|conduit| format!("{} -> {}", conduit.topics.join(", "), conduit.to)).collect();
    vec![
        own.name.to_owned(),
        cell(own.instances.join(", ")),
        cell(conduits.join("; ")),
        cell(own.description.unwrap_or_default()),
    ]
}
