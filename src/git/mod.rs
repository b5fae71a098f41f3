//! The repository that a project is shared with. Knows git and the project, not the command line.
//!
//! Everything local is done by libgit2 in this process; commits are carried to and from other
//! machines by the user's own `git` program ([`program`]). Nothing of a repository is ever run.

mod carry;
pub mod catalogue;
pub mod changes;
pub mod clone;
mod entry;
pub mod history;
pub mod journal;
pub mod lines;
pub mod merge;
mod noted;
pub mod outgoing;
pub mod parts;
pub mod program;
pub mod provenance;
pub mod push;
pub mod recipients;
pub mod repository;
pub mod scan;
pub mod secrets;
pub mod setup;
pub mod share;
pub mod sides;
pub mod snapshots;
pub mod template;
pub mod tree;
pub mod trouble;
pub mod update;
