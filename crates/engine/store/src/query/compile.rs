//! A query on the mapping of an index.

use std::sync::Arc;

use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, Occur, Query as Compiled,
};

use super::ast::{Fields, Leaf, MinimumShouldMatch, Query};
use super::{docs, leaves};
use crate::error::ApiError;
use crate::index::IndexHandle;
use crate::mapping::{Kind, Mapping};
use crate::pattern::Glob;

/// What a query is compiled for.
pub(crate) struct Target<'a> {
    pub(crate) index: &'a IndexHandle,
    pub(crate) mapping: Arc<Mapping>,
    /// Milliseconds since 1970, for `now` in dates.
    pub(crate) now: i64,
}

impl<'a> Target<'a> {
    pub(crate) fn new(index: &'a IndexHandle, now: i64) -> Self {
        Self { index, mapping: index.mapping(), now }
    }

    /// Compiles a query.
    pub(crate) fn compile(&self, query: &Query) -> Result<Box<dyn Compiled>, ApiError> {
        Ok(match query {
            Query::All => Box::new(AllQuery),
            Query::None => Box::new(EmptyQuery),
            Query::Ids(ids) => docs::any_of(ids.iter().map(|id| self.index.id_term(id)).collect()),
            Query::Boost(inner, boost) => Box::new(BoostQuery::new(self.compile(inner)?, *boost)),
            Query::Constant(inner) => constant(self.compile(inner)?, 1.0),
            Query::Best(queries) => best(self.compile_all(queries)?),
            Query::Bool { must, filter, should, must_not, minimum } => {
                self.boolean(must, filter, should, must_not, *minimum)?
            }
            Query::Leaf { fields, leaf } => self.leaf(fields, leaf)?,
        })
    }

    fn compile_all(&self, queries: &[Query]) -> Result<Vec<Box<dyn Compiled>>, ApiError> {
        queries.iter().map(|query| self.compile(query)).collect()
    }

    fn boolean(
        &self,
        must: &[Query],
        filter: &[Query],
        should: &[Query],
        must_not: &[Query],
        minimum: Option<MinimumShouldMatch>,
    ) -> Result<Box<dyn Compiled>, ApiError> {
        if must.is_empty() && filter.is_empty() && should.is_empty() && must_not.is_empty() {
            return Ok(Box::new(AllQuery));
        }
        let mut clauses: Vec<(Occur, Box<dyn Compiled>)> = Vec::new();
        let required = !must.is_empty() || !filter.is_empty();
        let minimum = match minimum {
            Some(minimum) => minimum.of(should.len()),
            None => usize::from(!required && !should.is_empty()),
        };
        if minimum > should.len() {
            return Ok(Box::new(EmptyQuery));
        }
        clauses.extend(self.compile_all(must)?.into_iter().map(|query| (Occur::Must, query)));
        clauses.extend(self.compile_all(filter)?.into_iter().map(|query| (Occur::Must, constant(query, 0.0))));
        clauses.extend(self.compile_all(should)?.into_iter().map(|query| (Occur::Should, query)));
        clauses.extend(self.compile_all(must_not)?.into_iter().map(|query| (Occur::MustNot, query)));
        if minimum == 0 && !required {
            clauses.push((Occur::Must, constant(Box::new(AllQuery), 0.0)));
        }
        Ok(Box::new(BooleanQuery::with_minimum_required_clauses(clauses, minimum)))
    }

    fn leaf(&self, fields: &Fields, leaf: &Leaf) -> Result<Box<dyn Compiled>, ApiError> {
        match fields {
            Fields::One(field) => leaves::compile(self, field, leaf),
            Fields::Many { fields, lenient } => {
                let mut queries = Vec::new();
                for (name, boost) in fields {
                    let lenient = *lenient || name.contains('*');
                    for field in self.expand(name) {
                        match leaves::compile(self, &field, leaf) {
                            Ok(query) if *boost == 1.0 => queries.push(query),
                            Ok(query) => queries.push(Box::new(BoostQuery::new(query, *boost))),
                            // The field cannot hold such a value, so it does not match there.
                            Err(_) if lenient => {}
                            Err(error) => return Err(error),
                        }
                    }
                }
                Ok(best(queries))
            }
        }
    }

    /// The fields a name stands for.
    fn expand(&self, name: &str) -> Vec<String> {
        if !name.contains('*') {
            return vec![name.to_owned()];
        }
        let glob = Glob::star_only(name);
        self.mapping
            .fields()
            .filter(|field| !matches!(field.kind, Kind::GeoPoint) && (field.indexed || field.doc_values))
            .filter(|field| glob.matches(&field.path))
            .map(|field| field.path.to_string())
            .collect()
    }
}

/// A query every match of which has the same score.
pub(crate) fn constant(query: Box<dyn Compiled>, score: f32) -> Box<dyn Compiled> {
    Box::new(ConstScoreQuery::new(query, score))
}

/// A document matches if it matches one of the queries; the best score counts.
pub(crate) fn best(mut queries: Vec<Box<dyn Compiled>>) -> Box<dyn Compiled> {
    match queries.len() {
        0 => Box::new(EmptyQuery),
        1 => queries.swap_remove(0),
        _ => Box::new(DisjunctionMaxQuery::new(queries)),
    }
}
