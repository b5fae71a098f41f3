//! The best documents of each segment, merged.

use std::collections::BinaryHeap;

use tantivy::columnar::Column;
use tantivy::index::SegmentReader;
use tantivy::{DocAddress, DocId, DocSet, Score, TERMINATED};

use super::filter::SourceFilter;
use super::sort::{By, KeyColumn, KeyValue, SegmentKey, SortKey};
use super::{View, id_and_source};
use crate::error::ApiError;
use crate::index::schema::{SEQ, VERSION};
use crate::json::quoted;

/// Where a search goes on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct After {
    pub(crate) keys: Vec<KeyValue>,
    /// The operation that stored the last document shown, to tell apart those with equal keys.
    pub(crate) seq: Option<u64>,
}

/// A document that is among the best.
#[derive(Debug)]
pub(crate) struct Best {
    pub(crate) view: usize,
    pub(crate) address: DocAddress,
    pub(crate) score: Score,
    pub(crate) keys: Vec<KeyValue>,
    pub(crate) seq: u64,
}

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) total: u64,
    pub(crate) max_score: Option<Score>,
    pub(crate) best: Vec<Best>,
}

/// A candidate within one segment, worst greatest.
#[derive(Debug, PartialEq)]
struct Candidate {
    keys: Vec<SegmentKey>,
    seq: u64,
    doc: DocId,
    score: Score,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.keys.cmp(&other.keys).then(self.seq.cmp(&other.seq))
    }
}

/// Whether a search with these keys needs scores.
pub(crate) fn needs_score(sort: &[SortKey]) -> bool {
    sort.iter().any(|key| key.by == By::Score)
}

/// The `limit` best documents, best first.
pub(crate) fn search(views: &[View], sort: &[SortKey], after: Option<&After>, limit: usize) -> Result<Found, ApiError> {
    let mut found = Found::default();
    let scored = needs_score(sort);
    for (number, view) in views.iter().enumerate() {
        for (ord, segment) in view.searcher.segment_readers().iter().enumerate() {
            let columns: Vec<KeyColumn> =
                sort.iter().map(|key| KeyColumn::open(key, &view.index, segment)).collect::<Result<_, _>>()?;
            let part = SegmentSearch { view, segment, sort, columns, seq: segment.fast_fields().u64(SEQ)? };
            let best = part.run(after, limit, scored, &mut found)?;
            for candidate in best {
                found.best.push(Best {
                    view: number,
                    address: DocAddress::new(ord as u32, candidate.doc),
                    score: candidate.score,
                    keys: part.values(&candidate.keys)?,
                    seq: candidate.seq,
                });
            }
        }
    }
    found.best.sort_by(|a, b| {
        sort.iter()
            .zip(a.keys.iter().zip(&b.keys))
            .map(|(key, (a, b))| key.compare(a, b))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.seq.cmp(&b.seq))
    });
    found.best.truncate(limit);
    Ok(found)
}

struct SegmentSearch<'a> {
    view: &'a View,
    segment: &'a SegmentReader,
    sort: &'a [SortKey],
    columns: Vec<KeyColumn>,
    seq: Column<u64>,
}

impl SegmentSearch<'_> {
    fn run(
        &self,
        after: Option<&After>,
        limit: usize,
        scored: bool,
        found: &mut Found,
    ) -> Result<Vec<Candidate>, ApiError> {
        let after = match after {
            None => None,
            Some(after) => {
                let places = self.sort.iter().zip(&self.columns).zip(&after.keys);
                let places: Result<Vec<_>, _> = places.map(|((key, column), value)| column.place(key, value)).collect();
                Some((places?, after.seq))
            }
        };
        let mut heap: BinaryHeap<Candidate> = BinaryHeap::new();
        let mut keys = Vec::with_capacity(self.sort.len());
        let mut scorer = self.view.weight.scorer(self.segment, 1.0)?;
        let mut doc = scorer.doc();
        while doc != TERMINATED {
            if !self.segment.is_deleted(doc) {
                found.total += 1;
                let score = if scored { scorer.score() } else { 0.0 };
                if scored {
                    found.max_score = Some(found.max_score.map_or(score, |max| max.max(score)));
                }
                keys.clear();
                keys.extend(self.sort.iter().zip(&self.columns).map(|(key, column)| column.key(key, doc, score)));
                let seq = self.seq.first(doc).unwrap_or_default();
                let comes_after = after.as_ref().is_none_or(|(places, last)| match (keys.cmp(places), last) {
                    (std::cmp::Ordering::Equal, Some(last)) => seq > *last,
                    (order, _) => order.is_gt(),
                });
                let full = heap.len() >= limit;
                let better = heap.peek().is_none_or(|worst| keys.cmp(&worst.keys).then(seq.cmp(&worst.seq)).is_lt());
                if comes_after && limit > 0 && (!full || better) {
                    heap.push(Candidate { keys: keys.clone(), seq, doc, score });
                    if full {
                        heap.pop();
                    }
                }
            }
            doc = scorer.advance();
        }
        Ok(heap.into_vec())
    }

    fn values(&self, keys: &[SegmentKey]) -> Result<Vec<KeyValue>, ApiError> {
        self.sort.iter().zip(&self.columns).zip(keys).map(|((key, column), place)| column.value(key, *place)).collect()
    }
}

/// What an answer shows of each document.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Show {
    pub(crate) source: SourceFilter,
    pub(crate) version: bool,
    pub(crate) seq_no: bool,
    pub(crate) sort: bool,
    pub(crate) score: bool,
}

/// A document as an answer shows it, in JSON.
pub(crate) fn show(views: &[View], sort: &[SortKey], best: &Best, show: &Show) -> Result<String, ApiError> {
    let view = &views[best.view];
    let (id, source) = id_and_source(&view.searcher, &view.index, best.address)?;
    let mut hit = format!(r#"{{"_index":{},"_id":{}"#, quoted(&view.index.name), quoted(&id));
    if show.version {
        let segment = view.searcher.segment_reader(best.address.segment_ord);
        let version = segment.fast_fields().u64(VERSION)?.first(best.address.doc_id).unwrap_or_default();
        hit.push_str(&format!(r#","_version":{version}"#));
    }
    if show.seq_no {
        hit.push_str(&format!(r#","_seq_no":{},"_primary_term":1"#, best.seq));
    }
    if show.score {
        hit.push_str(&format!(r#","_score":{}"#, best.score));
    } else {
        hit.push_str(r#","_score":null"#);
    }
    if let Some(source) = show.source.apply(source)? {
        hit.push_str(r#","_source":"#);
        hit.push_str(&source);
    }
    if show.sort {
        let mapping = view.index.mapping();
        let mut values = Vec::with_capacity(sort.len());
        for (key, value) in sort.iter().zip(&best.keys) {
            values.push(SortKey::show(key.field(&mapping)?, value));
        }
        hit.push_str(&format!(r#","sort":[{}]"#, values.join(",")));
    }
    hit.push('}');
    Ok(hit)
}
