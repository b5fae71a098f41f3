//! One who changes the mesh at a time. The lock belongs to the open file, so it ends with the
//! process that holds it, however that ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use fs4::{FileExt, TryLockError};

/// Why the lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("this mesh is being changed by {holder}")]
    Held {
        /// Process id, command, and since when.
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
    file: File,
}

/// How often it is tried again while somebody else has it.
const EVERY: Duration = Duration::from_millis(100);

impl Drop for Lock {
    fn drop(&mut self) {
        // Who held it is of no interest any more; that it is free is what counts.
        let _ = self.file.set_len(0);
    }
}

impl Lock {
    /// Takes the lock as soon as it is free, for this long; `waits` is told once who has it.
    ///
    /// # Errors
    /// When somebody else still has it then, or the file cannot be used.
    pub fn wait(path: &Path, command: &str, patience: Duration, waits: impl FnOnce(&str)) -> Result<Self, LockError> {
        let until = Instant::now() + patience;
        let mut waits = Some(waits);
        loop {
            match Self::take(path, command) {
                Err(LockError::Held { holder }) if Instant::now() < until => {
                    if let Some(waits) = waits.take() {
                        waits(&holder);
                    }
                }
                taken => return taken,
            }
            std::thread::park_timeout(EVERY.min(until.saturating_duration_since(Instant::now())));
        }
    }

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
            .and_then(|()| writeln!(file, "{}", told_of(command, &Utc::now())));
        told.map_err(failed)?;
        Ok(Self { file })
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

/// What others are told of its holder.
fn told_of(command: &str, since: &DateTime<Utc>) -> String {
    format!("process {} (`resilmesh {command}`), since {} UTC", std::process::id(), since.format("%Y-%m-%d %H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_second_one_is_told_who_holds_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("lock");
        let held = Lock::take(&path, "up").expect("free");
        let error = Lock::take(&path, "down").expect_err("held");
        let expected =
            format!("this mesh is being changed by process {} (`resilmesh up`), since 2", std::process::id());
        assert!(error.to_string().starts_with(&expected) && error.to_string().ends_with(" UTC"), "{error}");
        let Err(LockError::Held { holder: known }) = Lock::take(&path, "down") else { panic!("held") };
        assert_eq!(holder(&path).expect("readable"), Some(known));
        drop(held);
        assert_eq!(holder(&path).expect("readable"), None);
        Lock::take(&path, "down").expect("free again");
        assert_eq!(holder(&folder.path().join("missing")).expect("nobody"), None);
    }

    #[test]
    fn one_who_waits_gets_it_once_it_is_free() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("lock");
        let held = RefCell::new(Some(Lock::take(&path, "up").expect("free")));
        let told = RefCell::new(String::new());
        let waits = |holder: &str| {
            holder.clone_into(&mut told.borrow_mut());
            held.take();
        };
        Lock::wait(&path, "down", Duration::from_secs(60), waits).expect("free again");
        assert!(told.borrow().contains("(`resilmesh up`), since "), "{}", told.borrow());
        let _held = Lock::take(&path, "up").expect("free");
        let error = Lock::wait(&path, "down", Duration::from_millis(1), |_| ()).expect_err("held");
        assert!(matches!(error, LockError::Held { .. }));
    }
}
