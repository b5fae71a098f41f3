//! Each sink against a real counterpart: nats-server, an HTTP server that misbehaves.

mod elasticsearch;
mod golden;
mod http;
mod nats;
mod support;
