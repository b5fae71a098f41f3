//! Where the embedded runtime keeps its things, on disk and for sockets.
//!
//! | what | where |
//! |---|---|
//! | state of a service | `.resilmesh/run/<instance>.json` |
//! | log of a service | `.resilmesh/logs/<instance>.log`, older pieces `.log.1`, `.log.2` |
//! | lock and seat of the supervisor | `.resilmesh/supervisor.lock`, `.resilmesh/supervisor.json` |
//! | sockets | `$XDG_RUNTIME_DIR/resilmesh/<hash>/`, or below `/tmp/resilmesh-<uid>/` |
//!
//! The lock does not lie beside the sockets: the folder of the sockets may go away when the user
//! logs out while the supervisor runs on.

use std::fs::{DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::seat::Seat;
use crate::project::names;
use crate::runtime::{RuntimeError, place};

/// A socket's path must fit into 108 bytes with its final zero; some systems have less.
const LONGEST_SOCKET: usize = 99;
/// Longest file name of a socket: `<hash>.sock` and `supervisor.sock` are shorter.
const LONGEST_SOCKET_NAME: usize = 26;

/// The places of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    project: PathBuf,
    sockets: PathBuf,
}

impl Layout {
    /// The places of the project in `project`. Makes nothing.
    ///
    /// `runtime_dir` is the value of `XDG_RUNTIME_DIR`; where a supervisor has a seat already, its
    /// sockets stay where they are, whoever asks from whatever environment.
    pub(crate) fn of(project: &Path, runtime_dir: Option<&Path>) -> Result<Self, RuntimeError> {
        let project = project.canonicalize().map_err(|error| {
            RuntimeError::new(format!("folder `{}` cannot be opened: {error}", project.display()))
                .hint("name the project's folder with `-C DIR`")
        })?;
        let mut layout = Self { sockets: sockets_of(&project, runtime_dir), project };
        if let Some(seat) = Seat::read(&layout).filter(|seat| check_private(&seat.sockets).is_ok()) {
            layout.sockets = seat.sockets;
        }
        Ok(layout)
    }

    /// The same, unless what lies there was copied from another project: that would be acted on then.
    pub(crate) fn own(project: &Path, runtime_dir: Option<&Path>) -> Result<Self, RuntimeError> {
        let layout = Self::of(project, runtime_dir)?;
        match place::copied(&layout.state()) {
            Some(copied) => Err(copied.into()),
            None => Ok(layout),
        }
    }

    /// The same places, for one who begins to supervise: the sockets of a project that was moved do not stay
    /// where another project may have its own.
    pub(crate) fn at_home(self, runtime_dir: Option<&Path>) -> Self {
        let own = sockets_of(&self.project, runtime_dir);
        let sockets = if self.sockets.file_name() == own.file_name() { self.sockets } else { own };
        Self { sockets, ..self }
    }

    /// The same places with the sockets below `/tmp`: for when the user's own folder has gone.
    pub(crate) fn with_shared_sockets(&self) -> Self {
        let hash = hash(self.project.as_os_str().as_bytes());
        Self { project: self.project.clone(), sockets: shared_base().join("resilmesh").join(hash) }
    }

    pub(crate) fn project(&self) -> &Path {
        &self.project
    }

    fn state(&self) -> PathBuf {
        self.project.join(".resilmesh")
    }

    /// Folder of the services' states.
    pub(crate) fn records(&self) -> PathBuf {
        self.state().join("run")
    }

    /// The state of one service.
    pub(crate) fn record(&self, instance: &str) -> PathBuf {
        self.records().join(format!("{}.json", file_id(instance)))
    }

    /// Folder of the logs.
    pub(crate) fn logs(&self) -> PathBuf {
        self.state().join("logs")
    }

    /// The log of one service.
    pub(crate) fn log(&self, instance: &str) -> PathBuf {
        self.logs().join(format!("{}.log", file_id(instance)))
    }

    /// Folder of the secrets that services are given.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.state().join("secrets")
    }

    /// The log of the supervisor.
    pub(crate) fn supervisor_log(&self) -> PathBuf {
        self.logs().join("supervisor.log")
    }

    /// Held by the supervisor as long as it lives.
    pub(crate) fn lock(&self) -> PathBuf {
        self.state().join("supervisor.lock")
    }

    /// Who supervises, and where it listens.
    pub(crate) fn seat(&self) -> PathBuf {
        self.state().join("supervisor.json")
    }

    /// Folder of all sockets of the project.
    pub(crate) fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// Where the supervisor listens.
    pub(crate) fn supervisor_socket(&self) -> PathBuf {
        self.sockets.join("supervisor.sock")
    }

    /// Where a service shall listen for control.
    pub(crate) fn control_socket(&self, instance: &str) -> PathBuf {
        let id = file_id(instance);
        let id = if id.len() + ".sock".len() > LONGEST_SOCKET_NAME { hash(instance.as_bytes()) } else { id };
        self.sockets.join(format!("{id}.sock"))
    }

    /// What marks the processes of a service, in their environment.
    pub(crate) fn mark(&self, instance: &str) -> String {
        format!("{}/{instance}", hash(self.project.as_os_str().as_bytes()))
    }

    /// Makes the folders for states and logs.
    pub(crate) fn make_state(&self) -> Result<(), RuntimeError> {
        for folder in [self.state(), self.records(), self.logs()] {
            make_private(&folder)
                .and_then(|()| close_to_others(&folder))
                .and_then(|()| check_private(&folder))
                .map_err(|error| unusable(&folder, &error))?;
        }
        place::settle(&self.state()).map_err(|error| unusable(&self.state(), &error))
    }

    /// Makes the folder for sockets, and refuses one that others could have made.
    pub(crate) fn make_sockets(&self) -> Result<(), RuntimeError> {
        let parent = self.sockets.parent().unwrap_or(Path::new("/"));
        let base = parent.parent().unwrap_or(Path::new("/"));
        for folder in [base, parent, &self.sockets] {
            make_private(folder).and_then(|()| check_private(folder)).map_err(|error| unusable(folder, &error))?;
        }
        Ok(())
    }
}

/// Where the sockets of a project lie, unless its supervisor says otherwise.
fn sockets_of(project: &Path, runtime_dir: Option<&Path>) -> PathBuf {
    let base = runtime_dir.filter(|dir| usable_base(dir)).map_or_else(shared_base, Path::to_owned);
    base.join("resilmesh").join(hash(project.as_os_str().as_bytes()))
}

fn unusable(folder: &Path, error: &io::Error) -> RuntimeError {
    RuntimeError::new(format!("folder `{}` cannot be used: {error}", folder.display()))
        .hint("it must belong to you and be closed to others (chmod 700); remove it if it is not yours")
}

pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Takes rights away that a folder need not have: `git` and people make folders that all may enter.
fn close_to_others(folder: &Path) -> io::Result<()> {
    let seen = folder.symlink_metadata()?;
    if seen.is_dir() && seen.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Refuses a folder that is a link, that belongs to somebody else or that others may enter.
pub(crate) fn check_private(folder: &Path) -> io::Result<()> {
    let seen = folder.symlink_metadata()?;
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, why.to_owned()));
    match () {
        () if !seen.is_dir() => refuse("it is not a folder"),
        () if seen.uid() != rustix::process::geteuid().as_raw() => refuse("it belongs to another user"),
        () if seen.mode() & 0o077 != 0 => refuse("others may enter it"),
        () => Ok(()),
    }
}

fn usable_base(dir: &Path) -> bool {
    let room = LONGEST_SOCKET - "/resilmesh/".len() - 12 - "/".len() - LONGEST_SOCKET_NAME;
    dir.is_absolute() && dir.as_os_str().len() <= room && check_private(dir).is_ok()
}

pub(crate) fn shared_base() -> PathBuf {
    PathBuf::from(format!("/tmp/resilmesh-{}", rustix::process::geteuid().as_raw()))
}

/// A folder that all processes of this user share, whatever their environment. It is made.
pub(crate) fn shared_folder(name: &str) -> io::Result<PathBuf> {
    let base = shared_base();
    let folder = base.join(name);
    for folder in [&base, &folder] {
        make_private(folder).and_then(|()| check_private(folder))?;
    }
    Ok(folder)
}

/// The same, only if it is there and may be used.
pub(crate) fn known_shared_folder(name: &str) -> io::Result<PathBuf> {
    let folder = shared_base().join(name);
    check_private(&folder).map(|()| folder)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// An instance's name as a file name. `supervisor` is taken by the supervisor itself; two names
/// with the same result are a mistake that compiling the mesh reports.
fn file_id(instance: &str) -> String {
    match names::id(instance).as_str() {
        "supervisor" => "%supervisor".to_owned(),
        id => id.to_owned(),
    }
}

/// Writes a file so that a reader sees the old content or the new one, never half of it; only its
/// owner may read it.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    io::Write::write_all(&mut file, content)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// What tells one build of a program from another: its size and the time it was written.
pub(crate) fn build_of(program: &Path) -> io::Result<String> {
    let seen: Metadata = program.metadata()?;
    Ok(format!("{}-{}.{:09}", seen.size(), seen.mtime(), seen.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_file_names_that_stay_in_their_folder() {
        assert_eq!(file_id("bus-1"), "bus-1");
        assert_eq!(file_id("../a"), "___a");
        assert_ne!(file_id("supervisor"), "supervisor");
    }

    #[test]
    fn sockets_stay_short_whatever_the_names() {
        let project = tempfile::tempdir().expect("temporary folder");
        let long = project.path().join("x".repeat(120));
        std::fs::create_dir(&long).expect("folder");
        let layout = Layout::of(&long, Some(&long)).expect("layout");
        for name in ["a", "supervisor", &"n".repeat(300), "ünï/cödé ünï/cödé"] {
            assert!(layout.control_socket(name).as_os_str().len() <= LONGEST_SOCKET, "{name}");
        }
        assert_ne!(layout.control_socket("supervisor"), layout.supervisor_socket());
        assert!(layout.sockets().starts_with("/tmp"));
    }

    #[test]
    fn a_runtime_folder_that_others_may_enter_is_not_used() {
        let project = tempfile::tempdir().expect("temporary folder");
        let open = tempfile::Builder::new().prefix("o").tempdir_in("/tmp").expect("temporary folder");
        std::fs::set_permissions(open.path(), PermissionsExt::from_mode(0o700)).expect("chmod");
        let own = Layout::of(project.path(), Some(open.path())).expect("layout");
        assert!(own.sockets().starts_with(open.path()));
        std::fs::set_permissions(open.path(), PermissionsExt::from_mode(0o755)).expect("chmod");
        let shared = Layout::of(project.path(), Some(open.path())).expect("layout");
        assert_eq!(shared, own.with_shared_sockets());
    }

    #[test]
    fn a_link_is_no_place_for_sockets() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let link = folder.path().join("link");
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).expect("chmod");
        std::os::unix::fs::symlink(folder.path(), &link).expect("link");
        assert!(check_private(&link).is_err());
        assert!(check_private(folder.path()).is_ok());
    }
}
