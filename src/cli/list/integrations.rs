//! `resilmesh list integrations`.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::{cell, document};
use crate::cli::Context;
use crate::cli::edit;
use crate::cli::failure::Failure;
use crate::mesh::integrations::{self, Row};
use crate::mesh::model::Role;
use crate::project::load::ProjectFiles;
use crate::project::plug_file::PlugFile;

/// How the products of the project can be connected
///
/// Those with a file of their own, and those that follow from what two products can do.
#[derive(Debug, Args)]
pub(super) struct IntegrationsArgs {
    /// Only those of this product
    product: Option<String>,
    /// Only those with this other product
    target: Option<String>,
    /// Only those for this topic
    #[arg(short, long)]
    topic: Option<String>,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    row: &'a Row,
    plugs: Vec<String>,
}

pub(super) fn run(cx: &Context, mut files: ProjectFiles, args: &IntegrationsArgs) -> Result<(), Failure> {
    for name in args.product.iter().chain(&args.target) {
        edit::product(&mut files, name)?;
    }
    let wanted = |own: &Option<String>, name: &str| own.as_ref().is_none_or(|own| own == name);
    let rows = integrations::rows(&files.products);
    let shown = rows.iter().filter(|row| {
        wanted(&args.product, &row.product) && wanted(&args.target, &row.target) && wanted(&args.topic, &row.topic)
    });
    let product: BTreeMap<&str, &str> =
        files.instances.iter().map(|own| (own.name.as_str(), own.product.as_str())).collect();
    let entries: Vec<Entry<'_>> = shown.map(|row| Entry { row, plugs: plugs(row, &files.plugs, &product) }).collect();
    if cx.ui.json {
        document(cx, "integrations", &entries);
        return Ok(());
    }
    let cells = |Entry { row, plugs }: &Entry<'_>| {
        vec![
            row.product.clone(),
            row.target.clone(),
            row.topic.clone(),
            row.role.word().to_owned(),
            row.mode.word().to_owned(),
            cell(row.format.as_deref().unwrap_or_default()),
            cell(plugs.join(", ")),
        ]
    };
    let titles = ["Product", "3rd-party product", "Topic", "Role", "Mode", "Format", "Plugs"];
    cx.ui.table(&titles, &entries.iter().map(cells).collect::<Vec<_>>());
    Ok(())
}

fn plugs(row: &Row, plugs: &[PlugFile], product: &BTreeMap<&str, &str>) -> Vec<String> {
    let gives = matches!(row.role, Role::Producer | Role::Trigger);
    let is_of = |instance: &str, name: &str| product.get(instance).is_some_and(|product| *product == name);
    plugs
        .iter()
        .filter(|plug| {
            let (own, other) =
                if gives { (&plug.id.source, &plug.id.destination) } else { (&plug.id.destination, &plug.id.source) };
            is_of(own, &row.product)
                && is_of(other, &row.target)
                && (row.topic == "*" || row.topic == plug.id.topic)
                && row.mode == plug.id.mode
        })
        .map(|plug| plug.id.to_string())
        .collect()
}
