//! `resilmesh list products`.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::{cell, document, instances_of};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::mesh::integrations::Landscape;
use crate::mesh::model::{Capability, Mode, Product, ProductSource, Role};
use crate::project::catalogue;
use crate::project::load::ProjectFiles;
use crate::project::position::{Diagnostic, Severity};
use crate::project::project_file::FILE_NAME;

/// The products that can be put into use
///
/// In a folder without resilmesh.yaml (a Meshroom project), built-in products that are not in use
/// are shown with --all only.
#[derive(Debug, Args)]
pub(super) struct ProductsArgs {
    /// Part of the name
    search: Option<String>,
    /// Show what each consumes and produces
    #[arg(short, long)]
    wide: bool,
    /// Show every built-in product
    #[arg(short, long)]
    all: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    description: Option<&'a str>,
    vendor: Option<&'a str>,
    tags: &'a [String],
    builtin: bool,
    managed: bool,
    integrations: usize,
    instances: &'a [&'a str],
    consumes: Vec<Offer<'a>>,
    produces: Vec<Offer<'a>>,
}

#[derive(Serialize)]
struct Offer<'a> {
    topic: &'a str,
    role: Role,
    mode: Mode,
    format: Option<&'a str>,
}

pub(super) fn run(cx: &Context, mut files: ProjectFiles, args: ProductsArgs) -> Result<(), Failure> {
    let landscape = Landscape::new(files.products.values());
    let counted: BTreeMap<String, usize> =
        landscape.products().map(|(index, product)| (product.name.clone(), landscape.count(index))).collect();
    if args.all || files.root.join(FILE_NAME).is_file() {
        for name in catalogue::names() {
            files.need_product(name);
        }
    }
    let said = files.found.len();
    for name in files.lock.product_names().map(str::to_owned).collect::<Vec<_>>() {
        files.need_product(&name);
    }
    files.found[said..]
        .iter()
        .for_each(|found| cx.ui.diagnostic(&Diagnostic { severity: Severity::Warning, ..found.clone() }));
    let instances = instances_of(&files);
    let shown = files.products.values().filter(|own| args.search.as_ref().is_none_or(|part| own.name.contains(part)));
    let entries: Vec<Entry<'_>> = shown
        .map(|product| Entry {
            name: &product.name,
            description: product.description.as_deref(),
            vendor: product.vendor.as_deref(),
            tags: &product.tags,
            builtin: product.source == ProductSource::Builtin,
            managed: product.service.is_some(),
            integrations: counted.get(&product.name).copied().unwrap_or(0),
            instances: instances.get(product.name.as_str()).map_or(&[][..], Vec::as_slice),
            consumes: offers(product, [Role::Consumer, Role::Executor]),
            produces: offers(product, [Role::Producer, Role::Trigger]),
        })
        .collect();
    if cx.ui.json {
        document(cx, "products", &entries);
        return Ok(());
    }
    let mut titles = vec!["Name", "Tags", "Nb integrations", "Instances"];
    titles.extend(if args.wide { &["Consumes", "Produces"][..] } else { &[][..] });
    let row = |entry: &Entry<'_>| {
        let mut row = vec![
            entry.name.to_owned(),
            cell(entry.tags.join(", ")),
            entry.integrations.to_string(),
            cell(entry.instances.join(", ")),
        ];
        if args.wide {
            row.extend([&entry.consumes, &entry.produces].map(|offers| cell(words(offers))));
        }
        row
    };
    cx.ui.table(&titles, &entries.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

fn offers(product: &Product, roles: [Role; 2]) -> Vec<Offer<'_>> {
    let offer = |own: &'_ Capability| roles.contains(&own.role);
    product
        .capabilities
        .iter()
        .filter(|own| offer(own))
        .map(|own| Offer {
            topic: own.topic.as_deref().unwrap_or("*"),
            role: own.role,
            mode: own.mode,
            format: own.format.as_deref(),
        })
        .collect()
}

/// Meshroom's words for capabilities: `TOPIC ROLE`, then mode and format in brackets if they are
/// not the usual ones.
fn words(offers: &[Offer<'_>]) -> String {
    let mut words: Vec<String> = offers
        .iter()
        .map(|offer| {
            let pull = (offer.mode == Mode::Pull).then_some("pull");
            let more: Vec<&str> = pull.into_iter().chain(offer.format).collect();
            let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(" ")) };
            format!("{} {}{more}", offer.topic, offer.role.word())
        })
        .collect();
    words.sort_unstable();
    words.join(", ")
}
