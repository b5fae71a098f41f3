//! Is a port free, and if not, who has it? Asks the operating system; nothing stays bound.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};
use parking_lot::Mutex;
use tokio::net::TcpSocket;

use super::Ports;
use crate::plan::paths::StateFolder;
use crate::runtime::embedded::is_supervised;

/// Which protocols a port is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// TCP.
    Tcp,
    /// The same number for TCP and UDP.
    TcpAndUdp,
}

/// What is asked of the machine: replaced in tests.
pub trait Machine {
    /// Whether a number can be listened on.
    ///
    /// # Errors
    /// Why not; [`io::ErrorKind::AddrInUse`] when somebody else has it.
    fn can_listen(&self, listen: &str, number: u16, protocols: Protocols) -> io::Result<()>;
    /// Any number that can be listened on.
    fn any_free(&self, listen: &str, protocols: Protocols) -> Option<u16>;
    /// Who listens on it, for people, if that can be seen: `process 4101 (nginx)`.
    fn holder(&self, number: u16) -> Option<String>;
}

/// This machine.
#[derive(Debug, Default)]
pub struct ThisMachine {
    reserved: Option<Reserved>,
}

impl ThisMachine {
    /// Numbers that are found free are kept for `project` until this value is dropped: another mesh
    /// that comes up meanwhile takes others. `folder` is where all agree on them.
    pub fn reserving(folder: PathBuf, project: PathBuf) -> Self {
        Self { reserved: Some(Reserved { folder, project, numbers: Mutex::default(), is_up: is_supervised }) }
    }

    /// Writes down that the project has these numbers now: they are its own as long as it is up, also
    /// while the service that listens there is just being started again.
    pub fn note(&self, numbers: impl Iterator<Item = u16>) {
        let Some(reserved) = &self.reserved else { return };
        let kept = reserved.numbers.lock();
        for mut file in numbers.filter_map(|number| kept.get(&number)) {
            // As for keeping: a courtesy.
            let _ = file
                .rewind()
                .and_then(|()| file.set_len(0))
                .and_then(|()| file.write_all(reserved.project.as_os_str().as_bytes()));
        }
    }
}

/// Numbers kept by locks on files, which end with the process that holds them. In each file stands the
/// project that had the number last.
#[derive(Debug)]
struct Reserved {
    folder: PathBuf,
    project: PathBuf,
    numbers: Mutex<BTreeMap<u16, File>>,
    /// Whether the mesh of a project is up.
    is_up: fn(&Path) -> bool,
}

impl Reserved {
    /// Whether the project that a file names is another one, and still has the number.
    fn is_anothers(&self, file: &mut File, number: u16) -> bool {
        let mut named = Vec::new();
        if file.read_to_end(&mut named).is_err() || named.is_empty() {
            return false;
        }
        let named = PathBuf::from(OsString::from_vec(named));
        let has_it = |ports: Ports| ports.numbers().any(|own| own == number);
        named != self.project && (self.is_up)(&named) && Ports::load(&StateFolder::of(&named).ports()).is_ok_and(has_it)
    }

    /// Keeps a number; false if somebody else does.
    fn keep(&self, number: u16) -> bool {
        let mut numbers = self.numbers.lock();
        if numbers.contains_key(&number) {
            return true;
        }
        let path = self.folder.join(number.to_string());
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        // That numbers are kept is a courtesy: without the file, whoever listens first has it.
        let Ok(mut file) = file else { return true };
        match FileExt::try_lock(&file) {
            Err(TryLockError::WouldBlock) => false,
            Ok(()) if self.is_anothers(&mut file, number) => false,
            Ok(()) | Err(TryLockError::Error(_)) => {
                numbers.insert(number, file);
                true
            }
        }
    }
}

/// The projects whose meshes are up, with the numbers that each has written down in `folder` and still has.
pub fn noted(folder: &Path) -> BTreeMap<PathBuf, Vec<u16>> {
    let mut by_project: BTreeMap<PathBuf, Vec<u16>> = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(number) = number else { continue };
        let named = fs::read(entry.path()).unwrap_or_default();
        if !named.is_empty() {
            by_project.entry(OsString::from_vec(named).into()).or_default().push(number);
        }
    }
    by_project.retain(|project, numbers| {
        let own = Ports::load(&StateFolder::of(project).ports()).unwrap_or_default();
        numbers.retain(|number| own.numbers().any(|own| own == *number));
        numbers.sort_unstable();
        is_supervised(project)
    });
    by_project
}

impl Machine for ThisMachine {
    fn can_listen(&self, listen: &str, number: u16, protocols: Protocols) -> io::Result<()> {
        bind(listen, number)?;
        if protocols == Protocols::TcpAndUdp {
            UdpSocket::bind((listen, number))?;
        }
        match &self.reserved {
            Some(reserved) if !reserved.keep(number) => Err(io::ErrorKind::AddrInUse.into()),
            _ => Ok(()),
        }
    }

    fn any_free(&self, listen: &str, protocols: Protocols) -> Option<u16> {
        (0..100).find_map(|_| {
            let number = bind(listen, 0).ok()?;
            let ours = self.reserved.as_ref().is_none_or(|reserved| reserved.keep(number));
            let free = protocols == Protocols::Tcp || UdpSocket::bind((listen, number)).is_ok();
            (ours && free).then_some(number)
        })
    }

    fn holder(&self, number: u16) -> Option<String> {
        let sockets: Vec<String> = ["tcp", "tcp6", "udp", "udp6"]
            .iter()
            .filter_map(|table| fs::read_to_string(format!("/proc/net/{table}")).ok())
            .flat_map(|table| sockets(&table, number))
            .collect();
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let pid = pids.find(|pid| has_open(*pid, &sockets))?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Some(format!("process {pid} ({})", name.trim()))
    }
}

/// Binds a TCP socket there, lets go of it, and gives its number. It never listens: nobody can connect to
/// it, and whoever begins to listen there at the same moment can.
fn bind(listen: &str, number: u16) -> io::Result<u16> {
    let try_one = |address: SocketAddr| {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(number > 0)?;
        socket.bind(address)?;
        Ok(socket.local_addr()?.port())
    };
    let mut wrong = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (listen, number).to_socket_addrs()? {
        match try_one(address) {
            Ok(number) => return Ok(number),
            Err(error) => wrong = error,
        }
    }
    Err(wrong)
}

/// The sockets that a table of /proc/net shows as open on a port, named as in /proc/<pid>/fd.
fn sockets(table: &str, number: u16) -> Vec<String> {
    table.lines().skip(1).filter_map(|line| inode(line, number)).map(|inode| format!("socket:[{inode}]")).collect()
}

/// The inode of a socket that a line of /proc/net/tcp or udp shows as bound to a port (and, for TCP,
/// listening: state 0A; an unconnected UDP socket has state 07).
fn inode(line: &str, number: u16) -> Option<&str> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, port) = fields.get(1)?.rsplit_once(':')?;
    let open = ["0A", "07"].contains(fields.get(3)?);
    (open && u16::from_str_radix(port, 16) == Ok(number)).then_some(*fields.get(9)?)
}

fn has_open(pid: u32, sockets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| target.to_str().is_some_and(|target| sockets.iter().any(|socket| socket == target)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::PortId;
    use super::*;

    #[test]
    fn a_taken_port_is_seen_with_its_holder() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let number = listener.local_addr().expect("address").port();
        let refused = ThisMachine::default().can_listen("127.0.0.1", number, Protocols::Tcp).expect_err("taken");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        let holder = ThisMachine::default().holder(number).expect("we can see ourselves");
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
    }

    #[test]
    fn a_number_that_is_kept_for_one_is_not_given_to_another() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let of = |project: &str| ThisMachine::reserving(folder.path().to_owned(), folder.path().join(project));
        let (one, other) = (of("one"), of("other"));
        let number = one.any_free("127.0.0.1", Protocols::Tcp).expect("a port");
        one.can_listen("127.0.0.1", number, Protocols::Tcp).expect("its own");
        let refused = other.can_listen("127.0.0.1", number, Protocols::Tcp).expect_err("kept");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        one.note([number].into_iter());
        drop(one);
        other.can_listen("127.0.0.1", number, Protocols::Tcp).expect("free again: the mesh did not come up");
    }

    #[test]
    fn a_number_of_a_mesh_that_is_up_is_its_own_while_nobody_listens_there() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let of = |project: &str, is_up: fn(&Path) -> bool| {
            let mut machine = ThisMachine::reserving(folder.path().to_owned(), folder.path().join(project));
            if let Some(reserved) = &mut machine.reserved {
                reserved.is_up = is_up;
            }
            machine
        };
        let one = of("one", |_| true);
        let number = one.any_free("127.0.0.1", Protocols::Tcp).expect("a port");
        let mut ports = Ports::default();
        ports.insert(PortId { instance: "bus".into(), plug: None, name: "client".into() }, number);
        ports.save(&StateFolder::of(&folder.path().join("one")).ports()).expect("saved");
        one.note(ports.numbers());
        drop(one);
        let asked = |project, is_up| of(project, is_up).can_listen("127.0.0.1", number, Protocols::Tcp);
        assert_eq!(asked("other", |_| true).expect_err("another's").kind(), io::ErrorKind::AddrInUse);
        asked("one", |_| true).expect("its own");
        asked("other", |_| false).expect("that mesh is down");
        Ports::default().save(&StateFolder::of(&folder.path().join("one")).ports()).expect("saved");
        asked("other", |_| true).expect("that mesh has taken another number");
    }

    #[test]
    fn a_port_taken_for_udp_only_is_not_free_for_both() {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        let number = socket.local_addr().expect("address").port();
        assert!(ThisMachine::default().can_listen("127.0.0.1", number, Protocols::TcpAndUdp).is_err());
        assert!(ThisMachine::default().any_free("127.0.0.1", Protocols::TcpAndUdp).is_some());
    }
}
