//! `resilmesh add`: put a product into use.

use clap::Args;
use serde_json::json;

use super::Context;
use super::completion;
use super::configure::{self, Given};
use super::edit;
use super::failure::Failure;
use crate::project::names;

/// Put a product into use as an instance
///
/// An instance that is there already gets the settings that are given.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The product
    #[arg(add = completion::products())]
    pub product: String,
    /// The instance's name [default: the product's]
    pub name: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub given: Given,
}

/// Adds an instance.
///
/// # Errors
/// When there is no such product, or a setting or the name is wrong.
pub fn run(cx: &Context, args: AddArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    edit::product(&mut files, &args.product)?;
    let name = args.name.unwrap_or_else(|| args.product.clone());
    names::check_instance(&name).map_err(|wrong| Failure::new(wrong).hint(names::NAME_HINT))?;
    if let Some(other) = files.instances.iter().find(|own| own.name == name && own.product != args.product) {
        return Err(Failure::new(format!("instance `{name}` is there already, of product `{}`", other.product))
            .hint("names are unique in a mesh: give another one"));
    }
    let exists = configure::write(cx, &mut files, &args.product, &name, &args.given)?;
    let done = if exists { "configured" } else { "added" };
    cx.ui.done(
        format!("{done} `{name}`, an instance of `{}`", args.product),
        json!({"done": done, "instance": name, "product": args.product}),
    );
    Ok(())
}
