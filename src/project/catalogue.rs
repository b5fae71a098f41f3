//! The products that are built in: the top-level `products/` folder of the source tree.

use include_dir::{Dir, include_dir};

use super::position::Diagnostic;
use super::product_folder::{self, ProductFolder};
use crate::mesh::model::{Product, ProductSource};

static PRODUCTS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/products");

/// The names of the built-in products, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        PRODUCTS.dirs().filter_map(|dir| dir.path().file_name().and_then(|name| name.to_str())).collect();
    names.sort_unstable();
    names
}

/// A built-in product, and what is wrong with it (nothing: a test sees to that).
pub fn product(name: &str) -> Option<(Product, Vec<Diagnostic>)> {
    let dir = PRODUCTS.dirs().find(|dir| dir.path().to_str() == Some(name))?;
    let mut folder = ProductFolder::default();
    collect(dir, name, &mut folder);
    let mut found = Vec::new();
    let mut product = folder.decode(name, &product_folder::builtin_base(name), ProductSource::Builtin, &mut found);
    if product.module().is_some() {
        add_code(dir, name, &mut product);
    }
    Some((product, found))
}

/// Adds what the code of a module reads besides.
fn add_code(dir: &Dir<'static>, name: &str, product: &mut Product) {
    for file in dir.files() {
        let path = file.path().strip_prefix(name).ok().and_then(|path| path.to_str());
        let own = path.filter(|path| ProductFolder::is_of_module(path)).zip(file.contents_utf8());
        product.code.extend(own.map(|(path, text)| (path.to_owned(), text.to_owned())));
    }
    dir.dirs().for_each(|below| add_code(below, name, product));
}

fn collect(dir: &Dir<'static>, name: &str, folder: &mut ProductFolder) {
    for file in dir.files() {
        let Some(path) = file.path().strip_prefix(name).ok().and_then(|path| path.to_str()) else { continue };
        if let (true, Some(text)) = (ProductFolder::wants(path), file.contents_utf8()) {
            folder.files.insert(path.to_owned(), text.to_owned());
        }
    }
    for below in dir.dirs() {
        collect(below, name, folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_product_is_without_mistakes() {
        for name in names() {
            let (product, found) = product(name).expect("listed products exist");
            assert_eq!(found, [], "{name}");
            assert_eq!(crate::mesh::product_check::check(&product), [], "{name}");
            assert!(product.description.is_some(), "{name} says what it is");
        }
    }
}
