//! The connection: made in the background, lost, made again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::readiness::Part;
use crate::sink::SinkContext;
use crate::sink::complain::Complaints;
use crate::sink::retry::{Next, Retry, wait};

/// Whom to connect to, and as whom.
pub(super) struct Server {
    pub(super) addresses: Vec<ServerAddr>,
    pub(super) name: String,
    pub(super) auth: Option<Auth>,
    pub(super) tls: Option<Tls>,
}

/// How to say who we are.
pub(super) enum Auth {
    UserPassword { user: String, password: String },
    Token(String),
    CredentialsFile(PathBuf),
    Nkey { seed: String },
}

/// How to speak TLS.
pub(super) struct Tls {
    pub(super) ca: Option<PathBuf>,
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

impl Server {
    async fn options(&self, inbox_prefix: Option<&str>) -> std::io::Result<ConnectOptions> {
        let mut options = ConnectOptions::new()
            .name(&self.name)
            .connection_timeout(Duration::from_secs(5))
            .ping_interval(Duration::from_secs(10))
            .max_reconnects(None)
            .reconnect_delay_callback(|attempts| Duration::from_millis((50 * attempts.min(20)) as u64));
        options = match &self.auth {
            None => options,
            Some(Auth::UserPassword { user, password }) => options.user_and_password(user.clone(), password.clone()),
            Some(Auth::Token(token)) => options.token(token.clone()),
            Some(Auth::Nkey { seed }) => options.nkey(seed.clone()),
            Some(Auth::CredentialsFile(path)) => options.credentials_file(path).await?,
        };
        if let Some(prefix) = inbox_prefix {
            options = options.custom_inbox_prefix(prefix);
        }
        if let Some(Tls { ca, client }) = &self.tls {
            options = options.require_tls(true);
            if let Some(ca) = ca {
                options = options.add_root_certificates(ca.clone());
            }
            if let Some((certificate, key)) = client {
                options = options.add_client_certificate(certificate.clone(), key.clone());
            }
        }
        Ok(options)
    }

    /// The addresses without credentials.
    fn shown(&self) -> String {
        let shown = |address: &ServerAddr| format!("nats://{}:{}", address.host(), address.port());
        self.addresses.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

/// A connection that is made again whenever it is lost, for as long as this is held.
pub(super) struct Link {
    state: watch::Receiver<State>,
    broken: Arc<Notify>,
    _keeper: DropGuard,
}

#[derive(Clone, Default)]
struct State {
    client: Option<Client>,
    connected: bool,
    /// Which client it is.
    number: u64,
    /// How often a connection was made.
    connections: u64,
}

/// The link while it is up.
#[derive(Clone)]
pub(super) struct Up {
    pub(super) client: Client,
    number: u64,
    connections: u64,
}

impl Up {
    /// Whether both are times of one client.
    pub(super) fn is_same_client(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Link {
    /// Connects in the background, and says what it waits for.
    pub(super) fn open(server: Server, context: &SinkContext) -> Self {
        let (sender, state) = watch::channel(State::default());
        let broken = Arc::new(Notify::new());
        let ended = CancellationToken::new();
        let keeper = Keeper {
            shown: server.shown(),
            server,
            inbox_prefix: context.inbox_prefix.clone(),
            sink: context.id.clone(),
            readiness: context.readiness.clone(),
            state: Arc::new(sender),
            broken: Arc::clone(&broken),
        };
        tokio::spawn(ended.clone().run_until_cancelled_owned(keeper.keep()));
        Self { state, broken, _keeper: ended.drop_guard() }
    }

    /// Waits until it is up.
    pub(super) async fn up(&self) -> Up {
        let mut state = self.state.clone();
        loop {
            {
                let now = state.borrow_and_update();
                if let (Some(client), true) = (&now.client, now.connected) {
                    return Up { client: client.clone(), number: now.number, connections: now.connections };
                }
            }
            if state.changed().await.is_err() {
                // The keeper ends with the link only, and the link is still here.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether the connection has been lost since `up`.
    pub(super) fn was_lost(&self, up: &Up) -> bool {
        let now = self.state.borrow();
        !now.connected || now.connections != up.connections
    }

    /// Resolves when the connection has been lost since `up` and made again.
    pub(super) async fn made_again(&self, up: &Up) {
        let mut state = self.state.clone();
        if state.wait_for(|now| now.connected && now.connections != up.connections).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Says that the client behind `up` has given up, so that another one is made.
    pub(super) fn has_ended(&self, up: &Up) {
        if self.state.borrow().number == up.number {
            self.broken.notify_one();
        }
    }
}

struct Keeper {
    server: Server,
    shown: String,
    inbox_prefix: Option<String>,
    sink: String,
    readiness: Part,
    state: Arc<watch::Sender<State>>,
    broken: Arc<Notify>,
}

impl Keeper {
    async fn keep(self) {
        let complaints = Complaints::default();
        for number in 1.. {
            let mut backoff = Retry::default().start();
            let client = loop {
                match self.connect(number).await {
                    Ok(client) => break client,
                    Err(error) => {
                        self.readiness.waiting_for(format!("{} ({error})", self.shown));
                        complaints.retrying(&self.sink, &format!("connecting to {}", self.shown), &error);
                    }
                }
                // The link ends by dropping this future, so there is no other way out.
                if wait(&mut backoff, &CancellationToken::new()).await != Next::Again {
                    return;
                }
            };
            self.state.send_modify(|state| {
                state.client = Some(client);
                state.number = number;
                state.connected = true;
                state.connections += 1;
            });
            self.readiness.ready();
            // The client connects again by itself, except when its credentials are refused.
            self.broken.notified().await;
            self.state.send_modify(|state| (state.client, state.connected) = (None, false));
        }
    }

    async fn connect(&self, number: u64) -> Result<Client, String> {
        let options = self
            .server
            .options(self.inbox_prefix.as_deref())
            .await
            .map_err(|error| format!("the credentials file cannot be read: {error}"))?;
        let (state, sink) = (Arc::clone(&self.state), self.sink.clone());
        options
            .event_callback(move |event| {
                follow(&state, number, &sink, &event);
                std::future::ready(())
            })
            .connect(self.server.addresses.clone())
            .await
            .map_err(|error| error.to_string())
    }
}

/// Keeps `state` as the client says it is.
fn follow(state: &watch::Sender<State>, number: u64, sink: &str, event: &Event) {
    if let Event::ServerError(error) = event {
        tracing::warn!(sink, %error, "NATS server complains");
    }
    state.send_if_modified(|state| match event {
        Event::Connected if state.number == number && !state.connected => {
            state.connected = true;
            state.connections += 1;
            true
        }
        Event::Disconnected if state.number == number && state.connected => {
            state.connected = false;
            true
        }
        _ => false,
    });
}
