//! `syslog`: syslog messages over TCP, UDP or Unix sockets.

use std::path::PathBuf;

use serde::Deserialize;
use vrl::path;
use vrl::value::Value;

use super::Source;
use super::fields::FieldKey;
use super::intake::{Decorate, Peer};
use super::net::{ListenAddress, PermitOrigin};
use super::socket::{Listening, MAX_LENGTH, NOT_UNIX, Place, needed, refuse_of_other_modes};
use crate::codec::decode::{DecodingOptions, Lossy};
use crate::codec::framing::{Framer, Method};
use crate::config::{ConfigError, Options};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SyslogOptions {
    mode: Mode,
    address: Option<ListenAddress>,
    path: Option<PathBuf>,
    permit_origin: Option<PermitOrigin>,
    receive_buffer_bytes: Option<usize>,
    connection_limit: Option<usize>,
    socket_file_mode: Option<u32>,
    /// Over UDP it is not looked at, nor does Vector: a datagram is short.
    max_length: Option<usize>,
    host_key: Option<FieldKey>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Tcp,
    Udp,
    Unix,
}

/// Options that Vector has here and this engine does not.
const REFUSED: [&str; 6] = ["tls", "keepalive", "disconnect_mode", "framing", "decoding", "log_namespace"];

/// Makes a `syslog` source.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options) -> Result<Box<dyn Source>, Vec<ConfigError>> {
    let syslog: SyslogOptions = options.parse(&REFUSED)?;
    let (mode, others): (_, &[&str]) = match syslog.mode {
        Mode::Tcp => ("tcp", &["path", "socket_file_mode"]),
        Mode::Udp => ("udp", &["path", "socket_file_mode", "connection_limit"]),
        Mode::Unix => ("unix", &NOT_UNIX),
    };
    refuse_of_other_modes(options, mode, others)?;
    let permit = syslog.permit_origin.unwrap_or_default();
    let receive_buffer = syslog.receive_buffer_bytes;
    let place = match syslog.mode {
        Mode::Tcp => {
            let address = needed(options, mode, "address", syslog.address)?;
            Place::Tcp { address, permit, limit: syslog.connection_limit, receive_buffer }
        }
        Mode::Udp => {
            let address = needed(options, mode, "address", syslog.address)?;
            Place::Udp { address, permit, groups: Vec::new(), receive_buffer }
        }
        Mode::Unix => Place::UnixStream(needed(options, mode, "path", syslog.path)?, syslog.socket_file_mode),
    };
    let (method, max_length) = match syslog.mode {
        Mode::Udp => (Method::Bytes, usize::MAX),
        Mode::Tcp | Mode::Unix => (Method::OctetCounting, syslog.max_length.unwrap_or(MAX_LENGTH)),
    };
    let framer = Framer::new(method, max_length);
    let host_key = syslog.host_key;
    let host_key = host_key.unwrap_or_else(|| FieldKey::at("host"));
    let decorate: Decorate = Box::new(move |record, peer| add_origin(record, peer, &host_key));
    let decoding = DecodingOptions::Syslog { syslog: Lossy::default() };
    Ok(Box::new(Listening { source_type: "syslog", place, framer, max_length, decoding, decorate, open: None }))
}

/// `source_ip` is who sent the message; `host` is who wrote it, if the message says so.
fn add_origin(record: &mut Value, peer: &Peer, host_key: &FieldKey) {
    if let Some(address) = &peer.host {
        record.insert(path!("source_ip"), address.clone());
    }
    let host = record.get(path!("hostname")).or(peer.host.as_ref()).cloned();
    if let Some(host) = host {
        host_key.set(record, host);
    }
}
