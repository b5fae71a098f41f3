//! `resilmesh secret`, each command as its users see it, with the real git, gpg and pass.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/terminal.rs"]
#[allow(dead_code, unreachable_pub, reason = "other test files use more of it")]
mod terminal;

mod commands;
mod doctor;
mod editing;
mod exchange;
mod mesh;
mod people;
mod support;
