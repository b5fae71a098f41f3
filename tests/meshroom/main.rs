//! Where a project of Meshroom had rough edges, and what its user sees instead: README.md lists the
//! edges and their tests.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod choice;
mod input;
mod pairs;
mod recovery;
mod safety;
mod secrets;
mod unchanged;
