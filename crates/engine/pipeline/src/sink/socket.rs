//! Sends events over TCP, UDP or a Unix socket, and connects again when the other side goes away.
//!
//! Neither of these protocols says whether the other side has got what was sent: over a stream an
//! event counts as delivered when it was written and the connection stood, over a datagram socket
//! when it was sent.

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream};

use super::common::{Buffer, Healthcheck};
use super::complain::Complaints;
use super::owed::Owed;
use super::refuse::Refusals;
use super::retry::{Next, Retry, wait};
use super::stream::Stream;
use super::{Sink, SinkContext, SinkError};
use crate::codec::encode::{Encoding, Framing};
use crate::config::{ConfigError, Options};
use crate::event::{Batch, Event, Input};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SocketOptions {
    mode: Mode,
    address: Option<String>,
    path: Option<PathBuf>,
    encoding: Encoding,
    framing: Option<Framing>,
    #[serde(default)]
    healthcheck: Healthcheck,
    #[serde(default, rename = "buffer")]
    _buffer: Buffer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Tcp,
    Udp,
    #[serde(alias = "unix")]
    UnixStream,
    UnixDatagram,
}

/// Options that Vector has and this engine does not.
const NOT_HERE: &[&str] = &["keepalive", "proxy", "send_buffer_bytes", "tls", "unix_mode"];

/// Makes the sink.
///
/// # Errors
/// Everything that is wrong with the options.
pub(super) fn build(options: &Options) -> Result<Box<dyn Sink>, Vec<ConfigError>> {
    let SocketOptions { mode, address, path, encoding, framing, healthcheck, .. } = options.parse(NOT_HERE)?;
    let to = match (mode, address, path) {
        (Mode::Tcp, Some(address), None) => To::Tcp(address),
        (Mode::Udp, Some(address), None) => To::Udp(address),
        (Mode::UnixStream, None, Some(path)) => To::UnixStream(path),
        (Mode::UnixDatagram, None, Some(path)) => To::UnixDatagram(path),
        (Mode::Tcp | Mode::Udp, ..) => {
            return Err(vec![options.error("address", "modes `tcp` and `udp` need `address` and no `path`")]);
        }
        _ => return Err(vec![options.error("path", "Unix sockets need `path` and no `address`")]),
    };
    if let To::Tcp(address) | To::Udp(address) = &to
        && !address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    {
        return Err(vec![options.error("address", format!("`{address}` is no address, such as `127.0.0.1:5514`"))]);
    }
    let framing = match to {
        To::Tcp(_) | To::UnixStream(_) => framing,
        To::Udp(_) | To::UnixDatagram(_) => framing.or(Some(Framing::Bytes)),
    };
    Ok(Box::new(Socket { to, stream: Stream::new(encoding, framing), healthcheck }))
}

struct Socket {
    to: To,
    stream: Stream,
    healthcheck: Healthcheck,
}

enum To {
    Tcp(String),
    Udp(String),
    UnixStream(PathBuf),
    UnixDatagram(PathBuf),
}

impl std::fmt::Display for To {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Udp(address) => write!(f, "udp://{address}"),
            Self::UnixStream(path) | Self::UnixDatagram(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

enum Connection {
    Tcp(TcpStream),
    Udp(UdpSocket),
    UnixStream(UnixStream),
    UnixDatagram(UnixDatagram),
}

impl To {
    async fn connect(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(address) => TcpStream::connect(address).await.map(Connection::Tcp),
            Self::UnixStream(path) => UnixStream::connect(path).await.map(Connection::UnixStream),
            Self::Udp(address) => {
                let peer = tokio::net::lookup_host(address).await?.next().ok_or(io::ErrorKind::NotFound)?;
                let any = if peer.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any).await?;
                socket.connect(peer).await?;
                Ok(Connection::Udp(socket))
            }
            Self::UnixDatagram(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                Ok(Connection::UnixDatagram(socket))
            }
        }
    }

    fn is_datagram(&self) -> bool {
        matches!(self, Self::Udp(_) | Self::UnixDatagram(_))
    }
}

impl Connection {
    /// Sends `bytes`: over a stream all of them, else as one datagram.
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                still_open(stream.try_read(&mut [0; 64]))?;
                stream.write_all(bytes).await
            }
            Self::UnixStream(stream) => {
                still_open(stream.try_read(&mut [0; 64]))?;
                stream.write_all(bytes).await
            }
            Self::Udp(socket) => socket.send(bytes).await.map(drop),
            Self::UnixDatagram(socket) => socket.send(bytes).await.map(drop),
        }
    }
}

/// The other side has nothing to say; if it says that it has ended, what is written would be lost.
fn still_open(read: io::Result<usize>) -> io::Result<()> {
    match read {
        Ok(0) => Err(io::ErrorKind::ConnectionAborted.into()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Sink for Socket {
    async fn run(self: Box<Self>, mut input: Input, context: SinkContext) -> Result<(), SinkError> {
        if !self.healthcheck.enabled {
            context.readiness.ready();
        }
        let mut sender = Sender {
            to: self.to,
            connection: None,
            refusals: Refusals::new("socket", &context),
            complaints: Complaints::default(),
            context,
        };
        // Connects now, not at the first event, so that it is known whether anybody is there.
        if !sender.deliver(&[]).await {
            return Ok(());
        }
        while let Some(batch) = input.recv().await {
            if sender.to.is_datagram() {
                sender.datagrams(batch, &self.stream).await;
            } else {
                let (bytes, owed) = self.stream.encode(batch);
                if sender.deliver(&bytes).await {
                    sender.delivered(owed);
                }
            }
        }
        Ok(())
    }
}

struct Sender {
    to: To,
    connection: Option<Connection>,
    refusals: Refusals,
    complaints: Complaints,
    context: SinkContext,
}

impl Sender {
    /// Sends until it is sent; false = the service stops.
    async fn deliver(&mut self, bytes: &[u8]) -> bool {
        let mut backoff = Retry::default().start();
        let stop = self.context.stop.clone();
        loop {
            let sent = tokio::select! {
                sent = self.send(bytes) => sent,
                () = stop.cancelled() => return false,
            };
            let Err(error) = sent else { return true };
            self.connection = None;
            self.context.counters.error();
            self.context.readiness.waiting_for(format!("{} ({error})", self.to));
            self.complaints.retrying(&self.context.id, &format!("sending to {}", self.to), &error);
            if wait(&mut backoff, &stop).await != Next::Again {
                return false;
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.connection.is_none() {
            self.connection = Some(self.to.connect().await?);
            self.context.readiness.ready();
        }
        match &mut self.connection {
            Some(connection) if !bytes.is_empty() => connection.send(bytes).await,
            _ => Ok(()),
        }
    }

    /// Sends each event as a datagram; one that is too large for that is given up.
    async fn datagrams(&mut self, batch: Batch, stream: &Stream) {
        let mut bytes = Vec::new();
        for Event { value, ack, .. } in batch {
            let owed = Owed::from(ack);
            bytes.clear();
            stream.write(&value, &mut bytes);
            if bytes.len() > MAX_DATAGRAM {
                let message = format!("{} bytes", bytes.len());
                self.refusals.give_up(value, owed, "too large for a datagram", &message).await;
            } else if self.deliver(&bytes).await {
                self.delivered(vec![owed]);
            }
        }
    }

    fn delivered(&self, owed: Vec<Owed>) {
        self.context.counters.sent(owed.len() as u64);
        owed.into_iter().for_each(Owed::delivered);
    }
}

/// What fits into one UDP datagram over IPv4.
const MAX_DATAGRAM: usize = 65_507;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::net::TcpListener;
    use vrl::value;

    use super::*;
    use crate::config::Section;
    use crate::event::{Ack, Fate, channel};
    use crate::sink::testing::{self, soon};

    fn sink(yaml: &str) -> Result<Box<dyn Sink>, String> {
        build(&Options::from_yaml(Section::Sink, "socket", yaml).unwrap()).map_err(|errors| errors[0].to_string())
    }

    #[tokio::test]
    async fn tcp_connects_again_when_the_other_side_goes_away() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sink = sink(&format!("{{mode: tcp, address: '{address}', encoding: {{codec: json}}}}")).unwrap();
        let (sender, input) = channel();
        let running = tokio::spawn(sink.run(input, testing::context()));
        for number in 0..3 {
            // The sink learns that the last connection was closed when it next looks, so let it.
            let (stream, _) = soon(async {
                loop {
                    let probe = vec![Event::new(value!({"probe": true}), Ack::none())];
                    sender.send(probe).await.unwrap();
                    let accepted = tokio::time::timeout(std::time::Duration::from_millis(20), listener.accept()).await;
                    if let Ok(accepted) = accepted {
                        break accepted.unwrap();
                    }
                }
            })
            .await;
            let (ack, told) = Ack::pair();
            sender.send(vec![Event::new(value!({"n": number}), ack)]).await.unwrap();
            let wanted = format!("{{\"n\":{number}}}");
            let mut lines = BufReader::new(stream).lines();
            while soon(lines.next_line()).await.unwrap().expect("the connection stands") != wanted {}
            assert_eq!(soon(told).await, Fate::Delivered);
        }
        drop((sender, listener));
        soon(running).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn nobody_there_holds_back_until_the_service_stops() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let sink = sink(&format!("{{mode: tcp, address: '{address}', encoding: {{codec: json}}}}")).unwrap();
        let (context, (sender, input), (ack, told)) = (testing::context(), channel(), Ack::pair());
        let running = tokio::spawn(sink.run(input, context.clone()));
        sender.send(vec![Event::new(value!({}), ack)]).await.unwrap();
        context.stop.cancel();
        soon(running).await.unwrap().unwrap();
        assert_eq!(told.await, Fate::Errored);
    }

    #[tokio::test]
    async fn udp_sends_a_datagram_an_event_and_gives_up_what_does_not_fit() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = receiver.local_addr().unwrap();
        let sink = sink(&format!("{{mode: udp, address: '{address}', encoding: {{codec: text}}}}")).unwrap();
        let ((sender, input), (ack, told)) = (channel(), Ack::pair());
        let large = "x".repeat(MAX_DATAGRAM + 1);
        let batch =
            vec![Event::new(value!({"message": large}), ack), Event::new(value!({"message": "a"}), Ack::none())];
        sender.send(batch).await.unwrap();
        drop(sender);
        sink.run(input, testing::context()).await.unwrap();
        let mut bytes = [0; 100];
        let length = soon(receiver.recv(&mut bytes)).await.unwrap();
        assert_eq!(&bytes[..length], b"a");
        assert_eq!(told.await, Fate::Rejected);
    }

    #[tokio::test]
    async fn unix_sockets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let yaml = format!("{{mode: unix_datagram, path: '{}', encoding: {{codec: json}}}}", path.display());
        let (sender, input) = channel();
        sender.send(vec![Event::new(value!({"a": 1}), Ack::none())]).await.unwrap();
        drop(sender);
        sink(&yaml).unwrap().run(input, testing::context()).await.unwrap();
        let mut bytes = [0; 100];
        let length = soon(receiver.recv(&mut bytes)).await.unwrap();
        assert_eq!(&bytes[..length], b"{\"a\":1}");
    }

    #[test]
    fn mistakes_are_told() {
        for (bad, wanted) in [
            ("{mode: tcp, encoding: {codec: json}}", "need `address`"),
            ("{mode: udp, path: /x, address: 'h:1', encoding: {codec: json}}", "no `path`"),
            ("{mode: unix_stream, address: 'h:1', encoding: {codec: json}}", "need `path`"),
            ("{mode: tcp, address: h, encoding: {codec: json}}", "is no address"),
            ("{mode: tcp, address: 'h:1', tls: {}, encoding: {codec: json}}", "`tls`"),
        ] {
            let Err(error) = sink(bad) else { panic!("{bad} was taken") };
            assert!(error.contains(wanted), "{bad}: {error}");
        }
    }
}
