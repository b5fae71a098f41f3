//! The Elasticsearch REST API over tantivy, on disk.
