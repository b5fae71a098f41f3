//! `history`, `rollback` and `up --rollback-on-failure`: what was done is known, and can be gone back on.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod on_failure;
mod records;
mod rollback;
