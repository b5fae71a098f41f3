//! Definitions of the project's own products, which capabilities are added to.

use std::path::PathBuf;

use crate::cli::failure::Failure;
use crate::cli::{edit, editors};
use crate::mesh::model::{Product, ProductSource};
use crate::project::files::{Folder, Source};
use crate::project::load::ProjectFiles;
use crate::project::position::Diagnostic;
use crate::project::product_folder::DEFINITION;
use crate::project::scaffold::capability::{Wanted, bare_definition};
use crate::project::scaffold::draft::Draft;
use crate::project::scaffold::product::place;

/// The product, which must be the project's own.
///
/// # Errors
/// When there is none, or it comes from a catalogue.
pub(super) fn own<'a>(files: &'a mut ProjectFiles, name: &str) -> Result<&'a Product, Failure> {
    let product = edit::product(files, name)?;
    if product.source == ProductSource::Project {
        return Ok(product);
    }
    Err(Failure::new(format!("product `{name}` comes from a catalogue: nothing is written to it"))
        .hint(format!("`resilmesh create product NAME` starts one of your own; it can be plugged to `{name}`")))
}

/// Adds the capability to the product's definition in the draft.
///
/// # Errors
/// When the definition cannot be read: it must not be written over then.
pub(super) fn add(files: &ProjectFiles, product: &str, wanted: &Wanted, draft: &mut Draft) -> Result<(), Failure> {
    let path: PathBuf = place(product, DEFINITION);
    let wrong = |found: &&Diagnostic| found.is_error() && found.at.as_ref().is_some_and(|at| at.file == path);
    let wrong: Vec<Diagnostic> = files.found.iter().filter(wrong).cloned().collect();
    if !wrong.is_empty() {
        // What is not understood would be lost.
        return Err(
            Failure::new(format!("the definition of `{product}` has mistakes: nothing is written")).found(wrong)
        );
    }
    let before = match draft.text(&path) {
        Some(text) => Some(text.to_owned()),
        None => {
            let unreadable =
                |wrong| Failure::new(format!("the definition of `{product}` cannot be read")).found(vec![wrong]);
            let folder = Folder::open(&files.root)
                .map_err(|error| Failure::new(format!("the project cannot be opened: {error}")))?;
            folder.text(&path).map_err(unreadable)?
        }
    };
    let before = before.unwrap_or_else(|| editors::new_document(files, &path, bare_definition(product)));
    draft.build_on(path, wanted.add_to(&before));
    Ok(())
}
