//! `resilmesh list instances`.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::{cell, document};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::project::load::ProjectFiles;
use crate::project::names;

/// The products in use
#[derive(Debug, Args)]
pub(super) struct InstancesArgs {
    /// Part of the name
    search: Option<String>,
    /// Only those of this product
    #[arg(short, long)]
    product: Option<String>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    product: &'a str,
    /// Run by resilmesh; null if the product cannot be read.
    managed: Option<bool>,
    /// Its network zone, as it says.
    zone: Option<&'a str>,
    plugs: Vec<String>,
}

pub(super) fn run(cx: &Context, files: &ProjectFiles, args: &InstancesArgs) -> Result<(), Failure> {
    let mut outgoing: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for plug in &files.plugs {
        outgoing.entry(&plug.id.source).or_default().push(format!("{} -> {}", plug.id.topic, plug.id.destination));
    }
    let entries: Vec<Entry<'_>> = files
        .instances
        .iter()
        .filter(|own| args.search.as_ref().is_none_or(|part| own.name.contains(part)))
        .filter(|own| args.product.as_ref().is_none_or(|product| own.product == *product))
        .map(|own| Entry {
            name: &own.name,
            product: &own.product,
            managed: files.products.get(&own.product).map(|product| product.service.is_some()),
            zone: own.zone.as_ref().map(|zone| zone.value.as_str()),
            plugs: outgoing.get(own.name.as_str()).cloned().unwrap_or_default(),
        })
        .collect();
    if entries.is_empty() {
        nothing(cx, files, args);
    }
    if cx.ui.json {
        document(cx, "instances", &entries);
        return Ok(());
    }
    // Meshroom's columns, unless there is more to say.
    let has_zones = entries.iter().any(|own| own.zone.is_some());
    let row = |own: &Entry<'_>| {
        let mut row = vec![own.name.to_owned(), own.product.to_owned(), cell(own.plugs.join(", "))];
        if has_zones {
            row.insert(2, cell(own.zone.unwrap_or_default()));
        }
        row
    };
    let columns: &[&str] =
        if has_zones { &["Name", "Product", "Zone", "Plugs"] } else { &["Name", "Product", "Plugs"] };
    cx.ui.table(columns, &entries.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

/// Says what was looked for in vain: to find nothing is no failure of a search.
fn nothing(cx: &Context, files: &ProjectFiles, args: &InstancesArgs) {
    let unknown = args.product.as_ref().filter(|product| !files.product_names().contains(&product.as_str()));
    let (what, hint) = match (unknown, &args.search) {
        (Some(product), _) => {
            (format!("there is no product `{product}`"), names::suggest(product, files.product_names().iter().copied()))
        }
        (None, Some(part)) => (
            format!("no instance has `{part}` in its name"),
            names::suggest(part, files.instances.iter().map(|own| own.name.as_str())),
        ),
        (None, None) => return,
    };
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    cx.ui.progress(format!("{what}{hint}"));
}
