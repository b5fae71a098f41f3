//! How our programs connect to NATS.

use std::path::Path;
use std::time::Duration;

use async_nats::{Client, ConnectOptions};

/// A user of the bus and how it presents itself.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Shown in the server's connection list.
    pub name: String,
    /// The user; none = no authorisation.
    pub user: Option<String>,
    /// The password of the user.
    pub password: Option<String>,
    /// Prefix of the inboxes this client may subscribe to, such as `_INBOX_collector`.
    pub inbox_prefix: Option<String>,
}

/// Why a connection to the bus was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The password file cannot be read.
    #[error("password file `{path}` cannot be read: {source}")]
    PasswordFile {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The server cannot be reached or refuses us.
    #[error("cannot connect to NATS at {url}: {source}")]
    Connect {
        /// The address, without credentials.
        url: String,
        /// Why.
        source: async_nats::ConnectError,
    },
}

/// Reads a password from a file that holds nothing else (a final line end is taken off).
///
/// # Errors
/// When the file cannot be read.
pub fn read_password(path: &Path) -> Result<String, BusError> {
    std::fs::read_to_string(path)
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|source| BusError::PasswordFile { path: path.display().to_string(), source })
}

/// Connects. Once connected, the client connects again by itself, for ever, whenever the server
/// goes away.
///
/// # Errors
/// When the first connection fails; call again to retry.
pub async fn connect(url: &str, identity: &Identity) -> Result<Client, BusError> {
    let mut options = ConnectOptions::new()
        .name(&identity.name)
        .connection_timeout(Duration::from_secs(5))
        .ping_interval(Duration::from_secs(10))
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| Duration::from_millis((50 * attempts.min(40)) as u64));
    if let (Some(user), Some(password)) = (&identity.user, &identity.password) {
        options = options.user_and_password(user.clone(), password.clone());
    }
    if let Some(prefix) = &identity.inbox_prefix {
        options = options.custom_inbox_prefix(prefix.clone());
    }
    options.connect(url).await.map_err(|source| BusError::Connect { url: url.to_owned(), source })
}
