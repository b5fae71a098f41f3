//! Is a port free, and if not, who has it? Asks the operating system; nothing stays bound.

use std::fs;
use std::io;
use std::net::{TcpListener, UdpSocket};

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
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn can_listen(&self, listen: &str, number: u16, protocols: Protocols) -> io::Result<()> {
        TcpListener::bind((listen, number))?;
        if protocols == Protocols::TcpAndUdp {
            UdpSocket::bind((listen, number))?;
        }
        Ok(())
    }

    fn any_free(&self, listen: &str, protocols: Protocols) -> Option<u16> {
        (0..100).find_map(|_| {
            let listener = TcpListener::bind((listen, 0)).ok()?;
            let number = listener.local_addr().ok()?.port();
            (protocols == Protocols::Tcp || UdpSocket::bind((listen, number)).is_ok()).then_some(number)
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
    use super::*;

    #[test]
    fn a_taken_port_is_seen_with_its_holder() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let number = listener.local_addr().expect("address").port();
        let refused = ThisMachine.can_listen("127.0.0.1", number, Protocols::Tcp).expect_err("taken");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        let holder = ThisMachine.holder(number).expect("we can see ourselves");
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
    }

    #[test]
    fn a_port_taken_for_udp_only_is_not_free_for_both() {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        let number = socket.local_addr().expect("address").port();
        assert!(ThisMachine.can_listen("127.0.0.1", number, Protocols::TcpAndUdp).is_err());
        assert!(ThisMachine.any_free("127.0.0.1", Protocols::TcpAndUdp).is_some());
    }
}
