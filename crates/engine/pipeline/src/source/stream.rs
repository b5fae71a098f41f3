//! Sources that take connections and read a stream of frames from each.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use vrl::value::Value;

use super::intake::{Intake, Peer};
use super::net::{PermitOrigin, SocketFile, host};
use super::{SourceContext, SourceError};
use crate::codec::framing::Framer;
use crate::event::{Ack, Batch, MAX_BATCH_EVENTS};
use crate::topology::Output;

/// What a connection is read with at first, and as long as little comes.
const SMALL_READ: usize = 8 * 1024;
/// What a connection is read with when much comes.
const LARGE_READ: usize = 64 * 1024;
/// At a stop: how long what the kernel has taken already is read on, at most.
const DRAIN: Duration = Duration::from_secs(2);
/// At a stop: how long nothing must come for a connection to count as drained.
const QUIET: Duration = Duration::from_millis(20);

/// Where connections come from.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener, PermitOrigin),
    /// A Unix socket, and its file.
    Unix(UnixListener, SocketFile),
}

/// Takes connections until told to stop, then drains those that are open.
///
/// # Errors
/// When no connection can be taken any more.
pub async fn serve(
    listener: Listener,
    framer: Framer,
    intake: Intake,
    connection_limit: Option<usize>,
    context: SourceContext,
) -> Result<(), SourceError> {
    context.readiness.ready();
    let intake = Arc::new(intake);
    let room = Arc::new(Semaphore::new(connection_limit.unwrap_or(Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    let connection = |peer| Connection {
        framer: framer.clone(),
        intake: Arc::clone(&intake),
        peer,
        output: context.output.clone(),
        stop: context.stop.clone(),
    };
    loop {
        let permit = tokio::select! {
            biased;
            () = context.stop.cancelled() => break,
            permit = Arc::clone(&room).acquire_owned() => permit,
        };
        let accepted = tokio::select! {
            biased;
            () = context.stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(Some(accepted)) => accepted,
            Ok(None) => continue,
            Err(error) => {
                // Such as too many open files: those that are open go on, and one may be free soon.
                context.counters.error();
                tracing::warn!(component = %context.id, %error, "a connection cannot be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let connection = connection(peer);
        connections.spawn(async move {
            connection.read(stream).await;
            drop(permit);
        });
    }
    // Who has been let in by the kernel may have sent already.
    while let Ok(Ok(accepted)) = timeout(QUIET, listener.accept()).await {
        if let Some((stream, peer)) = accepted {
            connections.spawn(connection(peer).read(stream));
        }
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

type Stream = Box<dyn AsyncRead + Send + Unpin>;

impl Listener {
    /// The next connection; none if its sender may not send.
    async fn accept(&self) -> std::io::Result<Option<(Stream, Peer)>> {
        match self {
            Self::Tcp(listener, permit) => {
                let (stream, address) = listener.accept().await?;
                if !permit.permits(address.ip()) {
                    tracing::warn!(%address, "a connection was refused: `permit_origin` does not name its network");
                    return Ok(None);
                }
                let peer = Peer { host: Some(host(address.ip()).into()), port: Some(address.port()) };
                Ok(Some((Box::new(stream), peer)))
            }
            Self::Unix(listener, _) => {
                let (stream, address) = listener.accept().await?;
                let path = address.as_pathname().map(|path| path.display().to_string());
                let peer = Peer { host: path.map(Value::from), port: None };
                Ok(Some((Box::new(stream), peer)))
            }
        }
    }
}

/// Reads one connection.
struct Connection {
    framer: Framer,
    intake: Arc<Intake>,
    peer: Peer,
    output: Output,
    stop: CancellationToken,
}

impl Connection {
    async fn read(mut self, mut stream: Stream) {
        let mut buffer = BytesMut::new();
        let mut size = SMALL_READ;
        let mut until = None;
        loop {
            if buffer.capacity() - buffer.len() < size / 2 {
                buffer.reserve(size);
            }
            let Some(read) = self.read_some(&mut stream, &mut buffer, &mut until).await else { break };
            size = if read >= size / 2 { LARGE_READ } else { SMALL_READ };
            if self.send_frames(&mut buffer).await.is_err() {
                return;
            }
        }
        let mut batch = Batch::new();
        while let Some(frame) = self.framer.last(&mut buffer) {
            self.intake.frame(frame, &self.peer, &Ack::none(), &mut batch);
        }
        // When nobody takes events any more, the pipeline is failing and says so itself.
        let _ = self.output.send(batch).await;
    }

    /// How many bytes came; none at the end, or when the source stops and nothing more comes.
    /// `until` is when reading ends at the latest, once it stops.
    async fn read_some(
        &self,
        stream: &mut Stream,
        buffer: &mut BytesMut,
        until: &mut Option<Instant>,
    ) -> Option<usize> {
        let read = match until {
            None => tokio::select! {
                biased;
                read = stream.read_buf(buffer) => read,
                () = self.stop.cancelled() => {
                    *until = Some(Instant::now() + DRAIN);
                    timeout(QUIET, stream.read_buf(buffer)).await.ok()?
                }
            },
            Some(until) if Instant::now() >= *until => return None,
            Some(_) => timeout(QUIET, stream.read_buf(buffer)).await.ok()?,
        };
        if self.stop.is_cancelled() && until.is_none() {
            *until = Some(Instant::now() + DRAIN);
        }
        match read {
            Ok(0) => None,
            Ok(read) => Some(read),
            Err(error) => {
                tracing::debug!(%error, "a connection broke");
                None
            }
        }
    }

    async fn send_frames(&mut self, buffer: &mut BytesMut) -> Result<(), crate::topology::output::Closed> {
        let mut batch = Batch::new();
        while let Some(frame) = self.framer.next(buffer) {
            self.intake.frame(frame, &self.peer, &Ack::none(), &mut batch);
            if batch.len() >= MAX_BATCH_EVENTS {
                self.output.send(std::mem::take(&mut batch)).await?;
            }
        }
        self.output.send(batch).await
    }
}
