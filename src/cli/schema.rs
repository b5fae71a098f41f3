//! `resilmesh schema`: what may stand in documents, as JSON Schema.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::completion;
use super::failure::Failure;
use super::{Context, edit, editors};
use crate::project::load::ProjectFiles;
use crate::project::schema::editor::FOLDER;
use crate::project::schema::kinds::Kind;
use crate::project::schema::{json, settings};

/// Print the JSON Schema of a kind of document, for editors
///
/// Without a kind it lists them. New documents name their schema in their first line, which editors
/// with a YAML language server read.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The kind
    #[arg(value_parser = kinds())]
    pub kind: Option<Kind>,
    /// With the settings of this product, for its instances
    #[arg(long, requires = "kind", add = completion::products())]
    pub product: Option<String>,
    /// Write the schemas of all kinds and products to where the documents of this project look for them
    #[arg(long, conflicts_with_all = ["kind", "product"])]
    pub write: bool,
}

fn kinds() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::word))
        .map(|word| Kind::ALL.into_iter().find(|kind| kind.word() == word).unwrap_or(Kind::Project))
}

/// Prints or writes schemas.
///
/// # Errors
/// When there is no such product, or the disk refuses.
pub fn run(cx: &Context, args: SchemaArgs) -> Result<(), Failure> {
    match (args.kind, args.product) {
        (None, _) if args.write => write(cx),
        (None, _) => {
            list(cx);
            Ok(())
        }
        (Some(kind), None) => {
            cx.ui.document(&json::of(kind));
            Ok(())
        }
        (Some(Kind::Instance), Some(product)) => {
            let mut files = files(cx)?;
            cx.ui.document(&settings::of_instances(edit::product(&mut files, &product)?));
            Ok(())
        }
        (Some(kind), Some(_)) => {
            Err(Failure::usage(format!("`--product` is for `instance`, not for `{}`", kind.word())))
        }
    }
}

fn files(cx: &Context) -> Result<ProjectFiles, Failure> {
    cx.project().map_err(|failure| failure.of("the settings of a product are looked up in a project"))
}

fn write(cx: &Context) -> Result<(), Failure> {
    let files = cx.project()?;
    let count = editors::write(&files.root, files.products.values())?;
    cx.ui.progress(format!("wrote {count} schemas to `{FOLDER}`"));
    Ok(())
}

fn list(cx: &Context) {
    if cx.ui.json {
        let kinds: Vec<_> = Kind::ALL
            .iter()
            .map(|kind| json!({"kind": kind.word(), "file": kind.place(), "about": kind.record().about}))
            .collect();
        cx.ui.document(&json!({"schema": 1, "kinds": kinds}));
        return;
    }
    let rows = Kind::ALL.map(|kind| vec![kind.word().to_owned(), kind.place().to_owned()]);
    cx.ui.table(&["Kind", "File"], &rows);
}
