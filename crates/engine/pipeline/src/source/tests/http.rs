//! `http_server`: a request is answered when its events are delivered.

use std::io::Write;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::testing::{Running, free_port};

fn start(port: u16, options: &serde_json::Value) -> Running {
    let mut source = json!({"type": "http_server", "address": format!("127.0.0.1:{port}")});
    source.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let config = json!({"sources": {"in": source}, "sinks": {"out": {"type": "any", "inputs": ["in"]}}});
    Running::start(&config.to_string(), Vec::new())
}

/// Sends a request; gives the status code when the answer is there.
fn send(port: u16, start: &str, headers: &str, body: Vec<u8>) -> JoinHandle<u16> {
    let head =
        format!("{start} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    tokio::spawn(async move {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    })
}

#[tokio::test]
async fn the_answer_waits_for_delivery_and_says_how_it_went() {
    let port = free_port();
    let mut running = start(port, &json!({"headers": ["X-Tenant"], "query_parameters": ["app"]}));
    running.ready().await;
    let answer = send(port, "POST /?app=a%20b", "x-tenant: t1\r\n", b"one\ntwo".to_vec());
    let (one, two) = (running.next().await, running.next().await);
    assert_eq!((one.value["message"].as_str(), two.value["message"].as_str()), (Some("one"), Some("two")));
    assert_eq!(
        (&one.value["path"], &one.value["X-Tenant"], &one.value["app"]),
        (&json!("/"), &json!("t1"), &json!("a b"))
    );
    assert_eq!(one.value["source_type"], "http_server");
    drop(one);
    assert!(!answer.is_finished());
    drop(two);
    assert_eq!(answer.await.unwrap(), 200);

    let answer = send(port, "POST /", "", b"x".to_vec());
    running.next().await.ack.errored();
    assert_eq!(answer.await.unwrap(), 503);
    let answer = send(port, "POST /", "", b"x".to_vec());
    running.next().await.ack.rejected();
    assert_eq!(answer.await.unwrap(), 400);
    running.stop().await;
}

#[tokio::test]
async fn what_is_no_request_for_it_is_refused() {
    let port = free_port();
    let auth = json!({"strategy": "basic", "username": "u", "password": "p"});
    let mut running =
        start(port, &json!({"path": "/in", "decoding": {"codec": "json"}, "auth": auth, "response_code": 202}));
    running.ready().await;
    let user = "authorization: Basic dTpw\r\n";
    assert_eq!(send(port, "POST /other", user, b"{}".to_vec()).await.unwrap(), 404);
    assert_eq!(send(port, "GET /in", user, Vec::new()).await.unwrap(), 405);
    assert_eq!(send(port, "POST /in", "", b"{}".to_vec()).await.unwrap(), 401);
    assert_eq!(send(port, "POST /in", user, b"no json".to_vec()).await.unwrap(), 400);
    assert_eq!(send(port, "POST /in", &format!("{user}content-encoding: br\r\n"), b"{}".to_vec()).await.unwrap(), 415);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"[{\"n\":1},{\"n\":2}]").unwrap();
    let answer = send(port, "POST /in", &format!("{user}content-encoding: gzip\r\n"), packed.finish().unwrap());
    assert_eq!(
        (running.next().await.value["n"].clone(), running.next().await.value["n"].clone()),
        (json!(1), json!(2))
    );
    assert_eq!(answer.await.unwrap(), 202);
    running.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_requests_under_way() {
    let port = free_port();
    let mut running = start(port, &json!({}));
    running.ready().await;
    let answer = send(port, "POST /", "", b"x".to_vec());
    let out = running.next().await;
    running.lifecycle.stop();
    assert!(!answer.is_finished());
    drop(out);
    assert_eq!(answer.await.unwrap(), 200);
    assert!(running.end().await.is_empty());
}
