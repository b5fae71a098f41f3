//! Where the project is: here, or in a folder above.

use std::path::{Path, PathBuf};

use super::load::PRODUCTS;
use super::project_file::FILE_NAME;

/// The folder of the project that `start` lies in. A `resilmesh.yaml` makes a folder a project, and
/// is looked for upwards, as git looks for its own; a `products` folder does so for `start` itself,
/// as with Meshroom. The path is absolute.
///
/// # Errors
/// When `start` is no folder that can be opened.
pub fn find(start: &Path) -> std::io::Result<Option<PathBuf>> {
    let start = start.canonicalize()?;
    if start.join(PRODUCTS).is_dir() {
        return Ok(Some(start));
    }
    Ok(start.ancestors().find(|folder| folder.join(FILE_NAME).is_file()).map(Path::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_found_from_inside_of_it() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let root = place.path().canonicalize().expect("it is there");
        let below = root.join("instances/nats/bus");
        std::fs::create_dir_all(&below).expect("writable");
        assert_eq!(find(&below).expect("can be opened"), None);
        std::fs::write(root.join(FILE_NAME), "version: 1\n").expect("writable");
        assert_eq!(find(&below).expect("can be opened"), Some(root.clone()));
        assert!(find(&root.join("missing")).is_err());
    }

    #[test]
    fn a_meshroom_project_is_found_only_at_its_top() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let root = place.path().canonicalize().expect("it is there");
        std::fs::create_dir_all(root.join("products/edr")).expect("writable");
        assert_eq!(find(&root).expect("can be opened"), Some(root.clone()));
        assert_eq!(find(&root.join("products/edr")).expect("can be opened"), None);
    }
}
