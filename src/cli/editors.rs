//! What commands do for the editors in which people write documents: a new document names its schema,
//! and the schema is where it says. In a project of Meshroom nothing of it is done.

use std::path::Path;

use super::Context;
use super::failure::Failure;
use crate::mesh::model::Product;
use crate::plan::paths::StateFolder;
use crate::project::change::Change;
use crate::project::load::{ProjectFiles, load};
use crate::project::schema::editor;

/// The text of a new document of the project, to be written at `path` below it.
pub(super) fn new_document(files: &ProjectFiles, path: &Path, text: String) -> String {
    if files.is_meshrooms { text } else { editor::with_modeline(&text, path) }
}

/// Writes the schemas of the kinds and of the instances of these products; how many they are.
///
/// # Errors
/// When the disk refuses.
pub(super) fn write<'a>(root: &Path, products: impl IntoIterator<Item = &'a Product>) -> Result<usize, Failure> {
    let schemas = editor::schemas(products);
    let failed = |error| Failure::new(format!("the schemas for editors cannot be written: {error}"));
    StateFolder::of(root).make().and_then(|()| editor::write(root, &schemas)).map_err(failed)?;
    Ok(schemas.len())
}

/// The same as a part of something else, which does not fail by it.
fn keep<'a>(cx: &Context, files: &ProjectFiles, products: impl IntoIterator<Item = &'a Product>) {
    if files.is_meshrooms {
        return;
    }
    if let Err(failure) = write(&files.root, products) {
        cx.ui.warning(&failure.message);
    }
}

/// Writes the schemas that documents of the project in `root` may name.
pub(super) fn all(cx: &Context, root: &Path) {
    // A project that cannot be opened is told by whoever needs it.
    if let Ok(files) = load(root) {
        keep(cx, &files, files.products.values());
    }
}

/// Writes the schemas that new documents name; `files` are the project with them.
pub(super) fn after(cx: &Context, files: &ProjectFiles, changes: &[Change]) {
    let written = changes.iter().filter_map(|change| match change {
        Change::WriteInstance { product, .. } => files.products.get(product),
        _ => None,
    });
    keep(cx, files, written);
}
