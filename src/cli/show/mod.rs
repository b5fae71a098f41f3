//! `resilmesh show`: anything that has a name. Runs no code of products.

use clap::{Args, ValueEnum};

use super::Context;
use super::completion;
use super::failure::Failure;
use crate::mesh::model::{Mode, PlugId};
use crate::project::integration_file::parse_stem;
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::printable::one_line;
use crate::project::scaffold::product as templates;

mod connection;
mod instance;
mod origin;
mod product;
mod setting;

/// Show an instance, a product, a template, a plug or an integration
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its name; a plug is TOPIC/SOURCE/DESTINATION, an integration PRODUCT/TARGET/TOPIC_ROLE, both with
    /// `_pull` at the end if that is the mode
    #[arg(add = completion::anything())]
    pub name: String,
    /// What it is, if several things have the name [default: the first of these]
    #[arg(short, long)]
    pub kind: Option<KindArg>,
    /// How an instance connects to the buses it is plugged to: URL, user, path of the password file
    #[arg(long)]
    pub credentials: bool,
    /// All settings of an instance as they are in force, with where each value comes from
    #[arg(long, conflicts_with = "credentials")]
    pub resolved: bool,
    /// Everything that is said about one setting of an instance, the strongest first
    #[arg(long, value_name = "KEY", conflicts_with_all = ["credentials", "resolved"])]
    pub origin: Option<String>,
}

/// A kind of thing on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// A product in use
    Instance,
    /// A product
    Product,
    /// What a product can start from
    Template,
    /// A connection of two instances
    Plug,
    /// How two products connect
    Integration,
}

/// What a name stands for.
enum Thing {
    Instance,
    Product,
    Template,
    Plug(PlugId),
    Integration,
}

/// Prints it.
///
/// # Errors
/// When there is nothing of that name, or no credentials.
pub fn run(cx: &Context, args: ShowArgs) -> Result<(), Failure> {
    let of_instance = args.credentials || args.resolved || args.origin.is_some();
    let kind = if of_instance { Some(KindArg::Instance) } else { args.kind };
    // What is built in is there without a project, too.
    if kind == Some(KindArg::Template) {
        return product::template(cx, &args.name);
    }
    let mut files = cx.project()?;
    match find(&mut files, &args.name, kind) {
        Some(Thing::Instance) if args.resolved => origin::all(cx, &files, &args.name),
        Some(Thing::Instance) if args.origin.is_some() => {
            origin::one(cx, &files, &args.name, args.origin.as_deref().unwrap_or_default())
        }
        Some(Thing::Instance) => instance::run(cx, &args.name, args.credentials),
        Some(Thing::Product) => product::run(cx, &files, &args.name),
        Some(Thing::Template) => product::template(cx, &args.name),
        Some(Thing::Plug(id)) => connection::plug(cx, &files, &id),
        Some(Thing::Integration) => connection::integration(cx, &files, &args.name),
        None => Err(unknown(&files, &args.name, kind)),
    }
}

fn find(files: &mut ProjectFiles, name: &str, kind: Option<KindArg>) -> Option<Thing> {
    let may_be = |one: KindArg| kind.is_none_or(|kind| kind == one);
    if may_be(KindArg::Instance) && files.instances.iter().any(|own| own.name == name) {
        return Some(Thing::Instance);
    }
    if may_be(KindArg::Product) && files.need_product(name) && files.products.contains_key(name) {
        return Some(Thing::Product);
    }
    if may_be(KindArg::Template) && templates::names().contains(&name) {
        return Some(Thing::Template);
    }
    let parts: Vec<&str> = name.split('/').collect();
    let [first, second, third] = parts[..] else { return None };
    if may_be(KindArg::Plug)
        && let Some(id) = plug(files, first, second, third)
    {
        return Some(Thing::Plug(id));
    }
    let is_integration = may_be(KindArg::Integration)
        && [first, second].iter().all(|product| files.need_product(product) && files.products.contains_key(*product))
        && parse_stem(third).is_ok_and(|means| connection::can(files, first, second, &means));
    is_integration.then_some(Thing::Integration)
}

/// The plug of that name: as it is printed, or with `_pull`, or in any mode if it says none.
fn plug(files: &ProjectFiles, topic: &str, source: &str, destination: &str) -> Option<PlugId> {
    let (destination, mode) = match destination.strip_suffix("_pull").or_else(|| destination.strip_suffix(" (pull)")) {
        Some(destination) => (destination, Some(Mode::Pull)),
        None => (destination, None),
    };
    let mut ids = files.plugs.iter().map(|plug| &plug.id);
    ids.find(|id| {
        id.topic == topic
            && id.source == source
            && id.destination == destination
            && mode.is_none_or(|mode| mode == id.mode)
    })
    .cloned()
}

/// Prints a line in which nothing of what others wrote moves the cursor.
fn say(cx: &Context, text: &str) {
    cx.ui.line(one_line(text));
}

/// All names that something has.
pub(super) fn all_names(files: &ProjectFiles) -> Vec<String> {
    let mut names: Vec<String> = files.instances.iter().map(|own| own.name.clone()).collect();
    names.extend(files.product_names().into_iter().map(str::to_owned));
    names.extend(files.plugs.iter().map(|plug| connection::plug_name(&plug.id)));
    names.extend(files.products.values().flat_map(connection::integration_names));
    names.extend(templates::names().into_iter().map(str::to_owned));
    names
}

fn unknown(files: &ProjectFiles, name: &str, kind: Option<KindArg>) -> Failure {
    let what = match kind {
        None => "nothing",
        Some(KindArg::Instance) => "no instance",
        Some(KindArg::Product) => "no product",
        Some(KindArg::Template) => "no template",
        Some(KindArg::Plug) => "no plug",
        Some(KindArg::Integration) => "no integration",
    };
    let called = if kind.is_none() { " called" } else { "" };
    let failure = Failure::new(format!("there is {what}{called} `{name}`"));
    let known: Vec<String> = match kind {
        Some(KindArg::Instance) => files.instances.iter().map(|own| own.name.clone()).collect(),
        _ => all_names(files),
    };
    let near = names::closest(name, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
    near.into_iter().fold(failure, Failure::hint).hint("`resilmesh list` shows what there is")
}
