//! Hooks in Rust: built by the real cargo, called by the real program, and the host that a crate becomes.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod attributes;
mod building;
mod created;
mod kept;
mod mishaps;
mod mixed;
mod protocol;
mod support;
mod worker;
