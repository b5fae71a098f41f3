//! The embedded runtime keeps what `docs/specs/runtime.md` promises.
//!
//! | module | what it tries |
//! |---|---|
//! | `suite` | what every runtime promises |
//! | `supervision` | what the embedded one promises besides: its supervisor, `status`, `logs` |
//! | `programs` | where programs come from |
//! | `secrets` | no secret reaches a log |
#![allow(clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod programs;
mod secrets;
mod suite;
mod supervision;
mod support;
