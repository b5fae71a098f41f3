//! Sources that read datagrams.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::time::{Instant, timeout};

use super::intake::{Intake, Peer};
use super::net::{PermitOrigin, SocketFile, host};
use super::{SourceContext, SourceError};
use crate::codec::framing::{Frame, Framer};
use crate::event::{Ack, Batch, MAX_BATCH_BYTES, MAX_BATCH_EVENTS};

/// The largest datagram there is; a Unix one may be larger where the system allows it.
const LARGEST: usize = 256 * 1024;

/// At a stop: how long what the kernel has taken already is read on, at most.
const DRAIN: Duration = Duration::from_secs(2);
/// At a stop: how long nothing must come for the socket to count as drained.
const QUIET: Duration = Duration::from_millis(20);

/// Where datagrams come from.
#[derive(Debug)]
pub enum Socket {
    /// UDP.
    Udp(UdpSocket, PermitOrigin),
    /// A Unix socket, and its file.
    Unix(UnixDatagram, SocketFile),
}

/// Reads datagrams until told to stop, then those that have come already.
///
/// # Errors
/// When the socket breaks.
pub async fn serve(
    socket: Socket,
    framer: Framer,
    max_length: usize,
    intake: Intake,
    context: SourceContext,
) -> Result<(), SourceError> {
    context.readiness.ready();
    let mut reader = Reader { socket, framer, max_length, intake: Arc::new(intake), buffer: vec![0; LARGEST] };
    loop {
        let readable = tokio::select! {
            biased;
            () = context.stop.cancelled() => break,
            readable = reader.readable() => readable,
        };
        readable.map_err(|error| SourceError(format!("the socket broke: {error}")))?;
        if context.output.send(reader.batch()).await.is_err() {
            return Ok(());
        }
    }
    // What has come already; whether something has is known only after asking the system.
    let until = Instant::now() + DRAIN;
    while Instant::now() < until
        && let Ok(Ok(())) = timeout(QUIET, reader.readable()).await
    {
        if context.output.send(reader.batch()).await.is_err() {
            break;
        }
    }
    Ok(())
}

struct Reader {
    socket: Socket,
    framer: Framer,
    max_length: usize,
    intake: Arc<Intake>,
    buffer: Vec<u8>,
}

impl Reader {
    async fn readable(&self) -> io::Result<()> {
        match &self.socket {
            Socket::Udp(socket, _) => socket.readable().await,
            Socket::Unix(socket, _) => socket.readable().await,
        }
    }

    /// What has come, up to a full batch.
    fn batch(&mut self) -> Batch {
        let (mut batch, mut bytes) = (Batch::new(), 0);
        while batch.len() < MAX_BATCH_EVENTS && bytes < MAX_BATCH_BYTES {
            match self.receive() {
                Ok(Some((length, peer))) => {
                    bytes += length;
                    self.datagram(length, &peer, &mut batch);
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    // Such as an answer that could not be delivered, told to us.
                    tracing::debug!(%error, "receiving a datagram failed");
                    break;
                }
            }
        }
        batch
    }

    /// The next datagram; none if its sender may not send.
    fn receive(&mut self) -> io::Result<Option<(usize, Peer)>> {
        match &self.socket {
            Socket::Udp(socket, permit) => {
                let (length, address) = socket.try_recv_from(&mut self.buffer)?;
                if !permit.permits(address.ip()) {
                    self.intake.give_up("sender not permitted", "a datagram was dropped: `permit_origin`");
                    return Ok(None);
                }
                let peer = Peer { host: Some(host(address.ip()).into()), port: Some(address.port()) };
                Ok(Some((length, peer)))
            }
            Socket::Unix(socket, _) => {
                let (length, address) = socket.try_recv_from(&mut self.buffer)?;
                let path = address.as_pathname().map(|path| path.display().to_string().into());
                Ok(Some((length, Peer { host: path, port: None })))
            }
        }
    }

    fn datagram(&mut self, length: usize, peer: &Peer, batch: &mut Batch) {
        if length > self.max_length {
            self.intake.frame(Frame::TooLong, peer, &Ack::none(), batch);
            return;
        }
        let mut rest = BytesMut::from(Bytes::copy_from_slice(&self.buffer[..length]));
        let mut framer = self.framer.clone();
        while let Some(frame) = framer.last(&mut rest) {
            self.intake.frame(frame, peer, &Ack::none(), batch);
        }
    }
}
