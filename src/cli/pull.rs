//! `resilmesh pull`: let a product fetch what it needs from its vendor.

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::file_hooks::call_in_order;
use super::trust::Keeper;
use super::{Context, completion, edit};
use crate::hooks::{Call, Given, HostedHook};
use crate::mesh::model::HookKind;

/// Where pull hooks work, below the project.
const MIRRORS: &str = "mirrors";

/// Call the pull hooks of a product: they fetch its definition or its data from its vendor
///
/// They work in the folder `mirrors/PRODUCT`, which git ignores.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// The product
    #[arg(add = completion::products())]
    product: String,
}

/// Calls the hooks, in their order.
///
/// # Errors
/// When one fails: those after it are not called.
pub fn run(cx: &Context, args: &PullArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    let product = edit::product(&mut files, &args.product)?;
    let mut declared: Vec<_> = product.hooks.iter().filter(|hook| hook.kind == HookKind::Pull).collect();
    declared.sort_by_key(|hook| hook.order);
    let hooks: Vec<_> =
        declared.into_iter().filter_map(|hook| Some((hook.title.clone(), HostedHook::of(product, hook)?))).collect();
    let name = product.name.clone();
    let project = files.root.canonicalize().unwrap_or(files.root);
    let folder = project.join(MIRRORS).join(&name);
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::new(format!("folder `{}` cannot be made: {error}", folder.display())))?;
    if hooks.is_empty() {
        cx.ui.done(format!("product `{name}` has no pull hook"), done(&name, &hooks));
        return Ok(());
    }
    let keeper = Keeper::permit(cx, [name.clone()].into())?;
    let given = Given { path: Some(folder), ..Given::default() };
    call_in_order(cx, &keeper, &project, &Call::of_product(&name, None), &hooks, &given)?;
    cx.ui.done(format!("pulled `{name}`"), done(&name, &hooks));
    Ok(())
}

/// What was called, as data.
fn done(product: &str, hooks: &[(String, HostedHook)]) -> Value {
    let titles: Vec<&str> = hooks.iter().map(|(title, _)| title.as_str()).collect();
    json!({"done": "pulled", "product": product, "folder": format!("{MIRRORS}/{product}"), "hooks": titles})
}
