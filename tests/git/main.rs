//! Sharing a mesh through git, with the real git, ssh and http.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/terminal.rs"]
#[allow(dead_code, unreachable_pub, reason = "other test files use more of it")]
mod terminal;

mod clone;
mod history;
mod setup;
mod share;
mod story;
mod support;
mod transports;
mod update;
