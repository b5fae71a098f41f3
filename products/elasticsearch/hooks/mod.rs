//! What resilmesh does on an Elasticsearch: index template, index, and a look at the documents.

mod client;
mod index;
mod produce;
mod search;
mod stats;
mod watch;
