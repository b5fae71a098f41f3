//! What may stand in each kind of document: one table of keys for each map. From it come the keys
//! that decoding knows, the JSON Schema that editors read, and the reference page.
//!
//! | module | what it holds |
//! |---|---|
//! | [`kinds`] | the kinds of documents: where they lie, which table describes them |
//! | `tables` | the tables |
//! | [`json`] | JSON Schemas made of them |
//! | [`settings`] | JSON Schemas of the settings that a product declares |
//! | [`editor`] | the line by which an editor finds the schema of a document |
//! | [`page`] | the reference page made of them |

pub mod editor;
pub mod json;
pub mod kinds;
pub mod page;
pub mod settings;
pub(super) mod tables;

/// What to make of keys that a table lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownKeys {
    /// A mistake: this document is ours alone.
    Refuse,
    /// Kept, with a warning: Meshroom's documents allow further keys.
    Warn,
    /// Kept; only one that looks like a slip of a known key is mentioned.
    WarnIfClose,
}

/// A map whose keys are known.
#[derive(Debug)]
pub struct Record {
    /// Its name among the definitions of a JSON Schema, and in the reference.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// What to make of other keys.
    pub unknown: UnknownKeys,
    /// Its keys, in groups that several records may share.
    pub groups: &'static [&'static [Field]],
}

/// A key of a map.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What its value is.
    pub shape: Shape,
    /// What it says, in a sentence.
    pub about: &'static str,
    /// It must be there.
    pub required: bool,
    /// What holds without it, as it is written.
    pub default: Option<&'static str>,
}

/// What a value is.
#[derive(Debug)]
pub enum Shape {
    /// A text.
    Text,
    /// True or false; false when it is missing.
    Flag,
    /// A whole number from the first to the second.
    Whole(i64, i64),
    /// A text, or a list of texts.
    Texts,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A map from names to values of one shape.
    Map(&'static Shape),
    /// A list of values of one shape.
    List(&'static Shape),
    /// A map whose keys are known.
    Record(&'static Record),
    /// A value of one of several shapes.
    Either(&'static [Shape]),
    /// Any value.
    Any,
}

impl Record {
    /// All its keys.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + Clone {
        self.groups.iter().copied().flatten()
    }

    /// The names of all its keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.fields().map(|field| field.key)
    }

    /// The key of that name.
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.key == key)
    }
}

impl Field {
    const fn new(key: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { key, shape, about, required: false, default: None }
    }

    const fn required(key: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { required: true, ..Self::new(key, shape, about) }
    }

    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }
}

impl Shape {
    /// Whether a value of this shape may be what `wanted` asks for.
    pub fn may_be(&self, wanted: fn(&Self) -> bool) -> bool {
        match self {
            Self::Either(shapes) => shapes.iter().any(|shape| shape.may_be(wanted)),
            shape => wanted(shape),
        }
    }
}
