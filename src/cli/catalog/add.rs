//! `resilmesh catalog add`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;

use super::{save, short, sound};
use crate::cli::Context;
use crate::cli::clone::address;
use crate::cli::failure::Failure;
use crate::git::catalogue::layout::{Products, lay_out};
use crate::git::catalogue::mirror::Mirror;
use crate::git::clone::default_target;
use crate::project::load::ProjectFiles;
use crate::project::lock_file::{FILE_NAME, Locked};
use crate::project::position::{Mark, Position};
use crate::project::{catalogue, git_catalogue, names};

/// Use a catalogue
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Where it is: a URL, HOST:PATH for ssh, or a path
    url: String,
    /// What to call it [default: as the repository is called]
    name: Option<String>,
    /// A branch, a tag or a commit [default: the repository's main branch]
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
}

/// The hashes that pin products.
pub(super) fn pins(products: &Products) -> BTreeMap<String, String> {
    products.iter().map(|(name, content)| (name.clone(), content.hash(&git_catalogue::key(name)))).collect()
}

pub(super) fn run(cx: &Context, mut files: ProjectFiles, args: AddArgs) -> Result<(), Failure> {
    sound(&files)?;
    let from_address = || default_target(&args.url).map(|path| path.display().to_string());
    let name = args.name.clone().or_else(from_address).unwrap_or_default();
    names::check_product(&name).map_err(|wrong| {
        Failure::usage(wrong.replacen("product", "catalogue", 2))
            .hint("`resilmesh catalog add URL NAME` gives it another one")
    })?;
    if files.lock.catalogues.contains_key(&name) {
        return Err(Failure::new(format!("there is a catalogue `{name}` already"))
            .hint(format!("`resilmesh catalog update {name}` brings it up to date; another one needs another name")));
    }
    let url = address(cx, &args.url);
    let mirror = Mirror::of(&url)?;
    cx.ui.progress(format!("fetching {url}"));
    mirror.fetch()?;
    let commit = mirror.resolve(args.rev.as_deref())?;
    let products = pins(&lay_out(&mirror, &commit, &name)?);
    for product in products.keys() {
        hidden(cx, &files, &name, product);
    }
    let listed = match products.is_empty() {
        true => "; it has no products yet".to_owned(),
        false => format!(" with {}", names::list(products.keys().map(String::as_str))),
    };
    let done = json!({
        "done": "added", "catalogue": name, "url": url, "commit": commit.id().to_string(),
        "products": products.keys().collect::<Vec<_>>(),
    });
    let at = Position::new(FILE_NAME, Mark::START);
    files
        .lock
        .catalogues
        .insert(name.clone(), Locked { url, rev: args.rev, commit: commit.id().to_string(), products, at });
    save(&files)?;
    cx.ui.done(format!("added catalogue `{name}` at {}{listed}", short(&commit)), done);
    Ok(())
}

/// Warns of a product that is not the only one of its name.
fn hidden(cx: &Context, files: &ProjectFiles, catalogue: &str, product: &str) {
    let own = files.products.get(product).is_some_and(|own| own.source == crate::mesh::model::ProductSource::Project);
    if own {
        cx.ui.warning(&format!("`{product}` of the project is used, not that of catalogue `{catalogue}`"));
    } else if let Some((other, _)) = files.lock.with_product(product) {
        let first = other.min(catalogue);
        cx.ui.warning(&format!("`{product}` is in catalogues `{other}` and `{catalogue}`: that of `{first}` is used"));
    } else if catalogue::names().contains(&product) {
        cx.ui.warning(&format!("`{product}` of catalogue `{catalogue}` takes the place of the built-in one"));
    }
}
