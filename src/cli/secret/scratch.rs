//! A file for an editor, in memory and for its owner only, wiped afterwards, also when a signal ends
//! this process. What was killed outright is wiped at the next edit.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::unistd::geteuid;
use tempfile::TempDir;
use tokio::signal::unix::{self, SignalKind, signal};

use crate::cli::failure::Failure;
use crate::vault::Secret;
use crate::vault::sources::PASSPHRASE_VARIABLES;

/// What the names of the folders start with.
const PREFIX: &str = "resilmesh-";
/// The file in one.
const FILE: &str = "secret.txt";

/// The file; it goes with this value.
pub(super) struct Scratch {
    folder: TempDir,
    file: PathBuf,
    /// Locked while this process lives, so that no other takes the folder for a leftover.
    _owned: File,
    /// Whether the editor runs: Ctrl-C is for it then.
    editing: Arc<AtomicBool>,
}

impl Scratch {
    /// A file with this content.
    ///
    /// # Errors
    /// When this machine has no folder in memory.
    pub(super) fn new(content: &Secret) -> Result<Self, Failure> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let places = runtime.into_iter().chain([PathBuf::from("/dev/shm")]).filter(|place| in_memory(place));
        let places: Vec<PathBuf> = places.collect();
        places.iter().for_each(|place| wipe_leftovers(place));
        let folder = places.iter().find_map(|place| private_folder(place).ok());
        let folder = folder.ok_or_else(|| {
            Failure::new(
                "there is no folder in memory for the editor's file, and secrets are not put on a disk in clear",
            )
            .hint("XDG_RUNTIME_DIR names one, or /dev/shm is one; `resilmesh secret set NAME -` needs none")
        })?;
        let failed = |error: io::Error| Failure::new(format!("the editor's file cannot be written: {error}"));
        // All before there is something to wipe.
        let owned = File::open(folder.path()).and_then(|open| open.lock().map(|()| open)).map_err(failed)?;
        let editing = Arc::new(AtomicBool::new(false));
        wipe_on_signals(folder.path().to_owned(), Arc::clone(&editing)).map_err(failed)?;
        let scratch = Self { file: folder.path().join(FILE), folder, _owned: owned, editing };
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&scratch.file)?;
            file.write_all(content.expose())?;
            file.write_all(b"\n")
        };
        write().map_err(failed)?;
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
        self.editing.store(true, Ordering::SeqCst);
        let status = command.status();
        // It stays so: a Ctrl-C that was meant for the editor may be told late.
        let status = status.map_err(|error| failed(format!("cannot be started: {error}")))?;
        if !status.success() {
            return Err(failed(format!("ended with {status}")));
        }
        let bytes = fs::read(&self.file).map_err(|error| failed(format!("left no file: {error}")))?;
        Ok(Secret::new(bytes).without_line_end())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        wipe_all(self.folder.path());
    }
}

/// A new folder for its owner only, whatever the umask.
fn private_folder(place: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(PREFIX).permissions(Permissions::from_mode(0o700)).tempdir_in(place)
}

/// The signals that end a process and that it can do something about.
struct Signals {
    term: unix::Signal,
    hup: unix::Signal,
    int: unix::Signal,
    quit: unix::Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            hup: signal(SignalKind::hangup())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.term.recv() => Signal::SIGTERM,
            _ = self.hup.recv() => Signal::SIGHUP,
            _ = self.int.recv() => Signal::SIGINT,
            _ = self.quit.recv() => Signal::SIGQUIT,
        }
    }
}

/// From now on a signal that ends this process wipes the folder first. What is typed at the terminal
/// while the editor runs is for the editor.
fn wipe_on_signals(folder: PathBuf, editing: Arc<AtomicBool>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::listen()?
    };
    let watch = async move {
        loop {
            let told = signals.next().await;
            let typed = matches!(told, Signal::SIGINT | Signal::SIGQUIT);
            if !(typed && editing.load(Ordering::SeqCst)) {
                wipe_all(&folder);
                let _ = fs::remove_dir_all(&folder);
                // As shells tell of a process that a signal ended.
                std::process::exit(128 + told as i32);
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(watch)).map(drop)
}

/// Wipes what this user's processes that were killed have left in a place.
fn wipe_leftovers(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let folder = entry.path();
        let is_ours = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())
            && entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw())
            && folder.join(FILE).symlink_metadata().is_ok_and(|found| found.is_file());
        // One that is in use is locked before its file is there.
        if is_ours && File::open(&folder).is_ok_and(|open| open.try_lock().is_ok()) {
            wipe_all(&folder);
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// Wipes all files of a folder: editors leave copies beside the first.
fn wipe_all(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Never what a link leads to.
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
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
