//! Files that are about to be written: shown, tried, then written all or none.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::project::change::stays_inside;
use crate::project::files::{self, Entries, Source};
use crate::project::position::Diagnostic;
use crate::project::write;

/// The files, by path below the project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    files: BTreeMap<PathBuf, DraftFile>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct DraftFile {
    content: Vec<u8>,
    /// It is what was there with something added, so that nothing of it gets lost.
    builds_on: bool,
}

/// What writing a draft would do to one of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It is new.
    Create,
    /// It gets more in it.
    Change,
    /// What somebody wrote would be lost.
    Overwrite,
    /// It is there already, and the same.
    Keep,
}

impl Effect {
    /// What is done, for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Overwrite => "overwrite",
            Self::Keep => "keep",
        }
    }

    /// What was done, for people.
    pub fn past(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Change => "changed",
            Self::Overwrite => "overwrote",
            Self::Keep => "kept",
        }
    }
}

impl DraftFile {
    fn effect(&self, root: &Path, path: &Path) -> io::Result<Effect> {
        let path = root.join(path);
        stays_inside(root, &path)?;
        Ok(match read(&path)? {
            None => Effect::Create,
            Some(there) if there == self.content => Effect::Keep,
            Some(_) if self.builds_on => Effect::Change,
            Some(_) => Effect::Overwrite,
        })
    }
}

impl Draft {
    /// Adds a file that takes the place of what is there.
    pub fn put(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), DraftFile { content: content.into(), builds_on: false });
    }

    /// Adds a file made from what is there, with something added.
    pub fn build_on(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), DraftFile { content: content.into(), builds_on: true });
    }

    /// The paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// The content of a file, as text.
    pub fn text(&self, path: &Path) -> Option<&str> {
        self.files.get(path).and_then(|file| std::str::from_utf8(&file.content).ok())
    }

    /// What writing it would do to the project at `root`.
    ///
    /// # Errors
    /// When a file cannot be read, or a link leads out of the project.
    pub fn effects(&self, root: &Path) -> io::Result<Vec<(&Path, Effect)>> {
        self.files.iter().map(|(path, file)| Ok((path.as_path(), file.effect(root, path)?))).collect()
    }

    /// The project as it would be.
    pub fn over<'a>(&'a self, there: &'a dyn Source) -> impl Source + 'a {
        Overlay { draft: self, there }
    }

    /// Writes all files into the project at `root`.
    ///
    /// # Errors
    /// When one cannot be written: then the project is as it was.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        let mut undo = Undo::default();
        for (path, file) in &self.files {
            let path = root.join(path);
            let done = stays_inside(root, &path)
                .and_then(|()| undo.remember(&path))
                .and_then(|()| write::replace(&path, &file.content));
            if let Err(error) = done {
                undo.run();
                return Err(io::Error::new(error.kind(), format!("`{}`: {error}", path.display())));
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))),
    }
}

/// What to do when writing fails half way.
#[derive(Default)]
struct Undo {
    old: Vec<(PathBuf, Option<Vec<u8>>)>,
    folders: Vec<PathBuf>,
}

impl Undo {
    fn remember(&mut self, path: &Path) -> io::Result<()> {
        self.folders.extend(path.ancestors().skip(1).take_while(|folder| !folder.exists()).map(Path::to_owned));
        self.old.push((path.to_owned(), read(path)?));
        Ok(())
    }

    /// As far as the disk allows: there is nobody to tell of a second failure.
    fn run(self) {
        for (path, old) in self.old.into_iter().rev() {
            let _ = match old {
                Some(old) => write::replace(&path, old),
                None => std::fs::remove_file(&path),
            };
        }
        let mut folders = self.folders;
        folders.sort_by_key(|folder| std::cmp::Reverse(folder.components().count()));
        for folder in folders {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

struct Overlay<'a> {
    draft: &'a Draft,
    there: &'a dyn Source,
}

impl Source for Overlay<'_> {
    fn name(&self) -> String {
        self.there.name()
    }

    fn text(&self, file: &Path) -> Result<Option<String>, Diagnostic> {
        match self.draft.files.get(file) {
            Some(new) => files::utf8(file, new.content.clone()).map(Some),
            None => self.there.text(file),
        }
    }

    fn entries(&self, folder: &Path) -> Result<Entries, Diagnostic> {
        let mut entries = self.there.entries(folder)?;
        for path in self.draft.files.keys().filter_map(|path| path.strip_prefix(folder).ok()) {
            let mut parts = path.iter().map(|part| part.to_string_lossy().into_owned());
            match (parts.next(), parts.next()) {
                (Some(hidden), _) if hidden.starts_with('.') => {}
                (Some(name), Some(_)) => entries.folders.push(name),
                (Some(name), None) => entries.files.push(name),
                (None, _) => {}
            }
        }
        for names in [&mut entries.folders, &mut entries.files] {
            names.sort_unstable();
            names.dedup();
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_are_written_or_none() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let root = place.path();
        std::fs::write(root.join("a"), "old").expect("writable");
        std::fs::write(root.join("z"), "a file").expect("writable");
        let mut draft = Draft::default();
        draft.build_on("a", "new");
        draft.put("b/c/d", "new");
        draft.put("z/e", "a file is in its way");
        assert!(draft.write(root).is_err());
        assert_eq!(std::fs::read_to_string(root.join("a")).expect("there"), "old");
        assert!(!root.join("b").exists(), "no folder is left");
        draft.files.remove(Path::new("z/e"));
        draft.put("z", "another");
        let effects: Vec<Effect> =
            draft.effects(root).expect("readable").into_iter().map(|(_, effect)| effect).collect();
        assert_eq!(effects, [Effect::Change, Effect::Create, Effect::Overwrite]);
        draft.write(root).expect("writable");
        assert_eq!(std::fs::read_to_string(root.join("b/c/d")).expect("there"), "new");
        assert!(draft.effects(root).expect("readable").iter().all(|(_, effect)| *effect == Effect::Keep));
    }

    #[test]
    fn nothing_is_written_through_a_link_that_leads_out() {
        let (place, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        std::os::unix::fs::symlink(other.path(), place.path().join("out")).expect("a link");
        let mut draft = Draft::default();
        draft.put("out/x", "new");
        assert!(draft.effects(place.path()).is_err() && draft.write(place.path()).is_err());
        assert!(!other.path().join("x").exists());
    }
}
