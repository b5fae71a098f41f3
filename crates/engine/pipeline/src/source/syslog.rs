//! `syslog`: syslog messages over TCP, UDP or Unix sockets.

use std::path::PathBuf;

use serde::Deserialize;
use vrl::path;
use vrl::value::Value;

use super::Source;
use super::fields::FieldKey;
use super::intake::{Decorate, Peer};
use super::net::{ListenAddress, PermitOrigin};
use super::socket::{Listening, MAX_LENGTH, Place};
use crate::codec::decode::{DecodingOptions, Lossy};
use crate::codec::framing::{Framer, Method};
use crate::config::{ConfigError, Options};

#[derive(Debug, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
enum SyslogOptions {
    Tcp {
        address: ListenAddress,
        #[serde(default)]
        permit_origin: PermitOrigin,
        receive_buffer_bytes: Option<usize>,
        connection_limit: Option<usize>,
        max_length: Option<usize>,
        host_key: Option<FieldKey>,
    },
    Udp {
        address: ListenAddress,
        #[serde(default)]
        permit_origin: PermitOrigin,
        receive_buffer_bytes: Option<usize>,
        /// Taken for the sake of Vector, which does not look at it either: a datagram is short.
        #[serde(rename = "max_length")]
        _max_length: Option<usize>,
        host_key: Option<FieldKey>,
    },
    Unix {
        path: PathBuf,
        socket_file_mode: Option<u32>,
        max_length: Option<usize>,
        host_key: Option<FieldKey>,
    },
}

/// Options that Vector has here and this engine does not.
const REFUSED: [&str; 5] = ["tls", "keepalive", "disconnect_mode", "decoding", "log_namespace"];

/// Makes a `syslog` source.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options) -> Result<Box<dyn Source>, Vec<ConfigError>> {
    let (place, max_length, host_key) = match options.parse(&REFUSED)? {
        SyslogOptions::Tcp {
            address,
            permit_origin: permit,
            receive_buffer_bytes: receive_buffer,
            connection_limit: limit,
            max_length,
            host_key,
        } => (Place::Tcp { address, permit, limit, receive_buffer }, max_length, host_key),
        SyslogOptions::Udp {
            address,
            permit_origin: permit,
            receive_buffer_bytes: receive_buffer,
            host_key,
            _max_length: _,
        } => (Place::Udp { address, permit, groups: Vec::new(), receive_buffer }, Some(usize::MAX), host_key),
        SyslogOptions::Unix { path, socket_file_mode, max_length, host_key } => {
            (Place::UnixStream(path, socket_file_mode), max_length, host_key)
        }
    };
    let max_length = max_length.unwrap_or(MAX_LENGTH);
    let framer = match place {
        Place::Udp { .. } => Framer::new(Method::Bytes, max_length),
        _ => Framer::new(Method::OctetCounting, max_length),
    };
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
