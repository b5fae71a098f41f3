//! `resilmesh` composes a cybersecurity mesh from a git repository of YAML and runs it.
//!
//! | room | what it holds |
//! |---|---|
//! | [`cli`] | arguments in, words and exit codes out: one file per command |
//! | [`plan`] | what to do: reconcile, apply, journal, lock |
//! | [`git`] | the repository: sharing, history, what may not leave this machine |
//! | [`hooks`] | how vendors' code runs |
//! | [`vault`] | the project's secrets |
//! | [`runtime`] | where services run |
//! | [`trust`] | whether code that others wrote may run |
//! | [`mesh`] | what the project means: pure, no I/O, no clock |
//! | [`redact`] | takes secret values out of what is printed |
//! | [`project`] | what is on disk: documents to types and back |
//!
//! Calls go downwards only. `docs/architecture.md` is the map.

pub mod cli;
pub mod git;
pub mod hooks;
pub mod mesh;
pub mod plan;
pub mod project;
pub mod redact;
pub mod runtime;
pub mod trust;
pub mod vault;
