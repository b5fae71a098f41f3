//! The products of a commit as files: written by this process, so that nothing of the repository is
//! run on the way, and nothing is written outside of the folder.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use git2::{Commit, ObjectType, Repository, Tree};

use super::mirror::Mirror;
use crate::git::trouble::Trouble;
use crate::project::content::Content;
use crate::project::load::PRODUCTS;
use crate::project::{git_catalogue, names};

/// More files than this are no catalogue.
const MOST_FILES: usize = 100_000;
/// Deeper folders than this are no catalogue.
const DEEPEST: usize = 64;

const FILE: i32 = 0o100_644;
const PROGRAM: i32 = 0o100_755;
const LINK: i32 = 0o120_000;

/// The products of a commit with their contents.
pub type Products = BTreeMap<String, Content>;

/// Lays the products of a commit out as files, unless they are there already; what they are.
///
/// # Errors
/// When the commit holds no products, or something that cannot be vouched for.
pub fn lay_out(mirror: &Mirror, commit: &Commit<'_>, catalogue: &str) -> Result<Products, Trouble> {
    let target = mirror.folder().join(commit.id().to_string());
    if !target.is_dir() {
        let aside = tempfile::Builder::new().prefix(".new-").tempdir_in(mirror.folder());
        let aside = aside.map_err(|error| Trouble::io(mirror.folder(), &error))?;
        let root = aside.path().join("files");
        write(mirror, commit, &root)?;
        match fs::rename(&root, &target) {
            // Somebody else was faster.
            Err(error) if !target.is_dir() => return Err(Trouble::io(&target, &error)),
            _ => {}
        }
    }
    products(&target, catalogue)
}

fn products(root: &Path, catalogue: &str) -> Result<Products, Trouble> {
    let folder = root.join(PRODUCTS);
    let mut products = Products::new();
    for entry in fs::read_dir(&folder).map_err(|error| Trouble::io(&folder, &error))? {
        let entry = entry.map_err(|error| Trouble::io(&folder, &error))?;
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        names::check_product(&name).map_err(Trouble::new)?;
        let content = git_catalogue::content(root, catalogue, &name).map_err(|found| {
            let said = found.iter().map(|found| {
                let place = found.at.as_ref().map(|at| at.file.display().to_string()).unwrap_or_default();
                format!("{place}: {}", found.message)
            });
            Trouble::new(format!("catalogue `{catalogue}` cannot be used: {}", said.collect::<Vec<_>>().join("; ")))
                .hint("tell those who keep it")
        })?;
        products.insert(name, content);
    }
    Ok(products)
}

fn write(mirror: &Mirror, commit: &Commit<'_>, root: &Path) -> Result<(), Trouble> {
    let tree = commit.tree()?;
    let products = tree.get_name(PRODUCTS).filter(|entry| entry.kind() == Some(ObjectType::Tree));
    let products = products
        .ok_or_else(|| Trouble::new(format!("`{}` is no catalogue: it has no folder `{PRODUCTS}`", mirror.url())))?;
    make_folder(root).map_err(|error| Trouble::io(root, &error))?;
    let mut writer = Writer { repository: &mirror.repository, files: 0 };
    writer.tree(&mirror.repository.find_tree(products.id())?, &root.join(PRODUCTS), 0)
}

struct Writer<'r> {
    repository: &'r Repository,
    files: usize,
}

impl Writer<'_> {
    fn tree(&mut self, tree: &Tree<'_>, folder: &Path, depth: usize) -> Result<(), Trouble> {
        if depth > DEEPEST {
            return Err(Trouble::new(format!("the catalogue has folders deeper than {DEEPEST} levels")));
        }
        make_folder(folder).map_err(|error| Trouble::io(folder, &error))?;
        for entry in tree {
            let path = folder.join(name(entry.name_bytes())?);
            self.files += 1;
            if self.files > MOST_FILES {
                return Err(Trouble::new(format!("the catalogue has more than {MOST_FILES} files")));
            }
            match entry.kind() {
                Some(ObjectType::Tree) => self.tree(&self.repository.find_tree(entry.id())?, &path, depth + 1)?,
                Some(ObjectType::Blob) => {
                    let blob = self.repository.find_blob(entry.id())?;
                    file(&path, entry.filemode(), blob.content()).map_err(|error| Trouble::io(&path, &error))?;
                }
                _ => {
                    let shown = path.file_name().unwrap_or_default().to_string_lossy();
                    return Err(Trouble::new(format!(
                        "`{shown}` in the catalogue is another repository, which is not fetched"
                    ))
                    .hint("a product has to hold all its files itself"));
                }
            }
        }
        Ok(())
    }
}

/// A name that stays in its folder and is no repository's.
fn name(bytes: &[u8]) -> Result<PathBuf, Trouble> {
    let name = std::str::from_utf8(bytes).ok();
    let odd = |name: &&str| {
        name.is_empty()
            || matches!(*name, "." | "..")
            || name.contains(['/', '\0'])
            || name.eq_ignore_ascii_case(".git")
    };
    match name.filter(|name| !odd(name)) {
        Some(name) => Ok(PathBuf::from(name)),
        None => Err(Trouble::new(format!("the catalogue has a file called `{}`", bytes.escape_ascii()))
            .hint("no git makes such a name: do not use this catalogue")),
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)
}

/// Makes a file that must not be there yet: a link that is written first leads nowhere then.
fn file(path: &Path, mode: i32, content: &[u8]) -> io::Result<()> {
    match mode {
        LINK => symlink(std::ffi::OsStr::new(std::str::from_utf8(content).map_err(io::Error::other)?), path),
        _ => {
            let mode = if mode == PROGRAM { 0o700 } else { 0o600 };
            OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(content)
        }
    }
}

/// The mode of a file in a tree.
pub(super) fn mode(entry: &crate::project::content::Entry) -> i32 {
    use crate::project::content::Entry;
    match entry {
        Entry::File { executable: true, .. } => PROGRAM,
        Entry::File { executable: false, .. } => FILE,
        Entry::Link { .. } => LINK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for bad in [&b""[..], b".", b"..", b"a/b", b".git", b".GIT", b"\xff", b"a\0b"] {
            assert!(name(bad).is_err(), "{}", bad.escape_ascii());
        }
        assert_eq!(name(b"hooks.py").expect("good"), PathBuf::from("hooks.py"));
    }

    #[test]
    fn nothing_is_written_through_what_is_there() {
        let place = tempfile::tempdir().expect("folder");
        let outside = place.path().join("outside");
        let link = place.path().join("link");
        file(&link, LINK, outside.to_string_lossy().as_bytes()).expect("link");
        assert!(file(&link, FILE, b"x").is_err() && make_folder(&link).is_err() && !outside.exists());
    }
}
