//! What is on disk: documents to types and back, discovery, scaffolding.

pub mod position;
