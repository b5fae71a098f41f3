//! The Elasticsearch REST API over tantivy, on disk: what Vector's sink, curl and the official
//! clients need to store events and find them again. What it does not support it refuses; it
//! never gives a wrong result instead.
//!
//! | module | what it holds |
//! |---|---|
//! | `config` | `store.yaml` |
//! | `rest` | HTTP: routes, parameters, answers |
//! | `query` | queries, from JSON or Lucene syntax to tantivy |
//! | `search` | sorting, paging, scrolling, parts of documents |
//! | `mapping` | types of fields, and documents taken apart by them |
//! | `index` | indices on disk: the write path, commits, retention |
//! | `wal`, `check_log` | the write-ahead log |
//!
//! A request goes from `rest` to `index` (writes) or to `query` and `search` (reads). A write is
//! acknowledged when it is in the write-ahead log, and searchable a second later.

mod check_log;
mod config;
mod disk;
mod error;
mod index;
mod json;
mod mapping;
mod pattern;
mod query;
mod rest;
mod search;
mod service;
mod wal;

pub use check_log::check_log;
pub use query::check_query;
pub use service::{RunError, run, validate};
