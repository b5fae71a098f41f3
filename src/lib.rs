//! `resilmesh` composes a cybersecurity mesh from a git repository of YAML and runs it.
//!
//! | room | what it holds |
//! |---|---|
//! | [`cli`] | arguments in, words and exit codes out: one file per command |
//! | [`plan`] | what to do: reconcile, apply, journal, lock |
//! | [`hooks`] | how vendors' code runs |
//! | [`vault`] | the project's secrets |
//! | [`runtime`] | where services run |
//! | [`mesh`] | what the project means: pure, no I/O, no clock |
//! | [`project`] | what is on disk: documents to types and back |
//!
//! Calls go downwards only. `docs/architecture.md` is the map.

pub mod cli;
pub mod hooks;
pub mod mesh;
pub mod plan;
pub mod project;
pub mod runtime;
pub mod vault;
