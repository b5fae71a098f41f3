//! One who changes the mesh at a time. The lock belongs to the open file, so it ends with the
//! process that holds it, however that ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};

/// Why the lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("this mesh is being changed by {holder}")]
    Held {
        /// Process id and command.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("lock file `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The lock of a project, held until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says who has it.
    ///
    /// # Errors
    /// When somebody else has it or the file cannot be used.
    pub fn take(path: &Path, command: &str) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut file = options.map_err(failed)?;
        match FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { holder: written_in(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let told = file
            .rewind()
            .and_then(|()| file.set_len(0))
            .and_then(|()| writeln!(file, "process {} (`resilmesh {command}`)", std::process::id()));
        told.map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Who holds the lock of a project, if somebody does. Takes it for a moment, shared, and makes no file.
///
/// # Errors
/// When the file cannot be used.
pub fn holder(path: &Path) -> io::Result<Option<String>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(written_in(&mut file))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Who it is only helps; that it is held is what counts.
fn written_in(file: &mut File) -> String {
    let mut holder = String::new();
    let _ = file.read_to_string(&mut holder);
    if holder.is_empty() { "another process".to_owned() } else { holder.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_told_who_holds_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("lock");
        let held = Lock::take(&path, "up").expect("free");
        let error = Lock::take(&path, "down").expect_err("held");
        let expected = format!("this mesh is being changed by process {} (`resilmesh up`)", std::process::id());
        assert_eq!(error.to_string(), expected);
        let known = format!("process {} (`resilmesh up`)", std::process::id());
        assert_eq!(holder(&path).expect("readable"), Some(known));
        drop(held);
        assert_eq!(holder(&path).expect("readable"), None);
        Lock::take(&path, "down").expect("free again");
        assert_eq!(holder(&folder.path().join("missing")).expect("nobody"), None);
    }
}
