//! Which files belong to a mesh: `share` commits those, and leaves others that lie beside them alone.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use git2::Index;

use super::changes;
use super::repository::Repository;
use super::trouble::Trouble;

/// Folders of a project that are shared whole.
const FOLDERS: [&str; 7] = ["products", "instances", "secrets", "templates", "tests", "docs", "examples"];
/// Files at the top of a project that are shared, beside texts about it (`*.md`).
const FILES: [&str; 7] =
    ["resilmesh.yaml", "resilmesh.lock", ".gitignore", ".gitattributes", ".allow-secrets", "LICENSE", "NOTICE"];

/// Whether a file is shared: what git tracks already is, and of other files those of the mesh. `path`
/// is relative to the top of the repository.
pub(super) fn is_shared(repository: &Repository, index: &Index, path: &Path) -> bool {
    let Some(own) = repository.in_project(path.as_os_str().as_bytes()) else { return false };
    index.get_path(path, 0).is_some() || in_conflict(index, path) || is_part(&own)
}

fn in_conflict(index: &Index, path: &Path) -> bool {
    (1..=3).any(|stage| index.get_path(path, stage).is_some())
}

fn is_part(own: &Path) -> bool {
    let mut parts = own.components();
    let Some(Component::Normal(first)) = parts.next() else { return false };
    let among = |known: &[&str]| known.iter().any(|name| OsStr::new(name) == first);
    if parts.next().is_some() { among(&FOLDERS) } else { among(&FILES) || own.extension() == Some(OsStr::new("md")) }
}

/// Files of the project that are neither tracked nor part of the mesh, relative to the project.
///
/// # Errors
/// When the folder cannot be read.
pub fn left_alone(repository: &Repository) -> Result<Vec<PathBuf>, Trouble> {
    let index = repository.index()?;
    let mut left: Vec<PathBuf> = changes::uncommitted(repository)?
        .into_iter()
        .filter(|path| !is_shared(repository, &index, path))
        .filter_map(|path| repository.in_project(path.as_os_str().as_bytes()))
        .collect();
    left.sort();
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_the_mesh_is_no_part_of_it() {
        for part in ["resilmesh.yaml", "instances/a/b/config.yaml", "secrets/.gpg-id", "README.md", "docs/x.png"] {
            assert!(is_part(Path::new(part)), "{part}");
        }
        for other in [".env", "incident.txt", "private/dump.pcap", "pw", "products", "a/README.md"] {
            assert!(!is_part(Path::new(other)), "{other}");
        }
    }
}
