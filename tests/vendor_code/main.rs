//! Code of vendors that is broken, misbehaves or asks for too much: what a user sees of it, and what
//! goes on all the same.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod broken;
mod checks;
mod edited;
mod endless;
mod hostile;
mod kept;
mod names;
mod packages;
mod raising;
mod scaffolds;
mod secrets;
mod stopped;
mod unruly;
