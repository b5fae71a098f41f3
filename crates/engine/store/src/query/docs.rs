//! Tantivy queries that look through columns, or through a range of terms. Every match has the
//! same score.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use tantivy::columnar::{Column, DynamicColumn, StrColumn};
use tantivy::index::SegmentReader;
use tantivy::query::{BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{BitSet, DocId, DocSet, Score, TERMINATED, Term};

use crate::index::schema::{column_name, term};

type Find = dyn Fn(&SegmentReader) -> tantivy::Result<Vec<DocId>> + Send + Sync;

/// A query that finds its documents by a function of the segment.
#[derive(Clone)]
pub(crate) struct DocsQuery {
    name: &'static str,
    find: Arc<Find>,
}

impl fmt::Debug for DocsQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl DocsQuery {
    fn boxed(
        name: &'static str,
        find: impl Fn(&SegmentReader) -> tantivy::Result<Vec<DocId>> + Send + Sync + 'static,
    ) -> Box<dyn Query> {
        Box::new(Self { name, find: Arc::new(find) })
    }
}

impl Query for DocsQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for DocsQuery {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut found = BitSet::with_max_value(segment.max_doc());
        for doc in (self.find)(segment)? {
            found.insert(doc);
        }
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(found), boost)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new(self.name, 1.0))
    }
}

/// The column of a path that holds 64-bit keys.
pub(crate) fn number_column(segment: &SegmentReader, path: &str) -> tantivy::Result<Option<Column<i64>>> {
    for handle in segment.fast_fields().dynamic_column_handles(&column_name(path))? {
        if let DynamicColumn::I64(column) = handle.open()? {
            return Ok(Some(column));
        }
    }
    Ok(None)
}

/// The column of a path that holds text.
pub(crate) fn text_column(segment: &SegmentReader, path: &str) -> tantivy::Result<Option<StrColumn>> {
    for handle in segment.fast_fields().dynamic_column_handles(&column_name(path))? {
        if let DynamicColumn::Str(column) = handle.open()? {
            return Ok(Some(column));
        }
    }
    Ok(None)
}

/// Documents with a number in a range.
pub(crate) fn numbers(path: &str, range: RangeInclusive<i64>) -> Box<dyn Query> {
    let path = path.to_owned();
    DocsQuery::boxed("numbers", move |segment| {
        let mut docs = Vec::new();
        if let Some(column) = number_column(segment, &path)?
            && *range.start() <= column.max_value()
            && *range.end() >= column.min_value()
        {
            column.get_docids_for_value_range(range.clone(), 0..segment.max_doc(), &mut docs);
        }
        Ok(docs)
    })
}

/// An end of a range of texts: the text, and whether it belongs to the range.
pub(crate) type TextEnd = Option<(String, bool)>;

/// Documents with a text in a range, by the column.
pub(crate) fn texts(path: &str, lower: TextEnd, upper: TextEnd) -> Box<dyn Query> {
    let path = path.to_owned();
    DocsQuery::boxed("texts", move |segment| {
        let mut docs = Vec::new();
        let Some(column) = text_column(segment, &path)? else { return Ok(docs) };
        let first = match &lower {
            None => 0,
            Some((text, inclusive)) => first_at_or_after(&column, text, !inclusive)?,
        };
        let end = match &upper {
            None => column.num_terms() as u64,
            Some((text, inclusive)) => first_at_or_after(&column, text, *inclusive)?,
        };
        if first < end {
            column.ords().get_docids_for_value_range(first..=end - 1, 0..segment.max_doc(), &mut docs);
        }
        Ok(docs)
    })
}

/// The number of the first text of a column that is not before `text`; or that is after it.
pub(crate) fn first_at_or_after(column: &StrColumn, text: &str, after: bool) -> std::io::Result<u64> {
    let (mut low, mut high) = (0, column.num_terms() as u64);
    let mut bytes = Vec::new();
    while low < high {
        let middle = low + (high - low) / 2;
        bytes.clear();
        column.ord_to_bytes(middle, &mut bytes)?;
        let before = if after { bytes.as_slice() <= text.as_bytes() } else { bytes.as_slice() < text.as_bytes() };
        if before { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// Documents that have a value in the column.
pub(crate) fn present(path: &str) -> Box<dyn Query> {
    let path = path.to_owned();
    DocsQuery::boxed("present", move |segment| {
        let mut docs = Vec::new();
        for handle in segment.fast_fields().dynamic_column_handles(&column_name(&path))? {
            let column = handle.open()?;
            let index = column.column_index();
            docs.extend((0..segment.max_doc()).filter(|doc| index.has_value(*doc)));
        }
        Ok(docs)
    })
}

/// Documents with one of the terms.
pub(crate) fn any_of(terms: Vec<Term>) -> Box<dyn Query> {
    DocsQuery::boxed("any_of", move |segment| {
        let mut docs = Vec::new();
        for term in &terms {
            let index = segment.inverted_index(term.field())?;
            if let Some(mut postings) = index.read_postings(term, IndexRecordOption::Basic)? {
                collect(&mut postings, &mut docs);
            }
        }
        Ok(docs)
    })
}

fn collect(postings: &mut impl DocSet, docs: &mut Vec<DocId>) {
    while postings.doc() != TERMINATED {
        docs.push(postings.doc());
        postings.advance();
    }
}

/// Documents with a term at a path that begins with `prefix` and that `matches` accepts.
pub(crate) fn terms_matching(
    field: Field,
    path: &str,
    prefix: &str,
    matches: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> Box<dyn Query> {
    let path_bytes = term(field, path, "").serialized_value_bytes().to_vec();
    let start = term(field, path, prefix).serialized_value_bytes().to_vec();
    DocsQuery::boxed("terms_matching", move |segment| {
        let mut docs = Vec::new();
        let index = segment.inverted_index(field)?;
        let mut stream = index.terms().range().ge(&start).into_stream()?;
        while stream.advance() {
            let key = stream.key();
            if !key.starts_with(&start) {
                break;
            }
            let Ok(text) = std::str::from_utf8(&key[path_bytes.len()..]) else { continue };
            if matches(text) {
                let mut postings = index.read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?;
                collect(&mut postings, &mut docs);
            }
        }
        Ok(docs)
    })
}
