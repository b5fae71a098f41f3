//! The whole mesh with real programs: what a user sees of `up`, of a flow of logs, and of faults.
//! Each test reads as intent, step, observable state.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod clients;
mod copies;
mod delivery;
mod faults;
mod going_back;
mod interrupted;
mod lifecycle;
mod mesh;
mod replicas;
mod secrecy;
mod seeing;
