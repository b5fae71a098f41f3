//! `resilmesh show PRODUCT`, and what a product can start from.

use serde_json::{Value, json};

use super::{connection, say, setting};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::list::capabilities::{Row, rows};
use crate::mesh::model::{Product, ProductSource};
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::scaffold::product as templates;

/// Prints a product, which must be at hand.
pub(super) fn run(cx: &Context, files: &ProjectFiles, name: &str) -> Result<(), Failure> {
    let product = &files.products[name];
    let instances: Vec<&str> =
        files.instances.iter().filter(|own| own.product == name).map(|own| own.name.as_str()).collect();
    let integrations: Vec<String> = connection::integration_names(product).collect();
    if cx.ui.json {
        let mut shown = data(product);
        shown["integrations"] = integrations.into();
        shown["instances"] = instances.into();
        cx.ui.document(&json!({"schema": 1, "product": shown}));
        return Ok(());
    }
    say(cx, &format!("{name} (product of {})", source(product)));
    lines(cx, product);
    for (what, names) in [("integrations", integrations.join(", ")), ("instances", instances.join(", "))] {
        if !names.is_empty() {
            say(cx, &format!("  {what}: {names}"));
        }
    }
    say(cx, &format!("  file: {}", product.at.file.display()));
    Ok(())
}

/// Prints what a product can start from.
///
/// # Errors
/// When there is no such template.
pub(super) fn template(cx: &Context, name: &str) -> Result<(), Failure> {
    let Some(template) = templates::template(name).map_err(Failure::new)? else {
        let failure = Failure::new(format!("there is no template `{name}`"));
        let near = names::closest(name, templates::names()).map(|near| format!("did you mean `{near}`?"));
        return Err(near.into_iter().fold(failure, Failure::hint).hint("`resilmesh list templates` shows them all"));
    };
    let files: Vec<&String> = template.files.keys().collect();
    if cx.ui.json {
        let mut shown = data(&template.product);
        shown["files"] = json!(files);
        cx.ui.document(&json!({"schema": 1, "template": shown}));
        return Ok(());
    }
    say(cx, &format!("{name} (template)"));
    lines(cx, &template.product);
    say(cx, &format!("  files: {}", files.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")));
    cx.ui.progress(format!("`resilmesh create product NAME --from {name}` starts a product from it"));
    Ok(())
}

fn source(product: &Product) -> String {
    match &product.source {
        ProductSource::Builtin => "the built-in catalogue".to_owned(),
        ProductSource::Project => "the project".to_owned(),
        ProductSource::Catalogue { name, .. } => format!("catalogue `{name}`"),
    }
}

fn data(product: &Product) -> Value {
    let capabilities: Vec<Row> = rows(product).into_iter().collect();
    json!({
        "name": product.name, "description": product.description, "vendor": product.vendor, "tags": product.tags,
        "managed": product.service.is_some(), "capabilities": capabilities,
        "settings": setting::data(&product.settings), "file": product.at.file,
    })
}

fn lines(cx: &Context, product: &Product) {
    if let Some(description) = &product.description {
        say(cx, &format!("  {description}"));
    }
    if let Some(vendor) = &product.vendor {
        say(cx, &format!("  vendor: {vendor}"));
    }
    if !product.tags.is_empty() {
        say(cx, &format!("  tags: {}", product.tags.join(", ")));
    }
    let capabilities = rows(product);
    if !capabilities.is_empty() {
        say(cx, "  can do:");
        capabilities.iter().for_each(|row| say(cx, &format!("    {row}")));
    }
    setting::lines(cx, &product.settings);
}
