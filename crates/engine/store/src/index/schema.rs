//! How documents lie in tantivy: one fixed schema for every mapping.
//!
//! | field | what it holds |
//! |---|---|
//! | `_id` | the id of the document, as a term and stored |
//! | `_source` | the document as it was sent |
//! | `_seq`, `_version`, `_stored` | columns: number of the operation, version, when it was stored |
//! | `terms` | exact terms by path: keywords, addresses, leaves of flattened fields, and an empty term where only `exists` is to be answered |
//! | `text` | words by path, with positions |
//! | `columns` | columns by path: numbers, dates and booleans as 64-bit keys, keywords and addresses as text |
//!
//! A new field of a mapping is a new path, so the schema never changes. What a key means (a date, a
//! scaled number) is known from the mapping alone.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tantivy::schema::document::{Document, ReferenceValue, ReferenceValueLeaf, Value};
use tantivy::schema::{
    BytesOptions, FAST, Field, IndexRecordOption, JsonObjectOptions, STORED, STRING, Schema, TextFieldIndexing,
};
use tantivy::{Index, Term};

use super::tokenizer::StandardTokenizer;
use crate::mapping::document::{Indexed, Piece, Role};
use crate::mapping::index_key;

const WORDS: &str = "standard";

/// The fields of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) id: Field,
    pub(crate) source: Field,
    pub(crate) seq: Field,
    pub(crate) version: Field,
    pub(crate) stored: Field,
    pub(crate) terms: Field,
    pub(crate) text: Field,
    pub(crate) columns: Field,
}

pub(crate) const SEQ: &str = "_seq";
pub(crate) const VERSION: &str = "_version";
pub(crate) const STORED_AT: &str = "_stored";
const COLUMNS: &str = "columns";

/// The schema and its fields. Lengths of texts are not kept (one length would stand for all paths
/// together), so a score counts how rare and how frequent a word is, and nothing else.
pub(crate) fn schema() -> (Schema, Fields) {
    let indexing = |tokenizer: &str, option| {
        TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option).set_fieldnorms(false)
    };
    let mut builder = Schema::builder();
    let fields = Fields {
        id: builder.add_text_field("_id", STRING | STORED),
        source: builder.add_bytes_field("_source", BytesOptions::default().set_stored()),
        seq: builder.add_u64_field(SEQ, FAST),
        version: builder.add_u64_field(VERSION, FAST),
        stored: builder.add_i64_field(STORED_AT, FAST),
        terms: builder.add_json_field(
            "terms",
            JsonObjectOptions::default()
                .set_expand_dots_enabled()
                .set_indexing_options(indexing("raw", IndexRecordOption::Basic)),
        ),
        text: builder.add_json_field(
            "text",
            JsonObjectOptions::default()
                .set_expand_dots_enabled()
                .set_indexing_options(indexing(WORDS, IndexRecordOption::WithFreqsAndPositions)),
        ),
        columns: builder
            .add_json_field(COLUMNS, JsonObjectOptions::default().set_expand_dots_enabled().set_fast("raw")),
    };
    (builder.build(), fields)
}

/// Makes the analysers of the schema known to an index.
pub(crate) fn register_tokenizers(index: &Index) {
    index.tokenizers().register(WORDS, StandardTokenizer::default());
}

/// The name of the column of a path.
pub(crate) fn column_name(path: &str) -> String {
    format!("{COLUMNS}.{}", index_key(path))
}

/// The term of a value at a path, in `terms` or `text`.
pub(crate) fn term(field: Field, path: &str, value: &str) -> Term {
    let mut term = Term::from_field_json_path(field, &index_key(path), true);
    term.append_type_and_str(value);
    term
}

/// A document on its way into the index.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) fields: Fields,
    pub(crate) id: String,
    pub(crate) source: Vec<u8>,
    pub(crate) seq: u64,
    pub(crate) version: u64,
    pub(crate) stored: i64,
    pub(crate) indexed: Indexed,
    /// Its place in the queue before the index writer, once it stands in it.
    pub(crate) turn: Option<Turn>,
}

/// Documents that wait for the index writer. Its own queue holds ten thousand of them, whatever
/// their size; this one is shorter, and keeps the memory of a busy store small.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<usize>,
    left: Condvar,
}

/// Most documents that may wait.
const MAX_WAITING: usize = 1000;
/// A writer that takes nothing for so long has failed: the next call to it says so.
const STUCK: Duration = Duration::from_secs(60);

/// A place in the queue, given back when the document is indexed or given up.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Queue>);

impl Queue {
    /// Waits until there is a place.
    pub(crate) fn enter(self: &Arc<Self>) -> Turn {
        let mut waiting = self.waiting.lock();
        while *waiting >= MAX_WAITING {
            if self.left.wait_for(&mut waiting, STUCK).timed_out() {
                break;
            }
        }
        *waiting += 1;
        Turn(self.clone())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.waiting.lock() -= 1;
        self.0.left.notify_one();
    }
}

/// A part of such a document, as tantivy walks it.
#[derive(Debug, Clone)]
pub(crate) enum Part<'a> {
    Leaf(ReferenceValueLeaf<'a>),
    Paths(&'a Indexed, Role),
}

/// The paths of a document that have a role.
#[derive(Debug)]
pub(crate) struct Paths<'a> {
    entries: std::slice::Iter<'a, (Arc<str>, Role, Piece)>,
    texts: &'a str,
    role: Role,
}

impl<'a> Iterator for Paths<'a> {
    type Item = (&'a str, Part<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let role = self.role;
        let (path, _, piece) = self.entries.find(|(_, has, _)| has.holds(role))?;
        let leaf = match piece {
            Piece::Number(number) => ReferenceValueLeaf::I64(*number),
            Piece::Text(from, to) => ReferenceValueLeaf::Str(&self.texts[*from as usize..*to as usize]),
        };
        Some((path, Part::Leaf(leaf)))
    }
}

impl<'a> Value<'a> for Part<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = Paths<'a>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        match self {
            Part::Leaf(leaf) => ReferenceValue::Leaf(leaf.clone()),
            Part::Paths(indexed, role) => {
                ReferenceValue::Object(Paths { entries: indexed.entries.iter(), texts: &indexed.texts, role: *role })
            }
        }
    }
}

impl Document for Stored {
    type Value<'a> = Part<'a>;
    type FieldsValuesIter<'a> = std::array::IntoIter<(Field, Part<'a>), 8>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        let Fields { id, source, seq, version, stored, terms, text, columns } = self.fields;
        [
            (id, Part::Leaf(ReferenceValueLeaf::Str(&self.id))),
            (source, Part::Leaf(ReferenceValueLeaf::Bytes(&self.source))),
            (seq, Part::Leaf(ReferenceValueLeaf::U64(self.seq))),
            (version, Part::Leaf(ReferenceValueLeaf::U64(self.version))),
            (stored, Part::Leaf(ReferenceValueLeaf::I64(self.stored))),
            (terms, Part::Paths(&self.indexed, Role::TERM)),
            (text, Part::Paths(&self.indexed, Role::TEXT)),
            (columns, Part::Paths(&self.indexed, Role::COLUMN)),
        ]
        .into_iter()
    }
}
