//! Queries on the values of one field, by the type of the field.

use std::ops::RangeInclusive;

use serde_json::Value;
use tantivy::query::{AllQuery, BooleanQuery, EmptyQuery, Occur, PhraseQuery, Query as Compiled, TermQuery};
use tantivy::schema::IndexRecordOption;

use super::ast::{Bound, Leaf, MinimumShouldMatch, Operator};
use super::compile::{Target, best, constant};
use super::docs::{self, TextEnd};
use crate::error::ApiError;
use crate::index::schema::term;
use crate::index::tokenizer::words;
use crate::mapping::date::{self, DateFormat};
use crate::mapping::number::{End, Number, NumberKind};
use crate::mapping::{Field, Kind, ip};
use crate::pattern::Glob;

type Answer = Result<Box<dyn Compiled>, ApiError>;

/// Compiles a query on a field of the mapping, or on `_id` or `_index`.
pub(crate) fn compile(target: &Target<'_>, name: &str, leaf: &Leaf) -> Answer {
    match name {
        "_id" => return on_id(target, leaf),
        "_index" => return on_name(leaf, &target.index.name, "_index"),
        _ => {}
    }
    if let Some(field) = target.mapping.field(name) {
        return OnField { target, field }.compile(leaf);
    }
    if let Some(field) = target.mapping.flattened_parent(name) {
        return Keyed { target, field, path: name }.compile(leaf);
    }
    if *leaf == Leaf::Exists && target.mapping.is_object(name) {
        let below = format!("{name}.");
        let fields = target.mapping.fields().filter(|field| field.path.starts_with(&below));
        let queries: Result<Vec<_>, _> = fields.map(|field| OnField { target, field }.exists()).collect();
        return Ok(constant(best(queries?), 1.0));
    }
    // No document of this index has the field.
    Ok(Box::new(EmptyQuery))
}

/// A value as text, as keyword fields see it.
fn text(value: &Value) -> Result<String, ApiError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(ApiError::parsing(format!("expected text, a number or a boolean in a query, got [{value}]"))),
    }
}

fn on_id(target: &Target<'_>, leaf: &Leaf) -> Answer {
    let ids = match leaf {
        Leaf::Term { value, ignore_case: false } | Leaf::Match { value, .. } | Leaf::Phrase(value) => {
            vec![text(value)?]
        }
        Leaf::Terms(values) => values.iter().map(text).collect::<Result<_, _>>()?,
        Leaf::Exists => return Ok(Box::new(AllQuery)),
        _ => return Err(ApiError::unsupported("a query on [_id] other than term, terms, match or ids")),
    };
    Ok(docs::any_of(ids.iter().map(|id| target.index.id_term(id)).collect()))
}

/// A query on a field every document of the index has the same value of.
fn on_name(leaf: &Leaf, constant: &str, field: &str) -> Answer {
    let matches = match leaf {
        Leaf::Term { value, ignore_case: true } => text(value)?.to_lowercase() == constant.to_lowercase(),
        Leaf::Term { value, .. } | Leaf::Match { value, .. } | Leaf::Phrase(value) => text(value)? == constant,
        Leaf::Terms(values) => values.iter().any(|value| text(value).is_ok_and(|text| text == constant)),
        Leaf::Prefix { value, .. } => constant.starts_with(value.as_str()),
        Leaf::Wildcard { pattern, .. } => Glob::wildcard(pattern).matches(constant),
        Leaf::Exists => true,
        Leaf::Range { .. } => {
            return Err(ApiError::query(format!("Field [{field}] does not support this query")));
        }
    };
    Ok(if matches { Box::new(AllQuery) } else { Box::new(EmptyQuery) })
}

struct OnField<'a> {
    target: &'a Target<'a>,
    field: &'a Field,
}

impl OnField<'_> {
    fn compile(&self, leaf: &Leaf) -> Answer {
        let field = self.field;
        if let Leaf::Exists = leaf {
            return self.exists();
        }
        let searchable = field.indexed || (field.doc_values && field.kind.has_column());
        if !searchable {
            return Err(ApiError::query(format!(
                "Cannot search on field [{}] since it is not indexed nor has doc values.",
                field.path
            )));
        }
        match &field.kind {
            Kind::Keyword | Kind::Wildcard | Kind::Flattened { .. } => self.keyword(leaf),
            Kind::ConstantKeyword => match &field.constant {
                Some(constant) => on_name(leaf, constant, &field.path),
                None => Ok(Box::new(EmptyQuery)),
            },
            Kind::Text { scored } => {
                let query = self.text(leaf)?;
                Ok(if *scored { query } else { constant(query, 1.0) })
            }
            Kind::Number(kind) => self.number(*kind, leaf),
            Kind::Boolean => self.boolean(leaf),
            Kind::Date(formats) => self.date(formats, leaf),
            Kind::Ip => self.ip(leaf),
            Kind::GeoPoint => Err(ApiError::unsupported(format_args!("a query on geo_point field [{}]", field.path))),
        }
    }

    fn exists(&self) -> Answer {
        let field = self.field;
        Ok(match field.kind {
            Kind::ConstantKeyword => {
                return Ok(if field.constant.is_some() { Box::new(AllQuery) } else { Box::new(EmptyQuery) });
            }
            _ if field.doc_values && field.kind.has_column() => docs::present(&field.path),
            Kind::Text { .. } | Kind::GeoPoint => docs::any_of(vec![self.term("")]),
            _ => docs::terms_matching(self.terms(), &field.path, "", |_| true),
        })
    }

    fn terms(&self) -> tantivy::schema::Field {
        self.target.index.fields.terms
    }

    fn term(&self, value: &str) -> tantivy::Term {
        term(self.terms(), &self.field.path, value)
    }

    fn wrong(&self, what: &str) -> ApiError {
        ApiError::query(format!(
            "Field [{}] of type [{}] does not support {what}",
            self.field.path,
            self.field.kind.name()
        ))
    }

    /// Documents with exactly this text.
    fn exact(&self, value: &str) -> Box<dyn Compiled> {
        if self.field.indexed {
            Box::new(TermQuery::new(self.term(value), IndexRecordOption::Basic))
        } else {
            docs::texts(&self.field.path, Some((value.to_owned(), true)), Some((value.to_owned(), true)))
        }
    }

    fn matching(&self, glob: Glob, ignore_case: bool) -> Answer {
        if !self.field.indexed {
            return Err(self.wrong("wildcard and prefix queries, since it is not indexed"));
        }
        Ok(matching(self.terms(), &self.field.path, glob, ignore_case))
    }

    fn keyword(&self, leaf: &Leaf) -> Answer {
        Ok(match leaf {
            Leaf::Term { value, ignore_case: true } => self.matching(literal(&text(value)?), true)?,
            Leaf::Term { value, .. } | Leaf::Match { value, .. } | Leaf::Phrase(value) => self.exact(&text(value)?),
            Leaf::Terms(values) if self.field.indexed => {
                let values: Result<Vec<_>, ApiError> =
                    values.iter().map(|value| Ok(self.term(&text(value)?))).collect();
                docs::any_of(values?)
            }
            Leaf::Terms(values) => {
                let queries: Result<Vec<_>, ApiError> =
                    values.iter().map(|value| Ok(self.exact(&text(value)?))).collect();
                constant(best(queries?), 1.0)
            }
            Leaf::Prefix { value, ignore_case } => self.matching(Glob::prefix(value), *ignore_case)?,
            Leaf::Wildcard { pattern, ignore_case } => self.matching(Glob::wildcard(pattern), *ignore_case)?,
            Leaf::Range { lower, upper, .. } => {
                let (lower, upper) = (text_end(lower)?, text_end(upper)?);
                if self.field.doc_values && self.field.kind.has_column() {
                    docs::texts(&self.field.path, lower, upper)
                } else {
                    docs::terms_matching(self.terms(), &self.field.path, "", move |text| within(text, &lower, &upper))
                }
            }
            Leaf::Exists => self.exists()?,
        })
    }

    fn word(&self, word: &str) -> Box<dyn Compiled> {
        let term = term(self.target.index.fields.text, &self.field.path, word);
        Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
    }

    fn text(&self, leaf: &Leaf) -> Answer {
        let words_field = self.target.index.fields.text;
        let path = &self.field.path;
        Ok(match leaf {
            Leaf::Term { value, ignore_case: true } => matching(words_field, path, literal(&text(value)?), true),
            Leaf::Term { value, .. } => self.word(&text(value)?),
            Leaf::Terms(values) => {
                let terms: Result<Vec<_>, ApiError> =
                    values.iter().map(|value| Ok(term(words_field, path, &text(value)?))).collect();
                docs::any_of(terms?)
            }
            Leaf::Match { value, operator, minimum } => self.words(&words(&text(value)?), *operator, *minimum),
            Leaf::Phrase(value) => self.phrase(&words(&text(value)?)),
            Leaf::Prefix { value, ignore_case } => matching(words_field, path, Glob::prefix(value), *ignore_case),
            // Words are indexed in lower case, and so is the pattern, as the analyser would do it.
            Leaf::Wildcard { pattern, ignore_case } => {
                matching(words_field, path, Glob::wildcard(pattern).lowercase(), *ignore_case)
            }
            Leaf::Range { lower, upper, .. } => {
                let (lower, upper) = (text_end(lower)?, text_end(upper)?);
                docs::terms_matching(words_field, path, "", move |text| within(text, &lower, &upper))
            }
            Leaf::Exists => self.exists()?,
        })
    }

    fn words(&self, words: &[String], operator: Operator, minimum: Option<MinimumShouldMatch>) -> Box<dyn Compiled> {
        match words {
            [] => Box::new(EmptyQuery),
            [word] => self.word(word),
            words => {
                let occur = if operator == Operator::And { Occur::Must } else { Occur::Should };
                let clauses = words.iter().map(|word| (occur, self.word(word))).collect();
                let minimum = match (operator, minimum) {
                    (Operator::And, _) => 0,
                    (Operator::Or, None) => 1,
                    (Operator::Or, Some(minimum)) => minimum.of(words.len()).max(1),
                };
                if minimum > words.len() {
                    return Box::new(EmptyQuery);
                }
                Box::new(BooleanQuery::with_minimum_required_clauses(clauses, minimum))
            }
        }
    }

    fn phrase(&self, words: &[String]) -> Box<dyn Compiled> {
        match words {
            [] => Box::new(EmptyQuery),
            [word] => self.word(word),
            words => {
                let field = self.target.index.fields.text;
                Box::new(PhraseQuery::new(words.iter().map(|word| term(field, &self.field.path, word)).collect()))
            }
        }
    }

    /// The value of a query as a number; wildcards and the like are for texts only.
    fn number(&self, kind: NumberKind, leaf: &Leaf) -> Answer {
        let read = |value: &Value| {
            let json = text(value)?;
            Number::parse(&json).ok_or_else(|| {
                ApiError::query(format!("failed to create query: For input string: \"{json}\""))
                    .of_index(&self.target.index.name)
            })
        };
        let one = |value: &Value| -> Result<Option<RangeInclusive<i64>>, ApiError> {
            let number = read(value)?;
            let low = kind.range_key(number, End::Lower { inclusive: true });
            let high = kind.range_key(number, End::Upper { inclusive: true });
            Ok(low.zip(high).map(|(low, high)| low..=high))
        };
        match leaf {
            Leaf::Range { lower, upper, .. } => {
                let low = match lower {
                    None => Some(i64::MIN),
                    Some(bound) => kind.range_key(read(&bound.value)?, End::Lower { inclusive: bound.inclusive }),
                };
                let high = match upper {
                    None => Some(i64::MAX),
                    Some(bound) => kind.range_key(read(&bound.value)?, End::Upper { inclusive: bound.inclusive }),
                };
                Ok(self.keys(low.zip(high).map(|(low, high)| low..=high)))
            }
            leaf => self.exact_keys(leaf, one),
        }
    }

    fn keys(&self, range: Option<RangeInclusive<i64>>) -> Box<dyn Compiled> {
        match range.filter(|range| !range.is_empty()) {
            Some(range) => docs::numbers(&self.field.path, range),
            None => Box::new(EmptyQuery),
        }
    }

    fn exact_keys(&self, leaf: &Leaf, one: impl Fn(&Value) -> Result<Option<RangeInclusive<i64>>, ApiError>) -> Answer {
        match leaf {
            Leaf::Term { value, .. } | Leaf::Match { value, .. } | Leaf::Phrase(value) => Ok(self.keys(one(value)?)),
            Leaf::Terms(values) => {
                let queries: Result<Vec<_>, ApiError> = values.iter().map(|value| Ok(self.keys(one(value)?))).collect();
                Ok(constant(best(queries?), 1.0))
            }
            Leaf::Exists => self.exists(),
            Leaf::Wildcard { .. } | Leaf::Prefix { .. } => Err(self.wrong("wildcard and prefix queries")),
            Leaf::Range { .. } => Err(self.wrong("range queries")),
        }
    }

    fn boolean(&self, leaf: &Leaf) -> Answer {
        self.exact_keys(leaf, |value| match text(value)?.as_str() {
            "true" => Ok(Some(1..=1)),
            "false" | "" => Ok(Some(0..=0)),
            other => Err(ApiError::query(format!("Can't parse boolean value [{other}], expected [true] or [false]"))),
        })
    }

    fn date(&self, formats: &[DateFormat], leaf: &Leaf) -> Answer {
        let read = |value: &Value, formats: &[DateFormat], up: bool| {
            let text = text(value)?;
            date::parse_math(&text, formats, self.target.now, up).ok_or_else(|| {
                ApiError::query(format!("failed to parse date field [{text}] of field [{}]", self.field.path))
                    .of_index(&self.target.index.name)
            })
        };
        match leaf {
            Leaf::Range { lower, upper, format } => {
                let given = format.as_deref().map(date::parse_formats).transpose().map_err(ApiError::illegal)?;
                let formats = given.as_deref().unwrap_or(formats);
                let low = match lower {
                    None => i64::MIN,
                    Some(Bound { value, inclusive: true }) => read(value, formats, false)?,
                    Some(Bound { value, inclusive: false }) => read(value, formats, true)?.saturating_add(1),
                };
                let high = match upper {
                    None => i64::MAX,
                    Some(Bound { value, inclusive: true }) => read(value, formats, true)?,
                    Some(Bound { value, inclusive: false }) => read(value, formats, false)?.saturating_sub(1),
                };
                Ok(self.keys(Some(low..=high)))
            }
            // A date that leaves parts out stands for the whole period.
            leaf => self.exact_keys(leaf, |value| Ok(Some(read(value, formats, false)?..=read(value, formats, true)?))),
        }
    }

    fn address(&self, value: &Value) -> Result<Box<dyn Compiled>, ApiError> {
        let text = text(value)?;
        if let Some((first, last)) = ip::network(&text) {
            return self.addresses(Some((ip::key(first), true)), Some((ip::key(last), true)));
        }
        let address = ip::parse(&text).ok_or_else(|| {
            ApiError::query(format!("failed to create query: '{text}' is not an IP string literal."))
                .of_index(&self.target.index.name)
        })?;
        Ok(self.exact(&ip::key(address)))
    }

    fn addresses(&self, lower: TextEnd, upper: TextEnd) -> Answer {
        if self.field.doc_values {
            return Ok(docs::texts(&self.field.path, lower, upper));
        }
        Ok(docs::terms_matching(self.terms(), &self.field.path, "", move |text| within(text, &lower, &upper)))
    }

    fn ip(&self, leaf: &Leaf) -> Answer {
        let end = |bound: &Option<Bound>| -> Result<TextEnd, ApiError> {
            let Some(bound) = bound else { return Ok(None) };
            let text = text(&bound.value)?;
            let address = ip::parse(&text).ok_or_else(|| {
                ApiError::query(format!("failed to create query: '{text}' is not an IP string literal."))
            })?;
            Ok(Some((ip::key(address), bound.inclusive)))
        };
        match leaf {
            Leaf::Term { value, .. } | Leaf::Match { value, .. } | Leaf::Phrase(value) => self.address(value),
            Leaf::Terms(values) => {
                let queries: Result<Vec<_>, _> = values.iter().map(|value| self.address(value)).collect();
                Ok(constant(best(queries?), 1.0))
            }
            Leaf::Range { lower, upper, .. } => self.addresses(end(lower)?, end(upper)?),
            Leaf::Exists => self.exists(),
            Leaf::Wildcard { .. } | Leaf::Prefix { .. } => Err(self.wrong("wildcard and prefix queries")),
        }
    }
}

/// A key inside of a flattened field.
struct Keyed<'a> {
    target: &'a Target<'a>,
    field: &'a Field,
    path: &'a str,
}

impl Keyed<'_> {
    fn compile(&self, leaf: &Leaf) -> Answer {
        let terms = self.target.index.fields.terms;
        let term = |value: &str| term(terms, self.path, value);
        Ok(match leaf {
            Leaf::Term { value, ignore_case: true } => matching(terms, self.path, literal(&text(value)?), true),
            Leaf::Term { value, .. } | Leaf::Match { value, .. } | Leaf::Phrase(value) => {
                Box::new(TermQuery::new(term(&text(value)?), IndexRecordOption::Basic))
            }
            Leaf::Terms(values) => {
                let values: Result<Vec<_>, ApiError> = values.iter().map(|value| Ok(term(&text(value)?))).collect();
                docs::any_of(values?)
            }
            Leaf::Prefix { value, ignore_case } => matching(terms, self.path, Glob::prefix(value), *ignore_case),
            Leaf::Wildcard { .. } => {
                return Err(ApiError::query(format!(
                    "Can only use wildcard queries on keyword, text and wildcard fields - not on [{}] which is of type [flattened]",
                    self.field.path
                )));
            }
            Leaf::Range { lower, upper, .. } => {
                let (lower, upper) = (text_end(lower)?, text_end(upper)?);
                docs::terms_matching(terms, self.path, "", move |text| within(text, &lower, &upper))
            }
            Leaf::Exists => docs::terms_matching(terms, self.path, "", |_| true),
        })
    }
}

fn literal(text: &str) -> Glob {
    let escaped: String = text.chars().flat_map(|c| ['\\', c]).collect();
    Glob::wildcard(&escaped)
}

/// Documents with a term that matches the pattern.
fn matching(field: tantivy::schema::Field, path: &str, glob: Glob, ignore_case: bool) -> Box<dyn Compiled> {
    if ignore_case {
        let glob = glob.lowercase();
        return docs::terms_matching(field, path, "", move |text| glob.matches(&text.to_lowercase()));
    }
    let prefix = glob.literal_prefix();
    docs::terms_matching(field, path, &prefix, move |text| glob.matches(text))
}

fn text_end(bound: &Option<Bound>) -> Result<TextEnd, ApiError> {
    bound.as_ref().map(|bound| Ok((text(&bound.value)?, bound.inclusive))).transpose()
}

fn within(text: &str, lower: &TextEnd, upper: &TextEnd) -> bool {
    let above = lower.as_ref().is_none_or(|(end, inclusive)| text > end.as_str() || (*inclusive && text == end));
    let below = upper.as_ref().is_none_or(|(end, inclusive)| text < end.as_str() || (*inclusive && text == end));
    above && below
}
