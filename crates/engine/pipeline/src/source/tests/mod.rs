//! Sources in whole pipelines: real sockets, files and servers, and a sink that hands its events
//! to the test.

mod file;
mod http;
mod listening;
mod nats;
mod others;
