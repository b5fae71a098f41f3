//! Whether a service is ready, asked from outside.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::time::Duration;

use resilmesh_service::control::{self, AskError};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::process::Family;
use crate::runtime::{Ready, ServiceSpec};

/// How long the answer of a service may take that is not ready yet.
pub(crate) const WHILE_STARTING: Duration = Duration::from_secs(2);
/// How long that of a service may take that was: it may be busy, and counts as hanging then.
pub(crate) const WHILE_READY: Duration = Duration::from_secs(5);

/// What a service says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// It does its work.
    Ready,
    /// It does not yet; what it waits for.
    Waiting(String),
    /// It takes a question but does not answer in time; why, if that is known.
    Silent(Option<&'static str>),
}

/// Asks the service, which has so long to answer.
pub(crate) async fn look(spec: &ServiceSpec, family: &Family, within: Duration) -> Health {
    // The kernel takes connections for a process that is suspended.
    if family.is_suspended() {
        return Health::Silent(Some("its process is suspended (SIGSTOP)"));
    }
    let question = async {
        match &spec.ready {
            Ready::Control => ask_control(spec).await,
            Ready::Http(url) => owned(get(url).await, address_of(url), family),
            Ready::Tcp(address) => owned(connect(address).await, address, family),
        }
    };
    timeout(within, question).await.unwrap_or(Health::Silent(None))
}

async fn ask_control(spec: &ServiceSpec) -> Health {
    let Some(socket) = &spec.control else {
        return Health::Waiting("waits for its control socket, but was given none".to_owned());
    };
    match control::ask(socket, "health", Value::Null).await {
        Ok(answer) if answer["ready"] == true => Health::Ready,
        Ok(answer) => {
            Health::Waiting(format!("waits for {}", answer["waiting_for"].as_str().unwrap_or("it does not say what")))
        }
        Err(AskError::Connection { source, .. }) => {
            Health::Waiting(format!("its control socket does not answer: {source}"))
        }
        Err(error) => Health::Waiting(error.to_string()),
    }
}

async fn connect(address: &str) -> Health {
    match TcpStream::connect(address).await {
        Ok(_) => Health::Ready,
        Err(error) => Health::Waiting(format!("{address} does not answer: {error}")),
    }
}

async fn get(url: &str) -> Health {
    match status_of(url).await {
        Ok(200..=299) => Health::Ready,
        Ok(code) => Health::Waiting(format!("{url} answers {code}")),
        Err(error) => Health::Waiting(format!("{url} does not answer: {error}")),
    }
}

/// The status code of a GET.
async fn status_of(url: &str) -> io::Result<u16> {
    let address = address_of(url);
    let path = url.split_once("://").map_or(url, |(_, rest)| rest).strip_prefix(address).unwrap_or_default();
    let path = if path.is_empty() { "/" } else { path };
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut start = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut start).await?;
    // The rest is of no interest, but a reader that hangs up early makes servers complain.
    let _ = tokio::io::copy(&mut stream.take(1 << 20), &mut tokio::io::sink()).await;
    parse_status(&start).ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

fn parse_status(start: &[u8]) -> Option<u16> {
    std::str::from_utf8(start).ok()?.strip_prefix("HTTP/1.")?.split_once(' ')?.1.parse().ok()
}

/// `host:port` of an `http://` address.
fn address_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').map_or(rest, |(address, _)| address)
}

/// A good answer counts only if it came from the service: another program may hold the port.
fn owned(health: Health, address: &str, family: &Family) -> Health {
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    match (health, port) {
        (Health::Ready, Some(port)) if !listens(family, port) => {
            Health::Waiting(format!("port {port} is held by another program"))
        }
        (health, _) => health,
    }
}

/// Whether the port is listened on by a process of the family; also when that cannot be seen.
fn listens(family: &Family, port: u16) -> bool {
    let sockets: BTreeSet<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listeners(&table, port))
        .collect();
    let holds = |pid: u32| {
        fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|files| {
            files
                .flatten()
                .filter_map(|file| fs::read_link(file.path()).ok())
                .any(|target| target.to_str().is_some_and(|target| sockets.contains(target)))
        })
    };
    sockets.is_empty() || family.members().iter().any(|member| holds(member.pid))
}

/// The sockets that listen on the port, as `/proc/<pid>/fd` names them.
fn listeners(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 9 && fields[1].ends_with(&suffix) && fields[3] == LISTEN)
        .map(|fields| format!("socket:[{}]", fields[9]))
        .collect()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::runtime::embedded::process::Process;

    #[test]
    fn addresses_and_answers_are_taken_apart() {
        assert_eq!(address_of("http://127.0.0.1:8222/healthz"), "127.0.0.1:8222");
        assert_eq!(address_of("http://[::1]:9200"), "[::1]:9200");
        assert_eq!(parse_status(b"HTTP/1.1 503"), Some(503));
        assert_eq!(parse_status(b"SSH-2.0-Open"), None);
    }

    #[test]
    fn listening_sockets_are_found_by_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1\n\
             1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000 0 0 4712 1\n";
        assert_eq!(listeners(table, 8080), ["socket:[4711]"]);
        assert!(listeners(table, 80).is_empty());
    }

    #[tokio::test]
    async fn the_answer_of_a_foreign_program_does_not_count() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        let url = format!("http://{address}/up");
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("accept");
                let mut request = [0; 16];
                if stream.read(&mut request).await.is_ok_and(|n| n > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                }
            }
        });
        assert_eq!(get(&url).await, Health::Ready);
        let nobody = Family::new("nobody/nothing".to_owned(), None);
        let taken = owned(get(&url).await, &address, &nobody);
        assert!(matches!(&taken, Health::Waiting(why) if why.contains("another program")), "{taken:?}");
        let parent = Process::of(std::os::unix::process::parent_id()).expect("parent");
        assert!(matches!(
            owned(Health::Ready, &address, &Family::new("x".to_owned(), Some(parent))),
            Health::Waiting(_)
        ));
        server.abort();
    }
}
