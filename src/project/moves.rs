//! Folders of a project that get another name: tried on what is read, then made on disk.

use std::io;
use std::path::{Path, PathBuf};

use super::change::stays_inside;
use super::files::{Entries, Source};
use super::position::Diagnostic;

/// A folder that gets another name; paths are relative to the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What it is called.
    pub from: PathBuf,
    /// What it will be called.
    pub to: PathBuf,
}

/// A project as it would be after some moves, the first one first.
pub fn after<'a>(there: impl Source + 'a, moves: &[Move]) -> Box<dyn Source + 'a> {
    let start: Box<dyn Source + 'a> = Box::new(there);
    moves.iter().fold(start, |there, one| Box::new(Moved { there, from: one.from.clone(), to: one.to.clone() }))
}

/// Makes the moves in the project at `root`.
///
/// # Errors
/// When one cannot be made: then all are taken back.
pub fn make(root: &Path, moves: &[Move]) -> io::Result<()> {
    for (at, one) in moves.iter().enumerate() {
        let done = stays_inside(root, &root.join(&one.from)).and_then(|()| rename(root, &one.from, &one.to));
        if let Err(error) = done {
            take_back(root, &moves[..at]);
            return Err(error);
        }
    }
    Ok(())
}

/// Takes moves back, the last one first, as far as the disk allows.
pub fn take_back(root: &Path, moves: &[Move]) {
    for one in moves.iter().rev() {
        // There is nobody to tell of a second failure.
        let _ = rename(root, &one.to, &one.from);
    }
}

fn rename(root: &Path, from: &Path, to: &Path) -> io::Result<()> {
    let to = root.join(to);
    // A folder would take the place of an empty one without a word.
    if to.symlink_metadata().is_ok() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("`{}` is there already", to.display())));
    }
    std::fs::rename(root.join(from), to)
}

struct Moved<'a> {
    there: Box<dyn Source + 'a>,
    from: PathBuf,
    to: PathBuf,
}

impl Moved<'_> {
    /// Where a path lies before the move; none if there is nothing after it.
    fn before(&self, path: &Path) -> Option<PathBuf> {
        match path.strip_prefix(&self.to) {
            Ok(rest) if rest == Path::new("") => Some(self.from.clone()),
            Ok(rest) => Some(self.from.join(rest)),
            Err(_) if path.starts_with(&self.from) => None,
            Err(_) => Some(path.to_owned()),
        }
    }
}

impl Source for Moved<'_> {
    fn name(&self) -> String {
        self.there.name()
    }

    fn text(&self, file: &Path) -> Result<Option<String>, Diagnostic> {
        self.before(file).map_or(Ok(None), |file| self.there.text(&file))
    }

    fn entries(&self, folder: &Path) -> Result<Entries, Diagnostic> {
        let Some(before) = self.before(folder) else { return Ok(Entries::default()) };
        let mut entries = self.there.entries(&before)?;
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        if self.from.parent() == Some(folder) {
            let gone = name(&self.from);
            entries.folders.retain(|own| Some(own) != gone.as_ref());
        }
        if self.to.parent() == Some(folder) {
            entries.folders.extend(name(&self.to));
            entries.folders.sort_unstable();
            entries.folders.dedup();
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::Folder;

    fn place() -> tempfile::TempDir {
        let place = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(place.path().join("a/one/plugs/one")).expect("writable");
        std::fs::write(place.path().join("a/one/plugs/one/x"), "text").expect("writable");
        place
    }

    fn moves() -> [Move; 2] {
        let one = |from: &str, to: &str| Move { from: from.into(), to: to.into() };
        [one("a/one", "a/two"), one("a/two/plugs/one", "a/two/plugs/two")]
    }

    #[test]
    fn what_is_tried_is_what_is_made() {
        let place = place();
        let look = |source: &dyn Source| {
            let list = |path: &str| source.entries(Path::new(path)).expect("readable").folders;
            let text = |path: &str| source.text(Path::new(path)).expect("readable");
            (
                [list("a"), list("a/one"), list("a/two/plugs")],
                [text("a/two/plugs/two/x"), text("a/two/plugs/one/x"), text("a/one/plugs/one/x")],
            )
        };
        let folder = || Folder::open(place.path()).expect("there");
        let tried = look(&*after(folder(), &moves()));
        assert_eq!(tried.1, [Some("text".to_owned()), None, None]);
        make(place.path(), &moves()).expect("possible");
        assert_eq!(look(&folder()), tried);
        take_back(place.path(), &moves());
        assert!(place.path().join("a/one/plugs/one/x").is_file() && !place.path().join("a/two").exists());
    }

    #[test]
    fn all_moves_are_made_or_none() {
        let place = place();
        std::fs::create_dir_all(place.path().join("a/one/plugs/two")).expect("writable");
        assert!(make(place.path(), &moves()).is_err(), "something is in the way of the second");
        assert!(place.path().join("a/one/plugs/one/x").is_file() && !place.path().join("a/two").exists());
    }
}
