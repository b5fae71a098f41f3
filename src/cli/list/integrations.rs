//! `resilmesh list integrations`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use clap::Args;
use serde::{Serialize, Serializer};

use super::cell;
use crate::cli::Context;
use crate::cli::edit;
use crate::cli::failure::Failure;
use crate::mesh::integrations::{Landscape, Way};
use crate::mesh::model::{Product, Role};
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

/// An integration as listed.
#[derive(Serialize)]
struct Entry<'a> {
    product: &'a str,
    target: &'a str,
    #[serde(flatten)]
    way: &'a Way,
    plugs: Vec<String>,
}

const TITLES: [&str; 7] = ["Product", "3rd-party product", "Topic", "Role", "Mode", "Format", "Plugs"];

pub(super) fn run(cx: &Context, mut files: ProjectFiles, args: &IntegrationsArgs) -> Result<(), Failure> {
    for name in args.product.iter().chain(&args.target) {
        edit::product(&mut files, name)?;
    }
    let listing = Listing { args, landscape: Landscape::new(files.products.values()), plugged: plugged(&files) };
    if cx.ui.json {
        cx.ui.document(&Document { schema: 1, integrations: Streamed(&listing) });
        return Ok(());
    }
    // Rows may be many: they are looked at twice rather than kept.
    let mut widths = TITLES.map(|title| title.chars().count());
    listing.each(|entry| {
        for (width, cell) in widths.iter_mut().zip(cells(entry)) {
            *width = (*width).max(cell.chars().count());
        }
    });
    let mut table = cx.ui.streamed_table(TITLES, widths);
    listing.each(|entry| table.row(cells(entry)));
    table.finish();
    Ok(())
}

fn cells<'a>(entry: &'a Entry<'a>) -> [std::borrow::Cow<'a, str>; 7] {
    [
        entry.product.into(),
        entry.target.into(),
        entry.way.topic.as_str().into(),
        entry.way.role.word().into(),
        entry.way.mode.word().into(),
        entry.way.format.as_deref().unwrap_or("-").into(),
        if entry.plugs.is_empty() { "-".into() } else { cell(entry.plugs.join(", ")).into() },
    ]
}

/// Plugs by the products of source and destination.
type Plugged<'a> = HashMap<(&'a str, &'a str), Vec<&'a PlugFile>>;

fn plugged(files: &ProjectFiles) -> Plugged<'_> {
    let product: BTreeMap<&str, &str> =
        files.instances.iter().map(|own| (own.name.as_str(), own.product.as_str())).collect();
    let mut plugged = Plugged::new();
    for plug in &files.plugs {
        if let (Some(source), Some(destination)) =
            (product.get(plug.id.source.as_str()), product.get(plug.id.destination.as_str()))
        {
            plugged.entry((source, destination)).or_default().push(plug);
        }
    }
    plugged
}

/// What is asked for.
struct Listing<'a> {
    args: &'a IntegrationsArgs,
    landscape: Landscape<'a>,
    plugged: Plugged<'a>,
}

impl Listing<'_> {
    /// Shows each entry, in order.
    fn each(&self, mut show: impl FnMut(&Entry<'_>)) {
        let wanted = |own: &Option<String>, name: &str| own.as_ref().is_none_or(|own| own == name);
        for (index, product) in self.landscape.products().filter(|(_, own)| wanted(&self.args.product, &own.name)) {
            for (target, ways) in self.landscape.of(index).filter(|(own, _)| wanted(&self.args.target, &own.name)) {
                for way in ways.iter().filter(|way| wanted(&self.args.topic, &way.topic)) {
                    let plugs = self.plugs(product, target, way);
                    show(&Entry { product: &product.name, target: &target.name, way, plugs });
                }
            }
        }
    }

    fn plugs(&self, product: &Product, target: &Product, way: &Way) -> Vec<String> {
        let gives = matches!(way.role, Role::Producer | Role::Trigger);
        let (source, destination) = if gives { (product, target) } else { (target, product) };
        let between = self.plugged.get(&(source.name.as_str(), destination.name.as_str()));
        let of_way = |plug: &&&PlugFile| (way.topic == "*" || way.topic == plug.id.topic) && way.mode == plug.id.mode;
        between.into_iter().flatten().filter(of_way).map(|plug| plug.id.to_string()).collect()
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    integrations: Streamed<'a>,
}

/// A list that is written as it is worked out.
struct Streamed<'a>(&'a Listing<'a>);

impl Serialize for Streamed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let list = RefCell::new((serializer.serialize_seq(None)?, Ok(())));
        self.0.each(|entry| {
            let (list, result) = &mut *list.borrow_mut();
            if result.is_ok() {
                *result = list.serialize_element(entry);
            }
        });
        let (list, result) = list.into_inner();
        result?;
        list.end()
    }
}
