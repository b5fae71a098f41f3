//! `resilmesh list templates`.

use clap::Args;
use serde::Serialize;

use super::document;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::project::scaffold::product;

/// What a new product can start from
#[derive(Debug, Args)]
pub(super) struct TemplatesArgs {
    /// Part of the name, the tags or the description
    search: Option<String>,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    description: String,
    tags: Vec<String>,
    /// What its code can be written in.
    languages: Vec<&'static str>,
}

pub(super) fn run(cx: &Context, args: &TemplatesArgs) -> Result<(), Failure> {
    let mut entries = Vec::new();
    for name in product::names() {
        let template = product::template(name).map_err(Failure::new)?;
        entries.extend(template.map(|template| Entry {
            name: template.name,
            description: template.product.description.unwrap_or_default(),
            tags: template.product.tags,
            languages: product::languages(name).into_iter().map(product::Language::word).collect(),
        }));
    }
    if let Some(part) = args.search.as_ref().map(|part| part.to_lowercase()) {
        let has = |text: &str| text.to_lowercase().contains(&part);
        entries.retain(|own| has(&own.name) || has(&own.description) || own.tags.iter().any(|tag| has(tag)));
    }
    if cx.ui.json {
        document(cx, "templates", &entries);
        return Ok(());
    }
    let row = |own: &Entry| vec![own.name.clone(), first_sentence(&own.description).to_owned()];
    cx.ui.table(&["Name", "Description"], &entries.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}
