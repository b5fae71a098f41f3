//! Whom to connect to, and as whom.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use serde::Deserialize;
use tokio::sync::watch;

use crate::source::SourceContext;

/// `auth` as configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum AuthOptions {
    UserPassword { user_password: UserPassword },
    Token { token: Token },
    CredentialsFile { credentials_file: CredentialsFile },
    Nkey { nkey: Nkey },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserPassword {
    user: String,
    password: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialsFile {
    path: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nkey {
    /// The public key, which the seed holds too.
    #[serde(rename = "nkey")]
    _public: String,
    seed: String,
}

/// Whom to connect to, and as whom.
#[derive(Clone)]
pub(super) struct Server {
    addresses: Vec<ServerAddr>,
    name: String,
    auth: Option<AuthOptions>,
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// How often it was made.
    pub(super) connections: u64,
    /// Whether the client has given up, as it does when its credentials are refused.
    pub(super) closed: bool,
}

/// A client, which connects again by itself, and what becomes of its connection.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) health: watch::Receiver<Health>,
}

impl Link {
    /// Resolves when the client has given up.
    pub(super) async fn closed(&mut self) {
        // The sender goes with the client.
        let _ = self.health.wait_for(|health| health.closed).await.map(drop);
    }
}

impl Server {
    /// The servers of a list such as `nats://a:4222,nats://b:4222`.
    ///
    /// # Errors
    /// When an address is malformed or holds credentials beside `auth`.
    pub(super) fn new(url: &str, name: String, auth: Option<AuthOptions>) -> Result<Self, String> {
        let addresses = url
            .split(',')
            .map(|address| {
                // The text itself may hold a password: it is not shown.
                let server: ServerAddr = address
                    .trim()
                    .parse()
                    .map_err(|error| format!("`url` holds no address of a NATS server: {error}"))?;
                if auth.is_some() && (server.username().is_some() || server.password().is_some()) {
                    return Err("`url` holds credentials although `auth` does: take them out of `url`".to_owned());
                }
                Ok(server)
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { addresses, name, auth })
    }

    /// The addresses without credentials.
    pub(super) fn shown(&self) -> String {
        let shown = |address: &ServerAddr| format!("nats://{}:{}", address.host(), address.port());
        self.addresses.iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// Connects, trying again for as long as it takes. None when the source shall stop.
    pub(super) async fn connect(&self, capacity: usize, context: &SourceContext) -> Option<Link> {
        const LONGEST: Duration = Duration::from_secs(2);
        let mut pause = Duration::from_millis(50);
        loop {
            let tried = tokio::select! {
                () = context.stop.cancelled() => return None,
                tried = self.connect_once(capacity, context) => tried,
            };
            match tried {
                Ok(link) => return Some(link),
                Err(reason) => {
                    context.counters.error();
                    context.readiness.waiting_for(format!("{} ({reason})", self.shown()));
                    tracing::warn!(component = %context.id, "cannot connect to {}: {reason}; trying again", self.shown());
                }
            }
            tokio::select! {
                () = context.stop.cancelled() => return None,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST),
            }
        }
    }

    async fn connect_once(&self, capacity: usize, context: &SourceContext) -> Result<Link, String> {
        let mut options = ConnectOptions::new()
            .name(&self.name)
            .connection_timeout(Duration::from_secs(5))
            .ping_interval(Duration::from_secs(10))
            .max_reconnects(None)
            .subscription_capacity(capacity)
            .reconnect_delay_callback(|attempts| Duration::from_millis((50 * attempts.min(20)) as u64));
        options = match &self.auth {
            None => options,
            Some(AuthOptions::UserPassword { user_password: UserPassword { user, password } }) => {
                options.user_and_password(user.clone(), password.clone())
            }
            Some(AuthOptions::Token { token }) => options.token(token.value.clone()),
            Some(AuthOptions::Nkey { nkey }) => options.nkey(nkey.seed.clone()),
            Some(AuthOptions::CredentialsFile { credentials_file }) => options
                .credentials_file(&credentials_file.path)
                .await
                .map_err(|error| format!("`{}`: {error}", credentials_file.path.display()))?,
        };
        if let Some(prefix) = &context.inbox_prefix {
            options = options.custom_inbox_prefix(prefix.clone());
        }
        let (follow, health) = watch::channel(Health::default());
        let (follow, id, counters) = (Arc::new(follow), context.id.clone(), context.counters.clone());
        let client = options
            .event_callback(move |event| {
                match &event {
                    Event::Connected => follow.send_modify(|health| health.connections += 1),
                    Event::Closed => follow.send_modify(|health| health.closed = true),
                    // One message each: the client counts them so.
                    Event::SlowConsumer(_) => counters.dropped("client buffer full", 1),
                    Event::ServerError(_) | Event::ClientError(_) | Event::Disconnected => {
                        tracing::warn!(component = %id, "NATS: {event}");
                    }
                    Event::LameDuckMode | Event::Draining => {}
                }
                std::future::ready(())
            })
            .connect(self.addresses.clone())
            .await
            .map_err(|error| error.to_string())?;
        Ok(Link { client, health })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_servers_is_shown_without_credentials() {
        let server = Server::new("nats://u:hunter2@a:4222, b:4223", "x".into(), None);
        assert_eq!(server.map(|server| server.shown()), Ok("nats://a:4222, nats://b:4223".to_owned()));
    }

    #[test]
    fn a_bad_address_is_refused() {
        assert!(Server::new("nats://a:port", "x".into(), None).is_err());
    }
}
