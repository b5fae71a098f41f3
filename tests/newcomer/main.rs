//! What a new user stumbled over, and what they see now.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod completion;
mod documents;
mod instances;
mod mistakes;
mod parts;
mod plugging;
mod titles;
mod trusted;
mod watching;
