//! The files of a product's crate, and a copy of them that cargo may write into: a product's own folder stays as
//! it was trusted.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::hooks::HookError;
use crate::project::content::Content;
use crate::project::load::PRODUCTS;
use crate::project::rust_hooks::{CRATE, PREBUILT};

/// Made by cargo in the copy, if the crate has none of its own.
pub(super) const LOCK: &str = "Cargo.lock";
/// What a crate is known by.
const MANIFEST: &str = "Cargo.toml";

/// The files of a crate.
pub(super) struct CrateFiles {
    /// The product.
    pub(super) product: String,
    /// The crate's folder.
    folder: PathBuf,
    /// Its files, by path below it.
    content: Content,
}

impl CrateFiles {
    /// Those of a product in this folder.
    pub(super) fn of(product: &str, folder: &Path) -> Result<Self, HookError> {
        let shown = Path::new(PRODUCTS).join(product);
        let whole = Content::of(folder, folder, &shown).map_err(|found| {
            let why = found.first().map(|found| found.message.clone()).unwrap_or_default();
            HookError::new(format!("the crate of `{product}` cannot be read: {why}"))
        })?;
        let of_crate = |path: String| path.strip_prefix(CRATE)?.strip_prefix('/').map(str::to_owned);
        let is_source = |path: &str| path.split('/').next() != Some(PREBUILT);
        let files = whole.0.into_iter().filter_map(|(path, entry)| Some((of_crate(path)?, entry)));
        let content = Content(files.filter(|(path, _)| is_source(path)).collect());
        if !content.0.contains_key(MANIFEST) {
            let message = format!("`{}` has hooks in Rust, but no `{CRATE}/{MANIFEST}`", shown.display());
            return Err(HookError::new(message)
                .hint("`resilmesh create hook PRODUCT MOMENT ... --lang rust` starts a crate with one"));
        }
        Ok(Self { product: product.to_owned(), folder: folder.join(CRATE), content })
    }

    /// The same for the same files only.
    pub(super) fn hash(&self) -> String {
        self.content.hash(CRATE)
    }

    /// Whether it says which versions it is built with.
    pub(super) fn has_lock(&self) -> bool {
        self.content.0.contains_key(LOCK)
    }

    /// Makes the folder a copy; what is the same already is not touched, so that cargo knows it.
    pub(super) fn copy_to(&self, target: &Path) -> io::Result<()> {
        let mut kept: BTreeSet<PathBuf> = self.content.0.keys().map(|path| target.join(path)).collect();
        if !self.has_lock() {
            kept.insert(target.join(LOCK));
        }
        remove_others(target, &kept)?;
        for path in self.content.0.keys() {
            let (from, to) = (self.folder.join(path), target.join(path));
            let mut text = fs::read(&from)?;
            if path == MANIFEST {
                text = of_its_own(text);
            }
            if fs::read(&to).is_ok_and(|there| there == text) {
                continue;
            }
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&to, text)?;
        }
        Ok(())
    }

    /// Whether this is the path of one of its files.
    pub(super) fn has(&self, path: &str) -> bool {
        self.content.0.contains_key(path)
    }
}

/// A manifest that belongs to no workspace around it: such a one would say what is built, and nobody trusts it.
fn of_its_own(mut manifest: Vec<u8>) -> Vec<u8> {
    let has = |start: &str| String::from_utf8_lossy(&manifest).lines().any(|line| line.trim_start().starts_with(start));
    if !has("[workspace]") && !has("[workspace.") {
        manifest.extend_from_slice(b"\n[workspace]\n");
    }
    manifest
}

/// Removes the files below a folder that are not among these.
fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            remove_others(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_the_root_of_its_own_workspace() {
        assert_eq!(of_its_own(b"[package]".to_vec()), b"[package]\n[workspace]\n");
        for own in ["[package]\n\n[workspace]\n", "[workspace.dependencies]\n"] {
            assert_eq!(of_its_own(own.into()), own.as_bytes());
        }
    }

    #[test]
    fn a_copy_follows_its_original_and_keeps_the_lock_that_cargo_made() {
        let place = tempfile::tempdir().expect("a folder");
        let (product, copy) = (place.path().join("products/edr"), place.path().join("copy"));
        let write = |path: &str, text: &str| {
            let path = product.join("hooks").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write("Cargo.toml", "[package]");
        write("src/main.rs", "one");
        write("src/old.rs", "old");
        write("target/debug/x", "made by cargo");
        write("prebuilt/x/host", "a program");
        let before = CrateFiles::of("edr", &product).expect("files");
        before.copy_to(&copy).expect("copied");
        fs::write(copy.join("Cargo.lock"), "locked").expect("written");
        let main = fs::metadata(copy.join("Cargo.toml")).expect("there").modified().expect("a time");
        write("src/main.rs", "two");
        fs::remove_file(product.join("hooks/src/old.rs")).expect("removed");
        write("target/debug/x", "again");
        let after = CrateFiles::of("edr", &product).expect("files");
        after.copy_to(&copy).expect("copied");
        assert_ne!(before.hash(), after.hash());
        assert_eq!(fs::read_to_string(copy.join("src/main.rs")).ok().as_deref(), Some("two"));
        assert_eq!(fs::read_to_string(copy.join("Cargo.lock")).ok().as_deref(), Some("locked"));
        assert!(!copy.join("src/old.rs").exists() && !copy.join("target").exists() && !copy.join("prebuilt").exists());
        let now = fs::metadata(copy.join("Cargo.toml")).expect("there").modified().expect("a time");
        assert_eq!(main, now, "what is the same is not written again");
    }
}
