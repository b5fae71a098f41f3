//! Searching: which documents match, in which order, and what is shown of them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`request`] | what a search asks for |
//! | [`sort`] | keys to sort by |
//! | [`collect`] | the best documents of each segment, merged |
//! | [`filter`] | parts of a document |
//! | [`scroll`] | searches that go on over several requests |

pub(crate) mod collect;
pub(crate) mod filter;
pub(crate) mod request;
pub(crate) mod scroll;
pub(crate) mod sort;

use std::sync::Arc;

use tantivy::query::{EnableScoring, Weight};
use tantivy::schema::Value as _;
use tantivy::{DocAddress, Searcher, TantivyDocument};

pub(crate) use self::collect::search;
use crate::error::ApiError;
use crate::index::IndexHandle;
use crate::query::ast::Query;
use crate::query::compile::Target;

/// One index as a search sees it, however it changes meanwhile.
pub(crate) struct View {
    pub(crate) index: Arc<IndexHandle>,
    pub(crate) searcher: Searcher,
    pub(crate) weight: Box<dyn Weight>,
}

impl View {
    /// Compiles a query for the present state of an index.
    pub(crate) fn new(index: &Arc<IndexHandle>, query: &Query, scored: bool, now: i64) -> Result<Self, ApiError> {
        let compiled = Target::new(index, now)
            .compile(query)
            .map_err(|error| ApiError { index: Some(index.name.clone()), ..error })?;
        let searcher = index.searcher();
        let scoring = if scored {
            EnableScoring::enabled_from_searcher(&searcher)
        } else {
            EnableScoring::disabled_from_searcher(&searcher)
        };
        let weight = compiled.weight(scoring)?;
        Ok(Self { index: index.clone(), searcher, weight })
    }
}

/// How many documents match.
pub(crate) fn count(indices: &[Arc<IndexHandle>], query: &Query, now: i64) -> Result<u64, ApiError> {
    let mut total = 0;
    for index in indices {
        let view = View::new(index, query, false, now)?;
        for segment in view.searcher.segment_readers() {
            total += u64::from(view.weight.count(segment)?);
        }
    }
    Ok(total)
}

/// The document as it was sent.
pub(crate) fn source(searcher: &Searcher, index: &IndexHandle, address: DocAddress) -> Result<Vec<u8>, ApiError> {
    Ok(id_and_source(searcher, index, address)?.1)
}

/// The id of a document, and the document as it was sent.
pub(crate) fn id_and_source(
    searcher: &Searcher,
    index: &IndexHandle,
    address: DocAddress,
) -> Result<(String, Vec<u8>), ApiError> {
    let document: TantivyDocument = searcher.doc(address)?;
    let id = document.get_first(index.fields.id).and_then(|value| value.as_str().map(str::to_owned));
    let source = document.get_first(index.fields.source).and_then(|value| value.as_bytes().map(<[u8]>::to_vec));
    id.zip(source).ok_or_else(|| ApiError::internal("a stored document has no id or no source"))
}
