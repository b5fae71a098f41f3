//! Searches that go on over several requests, each over the documents as they were at the first.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tantivy::{DocAddress, DocSet, TERMINATED};

use super::View;
use super::collect::{After, Best, search};
use super::request::SearchRequest;
use super::sort::{By, KeyValue};
use crate::error::ApiError;
use crate::index::schema::SEQ;

/// Most scrolls that may be open, as `search.max_open_scroll_context` has by default.
const MAX_OPEN: usize = 500;
/// Longest time a scroll may be kept.
const MAX_KEEP: Duration = Duration::from_secs(24 * 3600);

/// The scrolls that are open, by id.
#[derive(Default)]
pub(crate) struct Scrolls(Mutex<HashMap<String, Scroll>>);

/// One of them.
pub(crate) struct Scroll {
    pub(crate) request: SearchRequest,
    pub(crate) views: Vec<View>,
    pub(crate) total: u64,
    at: Position,
    keep: Duration,
    used: Instant,
}

/// What was shown already.
enum Position {
    /// In the order of the segments, which needs no sorting: the next document to look at.
    Walk {
        view: usize,
        segment: usize,
        doc: u32,
    },
    Sorted(Option<After>),
}

impl Scroll {
    pub(crate) fn new(request: SearchRequest, views: Vec<View>, keep: Duration) -> Result<Self, ApiError> {
        if request.from > 0 {
            return Err(ApiError::illegal("using [from] is not allowed in a scroll context"));
        }
        if request.search_after.is_some() {
            return Err(ApiError::illegal("[search_after] cannot be used in a scroll context"));
        }
        if request.size == 0 {
            return Err(ApiError::illegal("[size] cannot be [0] in a scroll context"));
        }
        if keep > MAX_KEEP {
            return Err(ApiError::illegal("Keep alive for request is too large. It must be less than [1d]."));
        }
        let walks = matches!(request.sort.as_slice(), [key] if key.by == By::Stored && !key.descending);
        let mut scroll = Self {
            at: if walks { Position::Walk { view: 0, segment: 0, doc: 0 } } else { Position::Sorted(None) },
            request,
            views,
            total: 0,
            keep,
            used: Instant::now(),
        };
        for view in &scroll.views {
            for segment in view.searcher.segment_readers() {
                scroll.total += u64::from(view.weight.count(segment)?);
            }
        }
        Ok(scroll)
    }

    /// The next documents.
    pub(crate) fn next(&mut self) -> Result<Vec<Best>, ApiError> {
        let limit = self.request.size as usize;
        match &mut self.at {
            Position::Walk { view, segment, doc } => walk(&self.views, view, segment, doc, limit),
            Position::Sorted(after) => {
                let found = search(&self.views, &self.request.sort, after.as_ref(), limit)?;
                if let Some(last) = found.best.last() {
                    *after = Some(After { keys: last.keys.clone(), seq: Some(last.seq) });
                }
                Ok(found.best)
            }
        }
    }
}

fn walk(
    views: &[View],
    view_at: &mut usize,
    segment_at: &mut usize,
    doc_at: &mut u32,
    limit: usize,
) -> Result<Vec<Best>, ApiError> {
    let mut best = Vec::new();
    while let Some(view) = views.get(*view_at) {
        let Some(segment) = view.searcher.segment_readers().get(*segment_at) else {
            (*view_at, *segment_at, *doc_at) = (*view_at + 1, 0, 0);
            continue;
        };
        let seq = segment.fast_fields().u64(SEQ)?;
        let mut scorer = view.weight.scorer(segment, 1.0)?;
        let mut doc = scorer.doc();
        if doc < *doc_at {
            doc = scorer.seek(*doc_at);
        }
        while doc != TERMINATED {
            if best.len() == limit {
                *doc_at = doc;
                return Ok(best);
            }
            if !segment.is_deleted(doc) {
                let seq = seq.first(doc).unwrap_or_default();
                let address = DocAddress::new(*segment_at as u32, doc);
                best.push(Best { view: *view_at, address, score: 0.0, keys: vec![KeyValue::Seq(seq)], seq });
            }
            doc = scorer.advance();
        }
        (*segment_at, *doc_at) = (*segment_at + 1, 0);
    }
    Ok(best)
}

impl std::fmt::Debug for Scrolls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} scrolls", self.0.lock().len())
    }
}

impl Scrolls {
    /// Keeps a scroll; returns its id.
    pub(crate) fn keep(&self, scroll: Scroll) -> Result<String, ApiError> {
        let mut open = self.0.lock();
        open.retain(|_, scroll| scroll.used.elapsed() < scroll.keep);
        if open.len() >= MAX_OPEN {
            return Err(ApiError::new(
                429,
                "too_many_scroll_contexts_exception",
                format!("Trying to create too many scroll contexts. Must be less than or equal to: [{MAX_OPEN}]."),
            ));
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        open.insert(id.clone(), scroll);
        Ok(id)
    }

    /// Takes a scroll out, to go on with it; give it back with [`Scrolls::put_back`].
    pub(crate) fn take(&self, id: &str) -> Result<Scroll, ApiError> {
        let scroll = self.0.lock().remove(id).filter(|scroll| scroll.used.elapsed() < scroll.keep);
        scroll.ok_or_else(|| {
            ApiError::new(404, "search_context_missing_exception", format!("No search context found for id [{id}]"))
        })
    }

    pub(crate) fn put_back(&self, id: &str, mut scroll: Scroll, keep: Option<Duration>) {
        scroll.used = Instant::now();
        scroll.keep = keep.unwrap_or(scroll.keep);
        self.0.lock().insert(id.to_owned(), scroll);
    }

    /// Closes scrolls; returns how many of them were open.
    pub(crate) fn close(&self, ids: &[String]) -> usize {
        let mut open = self.0.lock();
        if ids.iter().any(|id| id == "_all") {
            let count = open.len();
            open.clear();
            return count;
        }
        ids.iter().filter(|id| open.remove(*id).is_some()).count()
    }

    /// Closes those that nobody asked for in time.
    pub(crate) fn expire(&self) {
        self.0.lock().retain(|_, scroll| scroll.used.elapsed() < scroll.keep);
    }
}
