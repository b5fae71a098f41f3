//! `resilmesh catalog remove`.

use clap::Args;
use serde_json::json;

use super::{chosen, save, sound};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::mesh::model::ProductSource;
use crate::project::load::ProjectFiles;
use crate::project::names;

/// Use a catalogue no longer
#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Which one
    name: String,
    /// Also when instances are of its products
    #[arg(long)]
    force: bool,
}

pub(super) fn run(cx: &Context, mut files: ProjectFiles, args: &RemoveArgs) -> Result<(), Failure> {
    sound(&files)?;
    chosen(&files, std::slice::from_ref(&args.name))?;
    let of_it = |product: &str| match files.products.get(product).map(|product| &product.source) {
        Some(ProductSource::Catalogue { name, .. }) => *name == args.name,
        Some(_) => false,
        None => files.lock.with_product(product).is_some_and(|(name, _)| name == args.name),
    };
    let used: Vec<&str> =
        files.instances.iter().filter(|own| of_it(&own.product)).map(|own| own.name.as_str()).collect();
    if !used.is_empty() && !args.force {
        return Err(Failure::new(format!("its products are in use by {}", names::list(used.iter().copied())))
            .hint("remove these instances first, or use `--force`"));
    }
    files.lock.catalogues.remove(&args.name);
    save(&files)?;
    cx.ui.done(format!("removed catalogue `{}`", args.name), json!({"done": "removed", "catalogue": args.name}));
    Ok(())
}
