//! Plugs between tenants: set up once for everybody, and taken down by whoever wants to.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../git/support.rs"]
#[allow(dead_code, reason = "the tests of sharing use all of it")]
mod support;

mod alone;
mod harm;
mod team;
mod together;
