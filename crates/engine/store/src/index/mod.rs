//! Indices on disk: how documents are written, found again and let go.
//!
//! | module | what it holds |
//! |---|---|
//! | [`store`] | all indices of a data folder, with their lifecycle |
//! | [`write`] | operations: conditions, ids, write-ahead log, tantivy |
//! | [`commit`] | when operations become searchable, and what happens when the disk is full |
//! | [`retention`] | what is let go, by age and by size |
//! | [`handle`] | one index |
//! | [`template`] | what new indices begin with |
//! | [`schema`], [`tokenizer`] | how documents lie in tantivy |

pub(crate) mod commit;
pub(crate) mod handle;
pub(crate) mod retention;
pub(crate) mod schema;
pub(crate) mod store;
pub(crate) mod template;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod tokenizer;
pub(crate) mod write;

pub(crate) use handle::IndexHandle;
pub(crate) use store::Store;
