//! `resilmesh list integrations`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde::Serialize;

use super::{cell, document};
use crate::cli::Context;
use crate::cli::edit;
use crate::cli::failure::Failure;
use crate::mesh::matching::{general, meets};
use crate::mesh::model::{Capability, Mode, Product, Role};
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

/// An integration as listed; ordered as shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Row {
    pub(super) product: String,
    target: String,
    topic: String,
    role: Role,
    mode: Mode,
    format: Option<String>,
    explicit: bool,
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
    let rows = rows(&files);
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

/// All integrations among the products that are at hand, each once, sorted.
pub(super) fn rows(files: &ProjectFiles) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for product in files.products.values() {
        for target in files.products.values() {
            between(product, target, &mut rows);
        }
    }
    rows
}

fn between(product: &Product, target: &Product, rows: &mut BTreeSet<Row>) {
    let row = |topic: &str, role, mode, format: Option<&str>, explicit| Row {
        product: product.name.clone(),
        target: target.name.clone(),
        topic: topic.to_owned(),
        role,
        mode,
        format: format.map(str::to_owned),
        explicit,
    };
    let mut found = BTreeSet::new();
    for own in product.integrations.iter().filter(|own| own.target == target.name) {
        let topic = own.topic.as_deref().unwrap_or("*");
        found.insert(row(topic, own.role, own.mode, own.format.as_deref(), true));
    }
    for topic in topics(product).union(&topics(target)) {
        for role in [Role::Consumer, Role::Producer, Role::Trigger, Role::Executor] {
            let theirs = general(target, role.counterpart(), topic);
            // What both say for every topic is listed as that.
            let named = |all: &[(Capability, bool)]| *topic == "*" || all.iter().any(|(_, named)| *named);
            let own = general(product, role, topic);
            if !named(&own) && !named(&theirs) {
                continue;
            }
            let spelled: BTreeSet<Mode> = own.iter().filter(|(_, named)| *named).map(|(own, _)| own.mode).collect();
            for (own, named) in own {
                // What a product says of this topic goes before what it says of every topic.
                if !named && spelled.contains(&own.mode) {
                    continue;
                }
                let pairs = theirs
                    .iter()
                    .any(|(their, _)| their.mode == own.mode && meets(their.format.as_deref(), own.format.as_deref()));
                if pairs {
                    found.insert(row(topic, own.role, own.mode, own.format.as_deref(), false));
                }
            }
        }
    }
    // A file stands for the pair it refines.
    let explicit: Vec<Row> = found.iter().filter(|row| row.explicit).cloned().collect();
    found.retain(|row| {
        row.explicit
            || !explicit.iter().any(|file| (&file.topic, file.role, file.mode) == (&row.topic, row.role, row.mode))
    });
    rows.extend(found);
}

/// The topics that a product names, and `*`.
pub(super) fn topics(product: &Product) -> BTreeSet<&str> {
    let named = product.capabilities.iter().filter_map(|own| own.topic.as_deref());
    let hooks = product.hooks.iter().filter_map(|hook| hook.topic.as_deref());
    named.chain(hooks).chain(["*"]).collect()
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
