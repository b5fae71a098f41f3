//! A file for an editor, in memory and for its owner only, wiped afterwards.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use tempfile::TempDir;

use crate::cli::failure::Failure;
use crate::vault::Secret;
use crate::vault::sources::PASSPHRASE_VARIABLES;

/// The file; it goes with this value.
pub(super) struct Scratch {
    folder: TempDir,
    file: PathBuf,
}

impl Scratch {
    /// A file with this content.
    ///
    /// # Errors
    /// When this machine has no folder in memory.
    pub(super) fn new(content: &Secret) -> Result<Self, Failure> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let mut places = runtime.into_iter().chain([PathBuf::from("/dev/shm")]).filter(|place| in_memory(place));
        // Temporary folders are 0700.
        let folder = places.find_map(|place| tempfile::Builder::new().prefix("resilmesh-").tempdir_in(place).ok());
        let folder = folder.ok_or_else(|| {
            Failure::new(
                "there is no folder in memory for the editor's file, and secrets are not put on a disk in clear",
            )
            .hint("XDG_RUNTIME_DIR names one, or /dev/shm is one; `resilmesh secret set NAME -` needs none")
        })?;
        let scratch = Self { file: folder.path().join("secret.txt"), folder };
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&scratch.file)?;
            file.write_all(content.expose())?;
            file.write_all(b"\n")
        };
        write().map_err(|error| Failure::new(format!("the editor's file cannot be written: {error}")))?;
        Ok(scratch)
    }

    /// Lets the user edit it; what it holds then.
    ///
    /// # Errors
    /// When the editor cannot be started, or fails.
    pub(super) fn edit(&self) -> Result<Secret, Failure> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let editor = variable("VISUAL").or_else(|| variable("EDITOR")).unwrap_or_else(|| "vi".to_owned());
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{editor} \"$1\"")).arg("resilmesh").arg(&self.file);
        for name in PASSPHRASE_VARIABLES {
            command.env_remove(name);
        }
        let failed = |why: String| {
            Failure::new(format!("editor `{editor}` {why}: nothing is changed"))
                .hint("VISUAL or EDITOR says which editor to use")
        };
        let status = command.status().map_err(|error| failed(format!("cannot be started: {error}")))?;
        if !status.success() {
            return Err(failed(format!("ended with {status}")));
        }
        let bytes = fs::read(&self.file).map_err(|error| failed(format!("left no file: {error}")))?;
        Ok(Secret::new(bytes).without_line_end())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Editors leave copies beside the file.
        for entry in fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            wipe(&entry.path());
        }
    }
}

/// Whether what is written there stays in memory.
fn in_memory(place: &Path) -> bool {
    statfs(place).is_ok_and(|found| found.filesystem_type() == TMPFS_MAGIC)
}

/// Overwrites a file. That it cannot be is no reason to stop: it is removed next.
fn wipe(file: &Path) {
    if let Ok(length) = fs::metadata(file).map(|found| found.len())
        && let Ok(mut open) = OpenOptions::new().write(true).open(file)
    {
        let _ = std::io::copy(&mut std::io::Read::take(std::io::repeat(0), length), &mut open);
    }
}
