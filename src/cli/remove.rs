//! `resilmesh remove`: take an instance out of the project.

use clap::Args;
use serde_json::json;

use super::Context;
use super::completion;
use super::edit::{self, NewMistakes};
use super::failure::Failure;
use super::left_secrets::{self, Owner};
use crate::mesh::model::PlugId;
use crate::project::change::Change;
use crate::project::names;

/// Take an instance with its plugs out of the project
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The instance
    #[arg(add = completion::instances())]
    pub instance: String,
    /// Its product
    pub product: Option<String>,
    /// Take out the plugs that lead to it as well
    #[arg(long)]
    pub cascade: bool,
    /// Delete its secrets, and those of its plugs, from the vault as well
    #[arg(long)]
    pub purge: bool,
    /// Do it even if the project has mistakes then
    #[arg(long)]
    pub force: bool,
}

/// Removes an instance.
///
/// # Errors
/// When there is no such instance, plugs of others lead to it, or the project would have mistakes without it.
pub fn run(cx: &Context, args: RemoveArgs) -> Result<(), Failure> {
    let files = cx.project()?;
    let product = match args.product {
        Some(product) if files.instances.iter().any(|own| own.name == args.instance && own.product == product) => {
            product
        }
        Some(product) => {
            return Err(Failure::new(format!("there is no instance `{}` of product `{product}`", args.instance)));
        }
        None => edit::product_of(&files, &args.instance)?,
    };
    // With two instances of one name (a mistake), nobody knows whom the plugs mean: they stay.
    let unique = files.instances.iter().filter(|own| own.name == args.instance).count() == 1;
    let leading_to_it: Vec<_> = files
        .plugs
        .iter()
        .filter(|plug| unique && plug.id.destination == args.instance && plug.id.source != args.instance)
        .collect();
    if !leading_to_it.is_empty() && !args.cascade {
        let plugs: Vec<String> = leading_to_it.iter().map(|plug| plug.id.to_string()).collect();
        return Err(Failure::new(format!(
            "plugs of other instances lead to `{}`: {}",
            args.instance,
            names::list(plugs.iter().map(String::as_str))
        ))
        .hint("`--cascade` takes them out as well"));
    }
    let from_it = files.plugs.iter().filter(|plug| plug.id.source == args.instance && plug.source_product == product);
    let plugs: Vec<PlugId> = from_it.chain(leading_to_it.iter().copied()).map(|plug| plug.id.clone()).collect();
    let mut owners: Vec<Owner> = plugs.iter().cloned().map(Owner::Plug).collect();
    owners.push(Owner::Instance { product: product.clone(), name: args.instance.clone() });
    let mut changes: Vec<Change> = leading_to_it
        .into_iter()
        .map(|plug| Change::DeletePlug { product: plug.source_product.clone(), id: plug.id.clone() })
        .collect();
    changes.push(Change::DeleteInstance { product: product.clone(), name: args.instance.clone() });
    // With one of two of a name gone, what was wrong with their plugs changes: nothing is lost by that.
    let new = if args.force || !unique { NewMistakes::Allow } else { NewMistakes::Refuse };
    cx.change(&files, &changes, new).map_err(|failure| edit::suggest_force(failure, args.force))?;
    let journal = cx.journal(&files.root);
    if journal.runs(&args.instance) {
        let message = format!("`{}` still runs: the next `resilmesh up` or `resilmesh down` stops it", args.instance);
        cx.ui.warning(&message);
    }
    let said = format!("removed `{}`", args.instance);
    let removed = json!({"done": "removed", "instance": args.instance, "product": product, "plugs": plugs});
    cx.ui.done(said, removed);
    left_secrets::settle(cx, &files, &owners, args.purge)
}
