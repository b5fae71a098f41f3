//! `socket`: lines or other frames over TCP, UDP or Unix sockets.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use vrl::value::Value;

use super::datagram::Socket;
use super::fields::FieldKey;
use super::intake::{Decorate, Intake, Peer};
use super::net::{self, ListenAddress, PermitOrigin};
use super::stream::Listener;
use super::{Source, SourceContext, SourceError, datagram, stream};
use crate::codec::decode::DecodingOptions;
use crate::codec::framing::{Framer, FramingOptions};
use crate::config::{ConfigError, Options};
use crate::event::Batch;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SocketOptions {
    mode: Mode,
    address: Option<ListenAddress>,
    path: Option<PathBuf>,
    permit_origin: Option<PermitOrigin>,
    multicast_groups: Option<Vec<Ipv4Addr>>,
    receive_buffer_bytes: Option<usize>,
    connection_limit: Option<usize>,
    socket_file_mode: Option<u32>,
    max_length: Option<usize>,
    host_key: Option<FieldKey>,
    port_key: Option<FieldKey>,
    framing: Option<FramingOptions>,
    #[serde(default)]
    decoding: DecodingOptions,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Tcp,
    Udp,
    UnixStream,
    UnixDatagram,
}

/// Options that Vector has here and this engine does not.
const REFUSED: [&str; 5] =
    ["tls", "keepalive", "shutdown_timeout_secs", "max_connection_duration_secs", "log_namespace"];

/// Options that have no meaning for a Unix socket.
pub const NOT_UNIX: [&str; 6] =
    ["address", "permit_origin", "multicast_groups", "receive_buffer_bytes", "connection_limit", "port_key"];

/// Refuses options that have no meaning in this mode.
///
/// # Errors
/// One for each that is given.
pub fn refuse_of_other_modes(options: &Options, mode: &str, others: &[&str]) -> Result<(), Vec<ConfigError>> {
    let errors: Vec<_> = others
        .iter()
        .filter(|option| options.get(option).is_some())
        .map(|option| options.error(option, format!("`{option}` has no meaning in mode `{mode}`")))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// The value of an option that this mode needs.
///
/// # Errors
/// When it is not given.
pub fn needed<T>(options: &Options, mode: &str, option: &str, value: Option<T>) -> Result<T, Vec<ConfigError>> {
    value.ok_or_else(|| vec![options.error("", format!("missing `{option}`, which mode `{mode}` needs"))])
}

/// Vector's limit for one message, in bytes.
pub const MAX_LENGTH: usize = 100 * 1024;

/// A listening source of any mode, for `socket` and `syslog`.
pub struct Listening {
    /// What it is, for `source_type`.
    pub source_type: &'static str,
    /// Where it listens.
    pub place: Place,
    /// How frames are told apart.
    pub framer: Framer,
    /// The longest datagram taken.
    pub max_length: usize,
    /// How frames become records.
    pub decoding: DecodingOptions,
    /// What is added to records.
    pub decorate: Decorate,
    /// The open socket.
    pub open: Option<Open>,
}

/// Where a source listens.
#[derive(Debug, Clone)]
pub enum Place {
    /// TCP.
    Tcp {
        /// The address and port.
        address: ListenAddress,
        /// Who may send.
        permit: PermitOrigin,
        /// How many connections at once.
        limit: Option<usize>,
        /// Size of the kernel's buffer.
        receive_buffer: Option<usize>,
    },
    /// UDP.
    Udp {
        /// The address and port.
        address: ListenAddress,
        /// Who may send.
        permit: PermitOrigin,
        /// Groups to join.
        groups: Vec<Ipv4Addr>,
        /// Size of the kernel's buffer.
        receive_buffer: Option<usize>,
    },
    /// A Unix socket that takes connections.
    UnixStream(PathBuf, Option<u32>),
    /// A Unix socket that takes datagrams.
    UnixDatagram(PathBuf, Option<u32>),
}

/// An open socket.
#[derive(Debug)]
pub enum Open {
    /// It takes connections.
    Stream(Listener, Option<usize>),
    /// It takes datagrams.
    Datagram(Socket),
}

/// Makes a `socket` source.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options) -> Result<Box<dyn Source>, Vec<ConfigError>> {
    let socket: SocketOptions = options.parse(&REFUSED)?;
    let (mode, others): (_, &[&str]) = match socket.mode {
        Mode::Tcp => ("tcp", &["path", "socket_file_mode", "multicast_groups"]),
        Mode::Udp => ("udp", &["path", "socket_file_mode", "connection_limit"]),
        Mode::UnixStream => ("unix_stream", &NOT_UNIX),
        Mode::UnixDatagram => ("unix_datagram", &NOT_UNIX),
    };
    refuse_of_other_modes(options, mode, others)?;
    let permit = socket.permit_origin.unwrap_or_default();
    let receive_buffer = socket.receive_buffer_bytes;
    let place = match socket.mode {
        Mode::Tcp => {
            let address = needed(options, mode, "address", socket.address)?;
            Place::Tcp { address, permit, limit: socket.connection_limit, receive_buffer }
        }
        Mode::Udp => {
            let address = needed(options, mode, "address", socket.address)?;
            Place::Udp { address, permit, groups: socket.multicast_groups.unwrap_or_default(), receive_buffer }
        }
        Mode::UnixStream => Place::UnixStream(needed(options, mode, "path", socket.path)?, socket.socket_file_mode),
        Mode::UnixDatagram => Place::UnixDatagram(needed(options, mode, "path", socket.path)?, socket.socket_file_mode),
    };
    let SocketOptions { max_length, host_key, port_key, framing, decoding, .. } = socket;
    let max_length = max_length.unwrap_or(MAX_LENGTH);
    let framing = framing.unwrap_or_else(|| match place {
        Place::Tcp { .. } | Place::UnixStream(..) => FramingOptions::lines(),
        Place::Udp { .. } | Place::UnixDatagram(..) => FramingOptions::Bytes {},
    });
    let framer = framing.framer(max_length).map_err(|message| vec![options.error("framing", message)])?;
    let host_key = host_key.unwrap_or_else(|| FieldKey::at("host"));
    let port_key = port_key.unwrap_or_else(|| FieldKey::at("port"));
    let decorate: Decorate = Box::new(move |record, peer| {
        if let Some(host) = &peer.host {
            host_key.fill(record, host.clone());
        }
        if let Some(port) = peer.port {
            port_key.fill(record, Value::Integer(port.into()));
        }
    });
    Ok(Box::new(Listening { source_type: "socket", place, framer, max_length, decoding, decorate, open: None }))
}

#[async_trait]
impl Source for Listening {
    fn resources(&self) -> Vec<String> {
        // Port 0 means any free one.
        match &self.place {
            Place::Tcp { address, .. } if address.0.port() != 0 => vec![format!("tcp {}", address.0)],
            Place::Udp { address, .. } if address.0.port() != 0 => vec![format!("udp {}", address.0)],
            Place::Tcp { .. } | Place::Udp { .. } => Vec::new(),
            Place::UnixStream(path, _) | Place::UnixDatagram(path, _) => vec![format!("`{}`", path.display())],
        }
    }

    async fn open(&mut self, context: &SourceContext) -> Result<(), SourceError> {
        let open = match &self.place {
            Place::Tcp { address, permit, limit, receive_buffer } => {
                let listener = net::tcp(address.0, *receive_buffer).await?;
                let listening = listener.local_addr().map_or(address.0, |address| address);
                tracing::info!(component = %context.id, "listening on tcp {listening}");
                Open::Stream(Listener::Tcp(listener, permit.clone()), *limit)
            }
            Place::Udp { address, permit, groups, receive_buffer } => {
                let socket = net::udp(address.0, *receive_buffer).await?;
                for group in groups {
                    socket
                        .join_multicast_v4(*group, Ipv4Addr::UNSPECIFIED)
                        .map_err(|error| SourceError(format!("cannot join the multicast group {group}: {error}")))?;
                }
                let listening = socket.local_addr().map_or(address.0, |address| address);
                tracing::info!(component = %context.id, "listening on udp {listening}");
                Open::Datagram(Socket::Udp(socket, permit.clone()))
            }
            Place::UnixStream(path, mode) => {
                let (listener, file) = net::unix_stream(path, *mode)?;
                Open::Stream(Listener::Unix(listener, file), None)
            }
            Place::UnixDatagram(path, mode) => {
                let (socket, file) = net::unix_datagram(path, *mode)?;
                Open::Datagram(Socket::Unix(socket, file))
            }
        };
        self.open = Some(open);
        Ok(())
    }

    async fn run(self: Box<Self>, context: SourceContext) -> Result<(), SourceError> {
        let Self { source_type, framer, max_length, decoding, decorate, open, .. } = *self;
        let intake = Intake::new(&context, source_type, decoding, decorate);
        match open {
            Some(Open::Stream(listener, limit)) => stream::serve(listener, framer, intake, limit, context).await,
            Some(Open::Datagram(socket)) => datagram::serve(socket, framer, max_length, intake, context).await,
            None => Err(SourceError("was not opened before it was run".to_owned())),
        }
    }

    fn rehearse(self: Box<Self>, context: &SourceContext, payloads: Vec<Bytes>) -> Result<Batch, SourceError> {
        let Self { source_type, framer, decoding, decorate, .. } = *self;
        let intake = Intake::new(context, source_type, decoding, decorate);
        Ok(intake.all(&framer, &Peer::rehearsed(), payloads))
    }
}
