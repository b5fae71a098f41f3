//! Sharing a mesh through git, with the real git, ssh and http.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod clone;
mod history;
mod setup;
mod share;
mod story;
mod support;
mod transports;
mod update;
