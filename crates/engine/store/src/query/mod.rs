//! Queries: read from the query language of Elasticsearch or from Lucene syntax, then compiled for
//! the mapping of an index.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ast`] | what a query says, before an index is known |
//! | [`dsl`] | the JSON query language |
//! | [`lucene`] | the syntax of `q=` and `query_string` |
//! | [`compile`] | a query on the mapping of an index, as a tantivy query |
//! | [`leaves`] | queries on one field |
//! | [`docs`] | tantivy queries over columns and ranges of terms |

pub(crate) mod ast;
pub(crate) mod compile;
pub(crate) mod docs;
pub(crate) mod dsl;
pub(crate) mod leaves;
pub(crate) mod lucene;
#[cfg(test)]
mod tests;
