//! What sources that listen have in common: taking an address, and who may send.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::socket::{setsockopt, sockopt};
use serde::{Deserialize, Deserializer};
use tokio::net::{TcpListener, UdpSocket, UnixDatagram, UnixListener};

use super::SourceError;

/// An address and port to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            serde::de::Error::custom(format!("`{text}` must be an IP address and a port, such as `127.0.0.1:514`"))
        })
    }
}

/// Networks that may send; without any, all may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct PermitOrigin(Option<Vec<Network>>);

impl PermitOrigin {
    /// Whether this address may send.
    pub fn permits(&self, address: IpAddr) -> bool {
        self.0.as_ref().is_none_or(|networks| networks.iter().any(|network| network.holds(address)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Network {
    address: u128,
    mask: u128,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(width);
        if prefix > width {
            return None;
        }
        // All addresses in their IPv6 form, so that a mapped address is its IPv4 self.
        let mask = u128::MAX.checked_shl(width - prefix).unwrap_or(0);
        Some(Self { address: bits(address) & mask, mask })
    }

    fn holds(&self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.address
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no network such as `192.0.2.0/24`")))
    }
}

/// The address of a peer as text, an IPv4 address in its own form.
pub fn host(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// Listens for TCP connections.
///
/// # Errors
/// When the address is not to be had.
pub async fn tcp(address: SocketAddr, receive_buffer: Option<usize>) -> Result<TcpListener, SourceError> {
    let listener = TcpListener::bind(address).await.map_err(|error| taken("tcp", address, &error))?;
    set_receive_buffer(&listener, receive_buffer);
    Ok(listener)
}

/// Listens for datagrams.
///
/// # Errors
/// When the address is not to be had.
pub async fn udp(address: SocketAddr, receive_buffer: Option<usize>) -> Result<UdpSocket, SourceError> {
    /// Bursts must fit while a batch is worked on; the kernel gives less if it must.
    const ROOM: usize = 4 * 1024 * 1024;
    let socket = UdpSocket::bind(address).await.map_err(|error| taken("udp", address, &error))?;
    set_receive_buffer(&socket, receive_buffer.or(Some(ROOM)));
    Ok(socket)
}

fn set_receive_buffer(socket: &impl AsFd, bytes: Option<usize>) {
    if let Some(bytes) = bytes
        && let Err(error) = setsockopt(socket, sockopt::RcvBuf, &bytes)
    {
        tracing::warn!(%error, bytes, "the receive buffer keeps its size");
    }
}

fn taken(protocol: &str, address: SocketAddr, error: &io::Error) -> SourceError {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there: stop it, or choose another port",
        io::ErrorKind::AddrNotAvailable => "the machine does not have that address: choose one of its own",
        io::ErrorKind::PermissionDenied => "ports below 1024 need privileges: choose a higher one",
        _ => "choose another address",
    };
    SourceError(format!("cannot listen on {protocol} {address}: {error}; {advice}"))
}

/// The file of a Unix socket, removed when dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens for connections on a Unix socket, replacing one that a killed process left.
///
/// # Errors
/// When the path is not to be had.
pub fn unix_stream(path: &Path, mode: Option<u32>) -> Result<(UnixListener, SocketFile), SourceError> {
    let answers = || std::os::unix::net::UnixStream::connect(path).is_ok();
    let listener = bind_unix(path, mode, answers, || UnixListener::bind(path))?;
    Ok((listener, SocketFile(path.to_owned())))
}

/// Listens for datagrams on a Unix socket, replacing one that a killed process left.
///
/// # Errors
/// When the path is not to be had.
pub fn unix_datagram(path: &Path, mode: Option<u32>) -> Result<(UnixDatagram, SocketFile), SourceError> {
    let answers = || std::os::unix::net::UnixDatagram::unbound().is_ok_and(|socket| socket.connect(path).is_ok());
    let socket = bind_unix(path, mode, answers, || UnixDatagram::bind(path))?;
    Ok((socket, SocketFile(path.to_owned())))
}

fn bind_unix<T>(
    path: &Path,
    mode: Option<u32>,
    answers: impl Fn() -> bool,
    bind: impl Fn() -> io::Result<T>,
) -> Result<T, SourceError> {
    let refused = |error: io::Error, advice: &str| {
        SourceError(format!("cannot listen on the Unix socket `{}`: {error}; {advice}", path.display()))
    };
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if is_socket && !answers() {
        std::fs::remove_file(path).map_err(|error| refused(error, "remove the file that is left there"))?;
    }
    let socket = bind().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => refused(error, "another program listens there, or the path is another file"),
        _ => refused(error, "the folder must exist and be writable"),
    })?;
    if let Some(mode) = mode {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .map_err(|error| refused(error, "its mode cannot be set"))?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(networks: &[&str]) -> PermitOrigin {
        serde_json::from_value(serde_json::json!(networks)).unwrap()
    }

    #[test]
    fn only_permitted_networks_may_send() {
        let origin = permit(&["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]);
        let permits = |address: &str| origin.permits(address.parse().unwrap());
        assert!(permits("192.0.2.200") && permits("::ffff:192.0.2.1") && permits("2001:db8::1"));
        assert!(permits("198.51.100.7") && !permits("198.51.100.8") && !permits("192.0.3.1"));
        assert!(permit(&["0.0.0.0/0"]).permits("203.0.113.1".parse().unwrap()));
        assert!(!permit(&["0.0.0.0/0"]).permits("2001:db8::1".parse().unwrap()));
        assert!(PermitOrigin::default().permits("203.0.113.1".parse().unwrap()));
        assert!(Network::parse("192.0.2.0/33").is_none() && Network::parse("x").is_none());
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_with_advice() {
        let first = tcp("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
        let address = first.local_addr().unwrap();
        let error = tcp(address, None).await.unwrap_err().to_string();
        assert!(error.contains(&address.to_string()) && error.contains("another program listens there"), "{error}");
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (_listener, _file) = unix_stream(&path, Some(0o600)).unwrap();
        assert!(unix_stream(&path, None).is_err());
        let path = folder.path().join("d.sock");
        drop(std::os::unix::net::UnixDatagram::bind(&path).unwrap());
        let (_socket, _file) = unix_datagram(&path, None).unwrap();
        assert!(unix_datagram(&path, None).is_err());
        std::fs::write(folder.path().join("plain"), "x").unwrap();
        assert!(unix_stream(&folder.path().join("plain"), None).is_err());
    }
}
