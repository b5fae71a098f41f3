//! Reading the files of a project: bounded, UTF-8, and never outside of it.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::code::Code;
use super::position::{Diagnostic, Mark, Position};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Where a project is read from: a folder, or a revision of a repository.
pub trait Source {
    /// The name by which a project without one is called.
    fn name(&self) -> String;

    /// The text of a file; none if there is no such file.
    ///
    /// # Errors
    /// When it cannot or must not be read, or is not UTF-8.
    fn text(&self, file: &Path) -> Result<Option<String>, Diagnostic>;

    /// What stands in a folder; nothing if there is no such folder.
    ///
    /// # Errors
    /// When it cannot be listed.
    fn entries(&self, folder: &Path) -> Result<Entries, Diagnostic>;
}

/// A folder whose files are read, and from which nothing leads out.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    real: PathBuf,
}

/// What a folder holds, sorted; hidden files are left out.
#[derive(Debug, Default)]
pub struct Entries {
    /// Names of the folders.
    pub folders: Vec<String>,
    /// Names of the files.
    pub files: Vec<String>,
}

impl Folder {
    /// The folder at `root`.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(root: &Path) -> std::io::Result<Self> {
        let real = root.canonicalize()?;
        Ok(Self { root: root.to_owned(), real })
    }
}

impl Source for Folder {
    fn name(&self) -> String {
        self.real.file_name().map_or_else(|| "mesh".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    fn text(&self, file: &Path) -> Result<Option<String>, Diagnostic> {
        let path = self.root.join(file);
        let refused =
            |message: String| Diagnostic::error(Position::new(file, Mark::START), message).coded(Code::Unreadable);
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => return Ok(None),
            Err(error) => return Err(refused(format!("cannot be read: {error}"))),
        };
        if !real.starts_with(&self.real) {
            return Err(refused("a symbolic link leads out of the project".to_owned())
                .with_hint("put a copy of the file in its place"));
        }
        let mut bytes = Vec::new();
        fs::File::open(&real).and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(|error| {
            let hint = (error.kind() == ErrorKind::PermissionDenied)
                .then(|| "give yourself the right to read it: `chmod u+r`, or `chown`".to_owned());
            refused(format!("cannot be read: {error}")).with_hint_if(hint)
        })?;
        utf8(file, bytes).map(Some)
    }

    fn entries(&self, folder: &Path) -> Result<Entries, Diagnostic> {
        let failed = |error: std::io::Error| {
            let message = format!("`{}` cannot be listed: {error}", folder.display());
            Diagnostic::nowhere(message).coded(Code::Unreadable)
        };
        let mut entries = Entries::default();
        let listed = match fs::read_dir(self.root.join(folder)) {
            Ok(listed) => listed,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(entries),
            Err(error) => return Err(failed(error)),
        };
        for entry in listed {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            // Through links: whether they lead out is seen when a file is read.
            let is_folder = entry.path().is_dir();
            if is_folder { entries.folders.push(name) } else { entries.files.push(name) }
        }
        entries.folders.sort_unstable();
        entries.files.sort_unstable();
        Ok(entries)
    }
}

/// The bytes of a file as text.
///
/// # Errors
/// When they are too many, or not UTF-8.
pub fn utf8(file: &Path, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    if bytes.len() as u64 > LARGEST {
        let large = format!("larger than {} KiB", LARGEST / 1024);
        return Err(Diagnostic::error(Position::new(file, Mark::START), large)
            .coded(Code::Unreadable)
            .with_hint("put large data elsewhere, and its path into a setting"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let text = String::from_utf8_lossy(valid);
        let last = text.rsplit('\n').next().unwrap_or_default();
        let at = Mark::new(text.matches('\n').count() + 1, last.chars().count() + 1);
        Diagnostic::error(Position::new(file, at), "not UTF-8").coded(Code::NotUtf8).with_hint("save the file as UTF-8")
    })
}
