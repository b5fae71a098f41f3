//! The files of a vault: read with a limit, replaced whole or not at all, never through a link.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, FileType};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use tempfile::TempPath;

use crate::Result;
use crate::error::VaultError;

/// Where certificates are, as with gopass.
pub(crate) const PUBLIC_KEYS: &str = ".public-keys";

/// What names of temporary files start with.
const ASIDE: &str = ".resilmesh-";

/// A folder from which nothing leads out: paths are relative to it, and no part of them may be a
/// symbolic link.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

/// A file that is written beside the one it will replace.
#[derive(Debug)]
pub(crate) struct Staged {
    aside: TempPath,
    target: PathBuf,
}

/// One file or folder found in a walk.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its path below the root.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) kind: FileType,
}

/// What keeps others from writing while it lives, and ends with this process.
#[derive(Debug)]
pub(crate) struct Lock {
    _folder: File,
}

impl Folder {
    /// A folder, which need not be there yet. It may itself be reached through links.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let root = match root.canonicalize() {
            Ok(real) => real,
            Err(error) if error.kind() == ErrorKind::NotFound => root.to_owned(),
            Err(error) => return Err(VaultError::io("open", root)(error)),
        };
        Ok(Self { root })
    }

    /// Its own path.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file as the system knows it.
    ///
    /// # Errors
    /// When a part of it is a link, or it would leave the folder.
    pub(crate) fn at(&self, path: &Path) -> Result<PathBuf> {
        let mut whole = self.root.clone();
        for part in path.components() {
            let Component::Normal(part) = part else {
                return Err(VaultError::Link(self.root.join(path)));
            };
            whole.push(part);
            if fs::symlink_metadata(&whole).is_ok_and(|found| found.is_symlink()) {
                return Err(VaultError::Link(whole));
            }
        }
        Ok(whole)
    }

    /// What a file holds; `None` if there is no such file.
    pub(crate) fn read(&self, path: &Path, largest: u64) -> Result<Option<Vec<u8>>> {
        let path = self.at(path)?;
        // Opening a pipe would wait for somebody who writes into it.
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(VaultError::NoFile(path));
        }
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(VaultError::io("open", &path)(error)),
        };
        let mut bytes = Vec::new();
        file.take(largest + 1).read_to_end(&mut bytes).map_err(VaultError::io("read", &path))?;
        if bytes.len() as u64 > largest {
            return Err(VaultError::TooLarge { what: format!("`{}`", path.display()), largest });
        }
        Ok(Some(bytes))
    }

    /// The text of a file; `None` if there is no such file.
    pub(crate) fn text(&self, path: &Path) -> Result<Option<String>> {
        const LARGEST: u64 = 1024 * 1024;
        let Some(bytes) = self.read(path, LARGEST)? else { return Ok(None) };
        let damaged =
            |_| VaultError::Damaged { path: self.root.join(path), why: "it is not UTF-8".to_owned(), name: None };
        String::from_utf8(bytes).map(Some).map_err(damaged)
    }

    /// All files and links below, hidden ones left out, sorted; without following links.
    pub(crate) fn walk(&self) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        self.walk_into(Path::new(""), &mut found)?;
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn walk_into(&self, folder: &Path, found: &mut Vec<Found>) -> Result<()> {
        for (name, kind) in self.entries(folder)? {
            let path = folder.join(&name);
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                self.walk_into(&path, found)?;
            } else {
                found.push(Found { path, kind });
            }
        }
        Ok(())
    }

    /// This folder and all below, hidden ones left out, sorted; without following links.
    pub(crate) fn folders(&self) -> Result<Vec<PathBuf>> {
        let mut found = vec![PathBuf::new()];
        let mut at = 0;
        while let Some(folder) = found.get(at).cloned() {
            let inside = self.entries(&folder)?.into_iter();
            let below = inside.filter(|(name, kind)| kind.is_dir() && !name.as_encoded_bytes().starts_with(b"."));
            found.extend(below.map(|(name, _)| folder.join(name)));
            at += 1;
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The names of the files in a folder, sorted.
    pub(crate) fn files_in(&self, folder: &Path) -> Result<Vec<OsString>> {
        self.at(folder)?;
        let mut names: Vec<OsString> =
            self.entries(folder)?.into_iter().filter(|(_, kind)| kind.is_file()).map(|(name, _)| name).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn entries(&self, folder: &Path) -> Result<Vec<(OsString, FileType)>> {
        let whole = self.root.join(folder);
        let listed = match fs::read_dir(&whole) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(VaultError::io("list", &whole)(error)),
        };
        listed
            .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))))
            .collect::<std::io::Result<_>>()
            .map_err(VaultError::io("list", &whole))
    }

    /// Waits until nobody else writes here, and keeps others from it.
    pub(crate) fn lock(&self) -> Result<Lock> {
        self.make(Path::new(""))?;
        let folder = File::open(&self.root).map_err(VaultError::io("open", &self.root))?;
        folder.lock().map_err(VaultError::io("lock", &self.root))?;
        // Nobody else writes now, so whatever is beside the files belongs to nobody that lives.
        self.clean(Path::new(""))?;
        Ok(Lock { _folder: folder })
    }

    /// Writes a file beside the one it will replace, and sees that the disk has it.
    pub(crate) fn stage(&self, path: &Path, bytes: &[u8]) -> Result<Staged> {
        self.make(path.parent().unwrap_or(Path::new("")))?;
        let target = self.at(path)?;
        let parent = target.parent().unwrap_or(&self.root);
        let refused = |error| VaultError::io("write", &target)(error);
        let mut aside = tempfile::Builder::new().prefix(ASIDE).suffix(".tmp").tempfile_in(parent).map_err(&refused)?;
        aside.write_all(bytes).map_err(&refused)?;
        aside.as_file().sync_all().map_err(&refused)?;
        Ok(Staged { aside: aside.into_temp_path(), target })
    }

    /// Takes a file away, and the folders that are empty then.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        let whole = self.at(path)?;
        fs::remove_file(&whole).map_err(VaultError::io("remove", &whole))?;
        for folder in whole.ancestors().skip(1).take_while(|folder| *folder != self.root) {
            // It goes when it is empty, and stays when it is not.
            if fs::remove_dir(folder).is_err() {
                return sync(folder);
            }
        }
        sync(&self.root)
    }

    /// Takes away what a process that was killed while writing has left, in all folders of the vault.
    fn clean(&self, folder: &Path) -> Result<()> {
        for (name, kind) in self.entries(folder)? {
            let path = folder.join(&name);
            let is_of_vault = !name.as_encoded_bytes().starts_with(b".") || name == PUBLIC_KEYS;
            if kind.is_dir() && is_of_vault {
                self.clean(&path)?;
            } else if kind.is_file() && is_aside(&name) {
                let path = self.root.join(path);
                fs::remove_file(&path).map_err(VaultError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Makes a folder and those above it, open to their owner only.
    fn make(&self, folder: &Path) -> Result<()> {
        let whole = self.at(folder)?;
        if whole.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&whole).map_err(VaultError::io("make folder", &whole))?;
        whole.ancestors().skip(1).take_while(|above| above.starts_with(&self.root)).try_for_each(sync)
    }
}

impl Staged {
    /// The file as it is now.
    pub(crate) fn path(&self) -> &Path {
        &self.aside
    }

    /// Where it will be.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Puts it in its place. Who reads sees the old file or the new one.
    pub(crate) fn commit(self) -> Result<()> {
        let target = self.target;
        self.aside.persist(&target).map_err(|error| VaultError::io("replace", &target)(error.error))
    }
}

/// Sees that the disk has what was renamed in a folder.
pub(crate) fn sync(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|open| open.sync_all()).map_err(VaultError::io("sync", folder))
}

fn is_aside(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(ASIDE.as_bytes()) && name.ends_with(b".tmp")
}
