//! `resilmesh list`: what the project holds and what it could hold. Runs no code of products, and
//! lists what can be read of a broken project.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Context;
use super::failure::Failure;
use crate::project::catalogue;
use crate::project::load::ProjectFiles;
use crate::project::position::Severity;
use crate::project::project_file::FILE_NAME;

pub(super) mod capabilities;
mod instances;
mod integrations;
mod plugs;
mod products;
mod templates;
mod zones;

/// Show what the project holds and what it could hold
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Products(products::ProductsArgs),
    Integrations(integrations::IntegrationsArgs),
    Instances(instances::InstancesArgs),
    Plugs(plugs::PlugsArgs),
    Capabilities(capabilities::CapabilitiesArgs),
    Zones(zones::ZonesArgs),
    Templates(templates::TemplatesArgs),
}

/// Lists.
///
/// # Errors
/// When there is no project, or a filter names a product that does not exist.
pub fn run(cx: &Context, args: ListArgs) -> Result<(), Failure> {
    // What is built in is there without a project, too.
    if let What::Templates(args) = &args.what {
        return templates::run(cx, args);
    }
    let files = cx.project()?;
    for found in &files.found {
        let mut found = found.clone();
        found.severity = Severity::Warning;
        cx.ui.diagnostic(&found);
    }
    match args.what {
        What::Products(args) => products::run(cx, files, args),
        What::Integrations(args) => integrations::run(cx, files, &args),
        What::Instances(args) => instances::run(cx, &files, &args),
        What::Plugs(args) => plugs::run(cx, &files, &args),
        What::Capabilities(args) => capabilities::run(cx, files, &args),
        What::Zones(args) => zones::run(cx, &files, &args),
        What::Templates(args) => templates::run(cx, &args),
    }
}

/// Adds the built-in products, unless the project is one of Meshroom's, which knows none.
fn need_catalogue(files: &mut ProjectFiles) {
    if files.root.join(FILE_NAME).is_file() {
        for name in catalogue::names() {
            files.need_product(name);
        }
    }
}

/// A list as JSON: `{"schema": 1, "<what>": [...]}`.
fn document(cx: &Context, what: &'static str, rows: &impl Serialize) {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Part<'a, T> {
        Schema(u8),
        Rows(&'a T),
    }
    cx.ui.document(&BTreeMap::from([("schema", Part::Schema(1)), (what, Part::Rows(rows))]));
}

/// A cell of a table; `-` if there is nothing to say.
fn cell(text: impl Into<String>) -> String {
    let text = text.into();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// The names of the instances of each product, sorted.
fn instances_of(files: &ProjectFiles) -> BTreeMap<&str, Vec<&str>> {
    let mut instances: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for own in &files.instances {
        instances.entry(&own.product).or_default().push(&own.name);
    }
    instances
}
