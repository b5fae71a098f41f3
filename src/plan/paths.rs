//! Where this machine's state of a project lies: `.resilmesh/`, folders 0700, files 0600.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::project::names;
use crate::runtime::place::{self, Copied};

/// The name of the state folder.
const STATE: &str = ".resilmesh";

/// The `.resilmesh` folder of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// That of the project in this folder; nothing is made.
    pub fn of(project: &Path) -> Self {
        Self(project.join(STATE))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// What `up` has done: `journal.json`.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.json")
    }

    /// What digests of secrets are made with: `key`.
    pub fn key(&self) -> PathBuf {
        self.0.join("key")
    }

    /// Which versions of the vault's secrets are in force: `typed.json`.
    pub fn typed(&self) -> PathBuf {
        self.0.join("typed.json")
    }

    /// Whom its user lets read what is written here: `recipients.json`.
    pub fn recipients(&self) -> PathBuf {
        self.0.join("recipients.json")
    }

    /// What was done, by whom and when: `history.jsonl`.
    pub fn history(&self) -> PathBuf {
        self.0.join("history.jsonl")
    }

    /// What the project's documents were then: `history.git`.
    pub fn snapshots(&self) -> PathBuf {
        self.0.join("history.git")
    }

    /// The profile that is up: `profile`.
    pub fn profile(&self) -> PathBuf {
        self.0.join("profile")
    }

    /// The ports chosen before: `ports.json`.
    pub fn ports(&self) -> PathBuf {
        self.0.join("ports.json")
    }

    /// Held while somebody changes the mesh: `lock`.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The rendered configuration of an instance, its service's current folder.
    pub fn rendered(&self, instance: &str) -> PathBuf {
        self.0.join("rendered").join(names::id(instance))
    }

    /// The data of an instance.
    pub fn data(&self, instance: &str) -> PathBuf {
        self.0.join("data").join(names::id(instance))
    }

    /// The folder of all secrets, one folder in it for each instance.
    pub fn secrets(&self) -> PathBuf {
        self.0.join("secrets")
    }

    /// The log of an instance.
    pub fn log(&self, instance: &str) -> PathBuf {
        self.0.join("logs").join(format!("{}.log", names::id(instance)))
    }

    /// Whose state this is, if it was copied from another project that is still there.
    pub fn copied(&self) -> Option<Copied> {
        place::copied(&self.0)
    }

    /// Makes the folder, with a file that keeps it out of git.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(&self) -> io::Result<()> {
        make_folder(&self.0)?;
        let ignore = self.0.join(".gitignore");
        if ignore.exists() { Ok(()) } else { write_file(&ignore, b"*\n") }
    }

    /// Notes that the folder belongs where it is, unless it was copied: what is about to be written into it is
    /// about this place.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn settle(&self) -> io::Result<()> {
        place::settle(&self.0)
    }
}

/// Makes a folder, and those above it, that only its owner can look into.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    refuse_links(folder)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A cloned project may bring a state folder with links in it: nothing is written, or removed,
/// through them.
fn refuse_links(folder: &Path) -> io::Result<()> {
    let inside = |place: &&Path| place.components().any(|part| part.as_os_str() == STATE);
    for place in folder.ancestors().take_while(inside) {
        if fs::symlink_metadata(place).is_ok_and(|found| found.is_symlink()) {
            let what = format!("`{}` is a symbolic link; remove it", place.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
    }
    Ok(())
}

/// Writes a file that only its owner can read, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, content, |_| Ok(()))
}

/// As [`write_file`]; it survives a power failure from then on.
///
/// # Errors
/// When it cannot be written.
pub fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, content, fs::File::sync_all)?;
    sync_folder_of(path)
}

/// Copies a program, whole or not at all: several may do so at once.
///
/// # Errors
/// When it cannot be read or written.
pub fn copy_program(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let own = fs::Permissions::from_mode(0o700);
    let mut copy = tempfile::Builder::new().permissions(own).tempfile_in(folder)?;
    io::copy(&mut fs::File::open(from)?, &mut copy)?;
    copy.persist(to)?;
    Ok(())
}

/// Sees to it that which files are in the folder of one survives a power failure.
///
/// # Errors
/// When the disk does not take it.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn write(path: &Path, content: &[u8], sync: impl Fn(&fs::File) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    let new = folder.join(name);
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(content)?;
        sync(&file)?;
        fs::rename(&new, path)
    })();
    if written.is_err() {
        // Half of a file is of no use; the first error says why.
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_through_a_link() {
        let (project, elsewhere) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        let state = StateFolder::of(project.path());
        state.make().expect("make");
        std::os::unix::fs::symlink(elsewhere.path(), state.root().join("rendered")).expect("link");
        let refused = write_file(&state.rendered("bus").join("nats.conf"), b"x").expect_err("a link");
        assert!(refused.to_string().contains("is a symbolic link"), "{refused}");
        assert_eq!(fs::read_dir(elsewhere.path()).expect("list").count(), 0);
    }

    #[test]
    fn what_is_written_is_for_its_owner_only() {
        let project = tempfile::tempdir().expect("temporary folder");
        let state = StateFolder::of(project.path());
        state.make().expect("make");
        let path = state.rendered("a.b").join("x/y.yaml");
        write_file(&path, b"one").expect("write");
        write_file(&path, b"two").expect("write again");
        assert_eq!(fs::read(&path).expect("read"), b"two");
        assert!(path.to_string_lossy().contains("rendered/a_b/x"));
        let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(state.root())), (0o600, 0o700));
        assert_eq!(fs::read_dir(path.parent().expect("parent")).expect("list").count(), 1, "nothing is left over");
    }
}
