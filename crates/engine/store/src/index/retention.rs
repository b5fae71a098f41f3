//! What is let go: documents stored too long ago, and the oldest ones when there are too many.
//!
//! Age counts from when a document was stored, not from its `@timestamp`: an old log that is read
//! in today is kept as long as a new one, and nothing vanishes before it was ever looked at. The
//! order is the order of storing, so whole segments become empty and are removed; a segment that
//! is partly deleted is rewritten.

use std::ops::Bound;

use tantivy::Term;
use tantivy::collector::Count;
use tantivy::query::{Query, RangeQuery};

use super::commit::Pending;
use super::handle::{IndexHandle, MAX_DELETED_SHARE};
use super::store::Store;
use crate::error::ApiError;

/// What is let go at once beyond what is necessary, so that it does not happen at every check.
const SLACK: f64 = 0.05;

impl Store {
    /// Lets go what is too old or too much. `now` is in milliseconds since 1970.
    pub(crate) fn retain(&self, now: i64) -> Result<(), ApiError> {
        if let Some(max_age) = self.options.max_age {
            self.forget_before(now - max_age)?;
        }
        if let Some(max_size) = self.options.max_size
            && let Some(cutoff) = self.cutoff_for(max_size)?
        {
            self.forget_before(cutoff)?;
        }
        Ok(())
    }

    /// The bytes of the documents that are alive.
    fn live_bytes(index: &IndexHandle) -> f64 {
        let searcher = index.searcher();
        let (alive, all) = searcher.segment_readers().iter().fold((0u64, 0u64), |(alive, all), segment| {
            (alive + u64::from(segment.num_docs()), all + u64::from(segment.max_doc()))
        });
        if all == 0 { 0.0 } else { index.bytes() as f64 * alive as f64 / all as f64 }
    }

    /// Up to when documents must be let go for the rest to fit; none if they fit.
    fn cutoff_for(&self, max_size: u64) -> Result<Option<i64>, ApiError> {
        let indices = self.all();
        let total: f64 = indices.iter().map(|index| Self::live_bytes(index)).sum();
        if total <= max_size as f64 {
            return Ok(None);
        }
        let docs: u64 = indices.iter().map(|index| index.searcher().num_docs()).sum();
        let excess = (docs as f64 * (1.0 - max_size as f64 * (1.0 - SLACK) / total)).ceil() as usize;
        // The smallest moment before which enough documents were stored.
        let newest = indices.iter().map(|index| index.newest()).collect::<Result<Vec<_>, _>>()?;
        let (mut low, mut high) = (0i64, newest.into_iter().max().unwrap_or_default() + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let before: Result<usize, ApiError> = indices.iter().map(|index| count_before(index, middle)).sum();
            if before? >= excess { high = middle } else { low = middle + 1 }
        }
        Ok(Some(low))
    }

    fn forget_before(&self, cutoff: i64) -> Result<(), ApiError> {
        for index in self.all() {
            if count_before(&index, cutoff)? == 0 {
                continue;
            }
            let mut writing = self.writing.lock();
            self.commit_locked(&mut writing)?;
            // Counted again: the commit may have added to them.
            let dropped = count_before(&index, cutoff)?;
            let seq = index.committed_seq();
            let pending = writing.pending.entry(index.uuid).or_insert_with(|| Pending::new(index.clone()));
            let writer = pending.writer()?;
            writer.delete_query(before(&index, cutoff))?;
            index.commit(writer, seq)?;
            for segment in index.searcher().segment_readers() {
                let deleted = segment.num_deleted_docs() as f32 / segment.max_doc().max(1) as f32;
                if deleted > MAX_DELETED_SHARE {
                    // Runs in the background; tantivy logs what goes wrong, and merges again later.
                    drop(writer.merge(&[segment.segment_id()]));
                }
            }
            self.meters.stored.dropped("retention", dropped as u64);
            tracing::info!(index = index.name, documents = dropped, "let go what retention does not keep");
        }
        Ok(())
    }
}

fn before(index: &IndexHandle, cutoff: i64) -> Box<dyn Query> {
    let end = Bound::Excluded(Term::from_field_i64(index.fields.stored, cutoff));
    let start = Bound::Included(Term::from_field_i64(index.fields.stored, i64::MIN));
    Box::new(RangeQuery::new(start, end))
}

fn count_before(index: &IndexHandle, cutoff: i64) -> Result<usize, ApiError> {
    Ok(index.searcher().search(&before(index, cutoff), &Count)?)
}
