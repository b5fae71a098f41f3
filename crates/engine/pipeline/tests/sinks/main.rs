//! Each sink against a real counterpart: nats-server, an HTTP server that misbehaves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail the test")]

mod elasticsearch;
mod golden;
mod http;
mod nats;
mod support;
