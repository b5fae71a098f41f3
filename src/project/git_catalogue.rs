//! A git catalogue on this machine: fetched and laid out by `resilmesh catalog`, read here. Never
//! touches the network.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::code::Code;
use super::content::Content;
use super::files::Folder;
use super::load::{self, PRODUCTS};
use super::lock_file::Locked;
use super::position::Diagnostic;
use super::user_folders;
use crate::mesh::model::{Product, ProductSource};

/// What this machine keeps of the catalogue at an address; none for a user without a home.
pub fn folder(url: &str) -> Option<PathBuf> {
    let id: String = Sha256::digest(url.as_bytes()).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Some(user_folders::cache()?.join("catalogues").join(id))
}

/// Where the files of a pinned catalogue lie, if they are there.
pub fn files(locked: &Locked) -> Option<PathBuf> {
    folder(&locked.url).map(|folder| folder.join(&locked.commit)).filter(|files| files.is_dir())
}

/// By what the content of a product is hashed: the same for the lock and for trust.
pub fn key(product: &str) -> String {
    format!("product/{product}")
}

/// The content of a product below `root`; `shown` is the catalogue in messages.
///
/// # Errors
/// What in it cannot be vouched for.
pub fn content(root: &Path, catalogue: &str, product: &str) -> Result<Content, Vec<Diagnostic>> {
    Content::of(root, &root.join(PRODUCTS).join(product), &shown(catalogue, product))
}

/// What the folder of a product is called in messages.
pub fn shown(catalogue: &str, product: &str) -> PathBuf {
    Path::new(&format!("<{catalogue}>")).join(product)
}

/// A product of a pinned catalogue, and what is wrong with it.
///
/// # Errors
/// When it is not there, or is not what was pinned.
pub fn product(catalogue: &str, locked: &Locked, name: &str) -> Result<(Product, Vec<Diagnostic>), Diagnostic> {
    let refused = |what: String| Diagnostic::error(locked.at.clone(), what).coded(Code::Catalogue);
    let Some(root) = files(locked) else {
        let what = format!("product `{name}` is in catalogue `{catalogue}`, which is not on this machine yet");
        return Err(
            refused(what).with_hint(format!("`resilmesh catalog fetch {catalogue}` fetches it from {}", locked.url))
        );
    };
    let content = content(&root, catalogue, name);
    let wanted = locked.products.get(name);
    if content.as_ref().ok().map(|content| content.hash(&key(name))).as_ref() != wanted {
        let what =
            format!("product `{name}` of catalogue `{catalogue}` is not what `resilmesh.lock` pins: it is not used");
        return Err(refused(what).with_hint(format!(
            "remove `{}` and run `resilmesh catalog fetch {catalogue}`; if that does not help, somebody has changed the lock by hand",
            root.display()
        )));
    }
    let source = ProductSource::Catalogue { name: catalogue.to_owned(), root: root.clone() };
    let folder =
        Folder::open(&root).map_err(|error| refused(format!("catalogue `{catalogue}` cannot be opened: {error}")))?;
    Ok(load::load_product(&folder, name, &shown(catalogue, name), source))
}
