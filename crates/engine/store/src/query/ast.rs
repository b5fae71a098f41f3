//! What a query says, before it is known to which index it goes.

use serde_json::Value;

/// How clauses or words without an operator are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Operator {
    #[default]
    Or,
    And,
}

/// A value in a query. Lucene syntax knows only text.
pub(crate) type Scalar = Value;

/// How many of the optional clauses must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MinimumShouldMatch {
    /// That many, or all but that many if negative.
    Count(i64),
    /// That share of them, rounded down; all but that share if negative.
    Percent(i64),
}

impl MinimumShouldMatch {
    /// The number for so many optional clauses.
    pub(crate) fn of(self, clauses: usize) -> usize {
        let clauses = clauses as i64;
        let wanted = match self {
            Self::Count(count) if count < 0 => clauses.saturating_add(count),
            Self::Count(count) => count,
            Self::Percent(percent) if percent < 0 => clauses + clauses.saturating_mul(percent) / 100,
            Self::Percent(percent) => clauses.saturating_mul(percent) / 100,
        };
        wanted.max(0) as usize
    }
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bound {
    pub(crate) value: Scalar,
    pub(crate) inclusive: bool,
}

/// The fields a query goes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fields {
    /// One field. A value that it cannot hold is an error.
    One(String),
    /// Several.
    Many {
        /// Names and patterns, with boosts.
        fields: Vec<(String, f32)>,
        /// A value that a named field cannot hold does not match there, as it never does where a
        /// pattern leads to the field; otherwise it is an error.
        lenient: bool,
    },
}

impl Fields {
    /// One field or all that a pattern stands for.
    pub(crate) fn named(name: &str, lenient: bool) -> Self {
        if lenient || name.contains('*') {
            Self::Many { fields: vec![(name.to_owned(), 1.0)], lenient }
        } else {
            Self::One(name.to_owned())
        }
    }
}

/// A query on the values of one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Leaf {
    Term { value: Scalar, ignore_case: bool },
    Terms(Vec<Scalar>),
    Match { value: Scalar, operator: Operator, minimum: Option<MinimumShouldMatch> },
    Phrase(Scalar),
    Range { lower: Option<Bound>, upper: Option<Bound>, format: Option<String> },
    Prefix { value: String, ignore_case: bool },
    Wildcard { pattern: String, ignore_case: bool },
    Exists,
}

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Query {
    All,
    None,
    Leaf {
        fields: Fields,
        leaf: Leaf,
    },
    Ids(Vec<String>),
    Bool {
        must: Vec<Query>,
        filter: Vec<Query>,
        should: Vec<Query>,
        must_not: Vec<Query>,
        minimum: Option<MinimumShouldMatch>,
    },
    /// The best of them counts.
    Best(Vec<Query>),
    /// Every match has the same score.
    Constant(Box<Query>),
    Boost(Box<Query>, f32),
}

impl Query {
    pub(crate) fn leaf(field: impl Into<String>, leaf: Leaf) -> Self {
        Query::Leaf { fields: Fields::One(field.into()), leaf }
    }

    pub(crate) fn boosted(self, boost: f32) -> Self {
        if boost == 1.0 { self } else { Query::Boost(Box::new(self), boost) }
    }
}
