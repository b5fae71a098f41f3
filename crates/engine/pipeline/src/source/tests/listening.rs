//! `syslog` and `socket`, case by case: `tests/golden/syslog.ndjson`, or the recordings of a real
//! Vector in the folder that the environment variable `RESILMESH_VECTOR_GOLDEN` names.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream};

use crate::testing::{Running, free_port, wait_for};

#[derive(Deserialize)]
struct Case {
    id: String,
    config: String,
    transport: String,
    #[serde(default)]
    input: Value,
    input_base64: Option<String>,
    events: Vec<Value>,
}

/// Where this engine keeps more than Vector does, on purpose: Vector closes the connection at the
/// first byte that is no UTF-8, and after a counted message that is too long.
const KEPT_HERE: [&str; 2] = ["tcp-bad-latin1", "frame-overlong-oct"];

fn cases() -> Vec<Case> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files: Vec<PathBuf> = match std::env::var_os("RESILMESH_VECTOR_GOLDEN") {
        None => vec![own.join("syslog.ndjson")],
        Some(folder) => ["lines-udp", "lines-tcp", "framing-tcp", "framing-udp", "variants"]
            .iter()
            .map(|name| PathBuf::from(&folder).join(format!("syslog-{name}.ndjson")))
            .collect(),
    };
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The source that a case names; none for what this engine does not have.
fn source(case: &Case, port: u16) -> Option<Value> {
    let (mode, address) = (&case.transport, format!("127.0.0.1:{port}"));
    let syslog = json!({"codec": "syslog"});
    Some(match case.config.as_str() {
        "syslog" | "syslog-tcp" | "syslog-udp" => {
            json!({"type": "syslog", "mode": mode, "address": address, "max_length": 2048})
        }
        "syslog-udp-options" => json!({
            "type": "syslog", "mode": mode, "address": address, "max_length": 120, "host_key": "log.source.address",
        }),
        "socket-syslog" | "socket-udp-syslog-codec" | "socket-tcp-syslog-codec" => {
            json!({"type": "socket", "mode": mode, "address": address, "decoding": syslog})
        }
        "socket-tcp-octet-syslog-codec" => json!({
            "type": "socket", "mode": mode, "address": address, "decoding": syslog,
            "framing": {"method": "octet_counting"},
        }),
        "socket-lines" | "socket-udp" => json!({"type": "socket", "mode": mode, "address": address}),
        "socket-nul" => json!({
            "type": "socket", "mode": mode, "address": address,
            "framing": {"method": "character_delimited", "character_delimited": {"delimiter": "\u{0}"}},
        }),
        "socket-json" => {
            json!({"type": "socket", "mode": mode, "address": address, "decoding": {"codec": "json"}})
        }
        // Vector's other log namespace.
        "syslog-udp-namespace" => return None,
        other => panic!("unknown configuration {other}"),
    })
}

fn input(case: &Case) -> Vec<u8> {
    let base64 = case.input_base64.as_deref().or_else(|| case.input["base64"].as_str());
    match base64 {
        None => case.input.as_str().unwrap().as_bytes().to_vec(),
        Some(text) => {
            const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let bits = text
                .bytes()
                .filter_map(|byte| LETTERS.iter().position(|letter| *letter == byte))
                .flat_map(|six| (0..6).rev().map(move |n| (six >> n & 1) as u8));
            let bits: Vec<u8> = bits.collect();
            bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
        }
    }
}

fn pipeline(source: &Value) -> String {
    json!({"sources": {"in": source}, "sinks": {"out": {"type": "any", "inputs": ["in"]}}}).to_string()
}

/// The events with what differs from run to run as the case writes it.
fn masked(mut got: Vec<Value>, expected: &[Value]) -> Vec<Value> {
    for (got, expected) in got.iter_mut().zip(expected) {
        for mark in ["timestamp", "port"] {
            if expected[mark].as_str().is_some_and(|text| text.starts_with('<') && text.ends_with('>')) {
                got[mark] = expected[mark].clone();
            }
        }
        if let Some(rest) = expected["timestamp"].as_str().and_then(|text| text.strip_prefix("<year>")) {
            let year = chrono::Utc::now().format("%Y").to_string();
            got["timestamp"] = json!(got["timestamp"].as_str().unwrap().replacen(&year, "<year>", 1));
            assert!(got["timestamp"].as_str().unwrap().ends_with(rest), "{got}");
        }
    }
    got
}

#[tokio::test]
async fn what_listens_does_what_vector_does() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for case in cases() {
        let port = free_port();
        let Some(source) = source(&case, port) else { continue };
        let running = Running::start(&pipeline(&source), Vec::new());
        running.ready().await;
        if case.transport == "tcp" {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.write_all(&input(&case)).await.unwrap();
        } else {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            socket.send_to(&input(&case), ("127.0.0.1", port)).await.unwrap();
        }
        let got = running.stop().await.into_iter().map(|out| out.value).collect();
        let got = masked(got, &case.events);
        checked += 1;
        if got != case.events && !KEPT_HERE.contains(&case.id.as_str()) {
            wrong.push(format!("{}: got {}\nexpected {}", case.id, json!(got), json!(case.events)));
        }
    }
    assert!(checked >= 15, "only {checked} cases");
    assert!(wrong.is_empty(), "{} of {checked} cases differ\n{}", wrong.len(), wrong.join("\n\n"));
}

#[tokio::test]
async fn a_line_of_a_mebibyte_passes_and_a_longer_one_is_counted() {
    let port = free_port();
    let source =
        json!({"type": "socket", "mode": "tcp", "address": format!("127.0.0.1:{port}"), "max_length": 1_048_576});
    let mut running = Running::start(&pipeline(&source), Vec::new());
    running.ready().await;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    for length in [1_048_576, 1_048_577, 3_000_000, 2] {
        stream.write_all(&vec![b'x'; length]).await.unwrap();
        stream.write_all(b"\n").await.unwrap();
    }
    assert_eq!(running.next().await.value["message"].as_str().unwrap().len(), 1_048_576);
    assert_eq!(running.next().await.value["message"], "xx");
    let counted = &running.stats.snapshot().components["in"];
    assert_eq!((counted.received, counted.dropped["longer than max_length"]), (2, 2));
    assert!(running.stop().await.is_empty());
}

#[tokio::test]
async fn a_slow_sink_stops_the_reading_and_nothing_is_lost() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let source = json!({"type": "socket", "mode": "tcp", "address": address});
    let running = Running::start(&pipeline(&source), Vec::new());
    running.ready().await;
    let sender = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        for n in 0..20_000 {
            stream.write_all(format!("line {n}\n").as_bytes()).await.unwrap();
        }
    });
    sender.await.unwrap();
    // All of it is in the kernel's buffers or further; the stop must bring it through.
    let all = running.stop().await;
    assert_eq!(all.len(), 20_000);
    assert!(all.iter().enumerate().all(|(n, out)| out.value["message"] == format!("line {n}")));
}

#[tokio::test]
async fn unix_sockets_take_streams_and_datagrams() {
    let folder = tempfile::tempdir().unwrap();
    let (stream_path, datagram_path) = (folder.path().join("s.sock"), folder.path().join("d.sock"));
    let config = json!({
        "sources": {
            "stream": {"type": "socket", "mode": "unix_stream", "path": stream_path},
            "datagram": {"type": "socket", "mode": "unix_datagram", "path": datagram_path, "socket_file_mode": 0o600},
            "syslog": {"type": "syslog", "mode": "unix", "path": folder.path().join("syslog.sock")},
        },
        "sinks": {"out": {"type": "any", "inputs": ["*"]}},
    });
    let mut running = Running::start(&config.to_string(), Vec::new());
    running.ready().await;
    UnixStream::connect(&stream_path).await.unwrap().write_all(b"by stream\n").await.unwrap();
    assert_eq!(running.next().await.value["message"], "by stream");
    UnixDatagram::unbound().unwrap().send_to(b"by datagram", &datagram_path).await.unwrap();
    assert_eq!(running.next().await.value["message"], "by datagram");
    let mut stream = UnixStream::connect(folder.path().join("syslog.sock")).await.unwrap();
    stream.write_all(b"<30>1 2026-05-01T08:00:00Z h app - - - by syslog\n").await.unwrap();
    assert_eq!(running.next().await.value["message"], "by syslog");
    running.stop().await;
    assert!(!stream_path.exists() && !datagram_path.exists());
}

#[tokio::test]
async fn only_permitted_senders_are_heard() {
    let (tcp, udp) = (free_port(), free_port());
    let config = json!({
        "sources": {
            "tcp": {"type": "socket", "mode": "tcp", "address": format!("127.0.0.1:{tcp}"), "permit_origin": ["192.0.2.0/24"]},
            "udp": {"type": "socket", "mode": "udp", "address": format!("127.0.0.1:{udp}"), "permit_origin": ["192.0.2.0/24"]},
        },
        "sinks": {"out": {"type": "any", "inputs": ["tcp", "udp"]}},
    });
    let running = Running::start(&config.to_string(), Vec::new());
    running.ready().await;
    let mut stream = TcpStream::connect(("127.0.0.1", tcp)).await.unwrap();
    let _ = stream.write_all(b"refused\n").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(b"refused", ("127.0.0.1", udp)).await.unwrap();
    wait_for(|| running.stats.snapshot().components["udp"].dropped.contains_key("sender not permitted")).await;
    assert!(running.stop().await.is_empty());
}
