//! The control protocol: JSON lines over a Unix socket.
//!
//! A client sends one request line `{"ask": "<verb>", "with": <value>}`; the server answers with
//! lines `{"item": <value>}` (none or more), then one line `{"done": <value>}` or
//! `{"failed": "<reason>"}`. Every service answers `health` (`{"ready": bool, "waiting_for":
//! text or null}`), `stats` ([`Snapshot`](crate::stats::Snapshot)) and `version`; a service adds
//! verbs of its own through [`Handler`].

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use crate::{Lifecycle, Stats};

/// What a client asks.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// The verb.
    pub ask: String,
    /// Its arguments.
    #[serde(default)]
    pub with: Value,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Item(Value),
    Done(Value),
    Failed(String),
}

/// Where a handler puts the items of its answer.
#[derive(Debug)]
pub struct Reply {
    to: OwnedWriteHalf,
}

impl Reply {
    /// Sends one item.
    ///
    /// # Errors
    /// When the client has gone; the handler should then end.
    pub async fn item(&mut self, value: Value) -> io::Result<()> {
        self.line(&Line::Item(value)).await
    }

    async fn line(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.to.write_all(&text).await
    }
}

/// The future a handler gives.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Value, String>> + Send + 'a>>;

/// The verbs of a service beyond those that every service has.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request: items through `reply`, the end by what is returned.
    /// None = the verb is not known here.
    fn answer<'a>(&'a self, verb: &'a str, with: Value, reply: &'a mut Reply) -> Option<Answer<'a>>;
}

/// A service without verbs of its own.
#[derive(Debug, Clone, Copy)]
pub struct NoVerbs;

impl Handler for NoVerbs {
    fn answer<'a>(&'a self, _: &'a str, _: Value, _: &'a mut Reply) -> Option<Answer<'a>> {
        None
    }
}

/// Removes the socket file when dropped.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.server.abort();
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Serves the control protocol on a Unix socket (mode 0600) until the returned [`Socket`] is
/// dropped. A socket file left by a killed process is replaced.
///
/// # Errors
/// When the socket cannot be made.
pub fn serve(path: &Path, lifecycle: Lifecycle, stats: Stats, handler: Arc<dyn Handler>) -> io::Result<Socket> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let ticking = stats.clone();
    let server = tokio::spawn(async move {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = second.tick() => ticking.tick(Instant::now()),
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let (lifecycle, stats, handler) = (lifecycle.clone(), stats.clone(), handler.clone());
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, &lifecycle, &stats, &*handler).await {
                            tracing::debug!(%error, "control connection ended");
                        }
                    });
                }
            }
        }
    });
    Ok(Socket { path: path.to_owned(), server })
}

async fn converse(stream: UnixStream, lifecycle: &Lifecycle, stats: &Stats, handler: &dyn Handler) -> io::Result<()> {
    let (from, to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    let mut reply = Reply { to };
    while let Some(line) = lines.next_line().await? {
        let end = match serde_json::from_str::<Request>(&line) {
            Err(error) => Line::Failed(format!("not a request: {error}")),
            Ok(Request { ask, with }) => match ask.as_str() {
                "health" => {
                    let waiting_for = lifecycle.unready_because();
                    Line::Done(json!({"ready": waiting_for.is_none(), "waiting_for": waiting_for}))
                }
                "stats" => {
                    serde_json::to_value(stats.snapshot()).map_or_else(|e| Line::Failed(e.to_string()), Line::Done)
                }
                "version" => Line::Done(json!(env!("CARGO_PKG_VERSION"))),
                verb => match handler.answer(verb, with, &mut reply) {
                    None => Line::Failed(format!("no such verb: {verb}")),
                    Some(answer) => answer.await.map_or_else(Line::Failed, Line::Done),
                },
            },
        };
        reply.line(&end).await?;
    }
    Ok(())
}

/// Why a question over the control protocol got no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens, or the connection broke.
    #[error("no answer on `{socket}`: {source}")]
    Connection {
        /// The socket.
        socket: String,
        /// Why.
        source: io::Error,
    },
    /// The other side says why not.
    #[error("{0}")]
    Failed(String),
}

/// A connection to a service's control socket.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    lines: Lines<BufReader<OwnedReadHalf>>,
    to: OwnedWriteHalf,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(socket: &Path) -> Result<Self, AskError> {
        let stream = UnixStream::connect(socket).await.map_err(|source| broken(socket, source))?;
        let (from, to) = stream.into_split();
        Ok(Self { socket: socket.to_owned(), lines: BufReader::new(from).lines(), to })
    }

    /// Asks a question that has one answer.
    ///
    /// # Errors
    /// When the connection breaks or the other side says why not.
    pub async fn ask(&mut self, verb: &str, with: Value) -> Result<Value, AskError> {
        self.ask_each(verb, with, |_| {}).await
    }

    /// Asks a question whose answer has items; `each` gets them as they come.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn ask_each(&mut self, verb: &str, with: Value, mut each: impl FnMut(Value)) -> Result<Value, AskError> {
        let mut text = json!(Request { ask: verb.to_owned(), with }).to_string();
        text.push('\n');
        self.to.write_all(text.as_bytes()).await.map_err(|source| broken(&self.socket, source))?;
        loop {
            let line = self.lines.next_line().await.map_err(|source| broken(&self.socket, source))?;
            let line = line.ok_or_else(|| broken(&self.socket, io::ErrorKind::UnexpectedEof.into()))?;
            match serde_json::from_str(&line).map_err(|error| broken(&self.socket, error.into()))? {
                Line::Item(value) => each(value),
                Line::Done(value) => return Ok(value),
                Line::Failed(reason) => return Err(AskError::Failed(reason)),
            }
        }
    }
}

/// Asks one question on a connection of its own.
///
/// # Errors
/// As [`Client::ask`].
pub async fn ask(socket: &Path, verb: &str, with: Value) -> Result<Value, AskError> {
    Client::connect(socket).await?.ask(verb, with).await
}

fn broken(socket: &Path, source: io::Error) -> AskError {
    AskError::Connection { socket: socket.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Kind;

    struct Echo;

    impl Handler for Echo {
        fn answer<'a>(&'a self, verb: &'a str, with: Value, reply: &'a mut Reply) -> Option<Answer<'a>> {
            (verb == "echo").then(|| -> Answer<'a> {
                Box::pin(async move {
                    for n in 0..3 {
                        reply.item(json!({"n": n, "with": with})).await.map_err(|error| error.to_string())?;
                    }
                    Ok(json!("end"))
                })
            })
        }
    }

    #[tokio::test]
    async fn a_client_reads_health_stats_items_and_refusals() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("s.sock");
        std::fs::write(&path, "left over").expect("write");
        let (lifecycle, stats) = (Lifecycle::new(), Stats::new());
        stats.component("in", Kind::Source).received(7);
        let socket = serve(&path, lifecycle.clone(), stats, Arc::new(Echo)).expect("serve");

        let mut client = Client::connect(&path).await.expect("connect");
        lifecycle.waiting_for("nats");
        let health = client.ask("health", Value::Null).await.expect("health");
        assert_eq!(health, json!({"ready": false, "waiting_for": "nats"}));
        lifecycle.ready();
        assert_eq!(client.ask("health", Value::Null).await.expect("health")["ready"], true);
        assert_eq!(client.ask("stats", Value::Null).await.expect("stats")["received"], 7);

        let mut items = Vec::new();
        let end = client.ask_each("echo", json!("x"), |item| items.push(item)).await.expect("echo");
        assert_eq!((items.len(), end), (3, json!("end")));
        let refusal = client.ask("dance", Value::Null).await.expect_err("unknown verb");
        assert_eq!(refusal.to_string(), "no such verb: dance");

        drop(socket);
        assert!(!path.exists());
    }
}
