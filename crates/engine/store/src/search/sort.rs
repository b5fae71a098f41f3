//! Keys to sort by.

use serde_json::Value;
use tantivy::columnar::{Column, StrColumn};
use tantivy::index::SegmentReader;
use tantivy::{DocId, Score};

use crate::error::ApiError;
use crate::index::IndexHandle;
use crate::index::schema::SEQ;
use crate::json::{Json, quoted};
use crate::mapping::document::parse_date;
use crate::mapping::number::Number;
use crate::mapping::{Field, Kind, Mapping, ip};
use crate::query::docs::{first_at_or_after, number_column, text_column};

/// What one key is taken from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum By {
    Score,
    /// The order in which documents were stored.
    Stored,
    Field {
        name: String,
        missing_first: bool,
        unmapped: bool,
    },
}

/// One key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortKey {
    pub(crate) by: By,
    pub(crate) descending: bool,
}

/// The value of a key for a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum KeyValue {
    Missing,
    Number(i64),
    Text(String),
    Score(Score),
    Seq(u64),
}

/// The same within one segment: comparable with other keys of that segment, smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentKey {
    rank: u8,
    value: u64,
}

impl SortKey {
    /// Reads `sort` of a request.
    pub(crate) fn parse_all(sort: &Value) -> Result<Vec<Self>, ApiError> {
        match sort {
            Value::Array(keys) => keys.iter().try_fold(Vec::new(), |mut all, key| {
                all.extend(Self::parse_all(key)?);
                Ok(all)
            }),
            Value::String(name) => Ok(vec![Self::new(name, None)?]),
            Value::Object(keys) => keys.iter().map(|(name, options)| Self::new(name, Some(options))).collect(),
            other => Err(ApiError::parsing(format!("[sort] cannot be [{other}]"))),
        }
    }

    /// Reads `sort=a:desc,b` of a URL.
    pub(crate) fn parse_short(sort: &str) -> Result<Vec<Self>, ApiError> {
        sort.split(',')
            .map(|key| match key.rsplit_once(':') {
                Some((name, order)) => Self::new(name, Some(&Value::String(order.to_owned()))),
                None => Self::new(key, None),
            })
            .collect()
    }

    fn new(name: &str, options: Option<&Value>) -> Result<Self, ApiError> {
        let by_default = name == "_score";
        let mut key = Self {
            by: match name {
                "_score" => By::Score,
                "_doc" | "_shard_doc" => By::Stored,
                _ if name.starts_with('_') => return Err(ApiError::unsupported(format_args!("sorting by [{name}]"))),
                _ => By::Field { name: name.to_owned(), missing_first: false, unmapped: false },
            },
            descending: by_default,
        };
        let order = |order: &Value| match order.as_str() {
            Some("asc") => Ok(false),
            Some("desc") => Ok(true),
            _ => Err(ApiError::illegal(format!("sort order of [{name}] must be [asc] or [desc], got [{order}]"))),
        };
        match options {
            None => {}
            Some(text @ Value::String(_)) => key.descending = order(text)?,
            Some(Value::Object(options)) => {
                if let Some(value) = options.get("order") {
                    key.descending = order(value)?;
                }
                for (option, value) in options {
                    match (option.as_str(), &mut key.by) {
                        ("order", _) => {}
                        ("missing", By::Field { missing_first, .. }) if value == "_first" || value == "_last" => {
                            *missing_first = value == "_first";
                        }
                        ("unmapped_type", By::Field { unmapped, .. }) => *unmapped = true,
                        ("mode", _) if value.as_str() == Some(if key.descending { "max" } else { "min" }) => {}
                        ("numeric_type", _) => return Err(ApiError::unsupported("[numeric_type] in a sort")),
                        ("format", _) if value == "epoch_millis" => {}
                        _ => {
                            return Err(ApiError::unsupported(format_args!(
                                "[{option}] with value [{value}] in the sort by [{name}]"
                            )));
                        }
                    }
                }
            }
            Some(other) => return Err(ApiError::parsing(format!("sort by [{name}] cannot be [{other}]"))),
        }
        Ok(key)
    }

    fn rank_of_missing(&self) -> u8 {
        match self.by {
            By::Field { missing_first: true, .. } => 0,
            _ => 2,
        }
    }

    fn directed(&self, value: u64) -> SegmentKey {
        SegmentKey { rank: 1, value: if self.descending { !value } else { value } }
    }

    fn missing(&self) -> SegmentKey {
        SegmentKey { rank: self.rank_of_missing(), value: 0 }
    }

    /// Compares the values of two documents, whatever segment they are in.
    pub(crate) fn compare(&self, a: &KeyValue, b: &KeyValue) -> std::cmp::Ordering {
        use KeyValue::{Missing, Number, Score, Seq, Text};
        let rank = |value: &KeyValue| if *value == Missing { self.rank_of_missing() } else { 1 };
        let order = match (a, b) {
            (Number(a), Number(b)) => a.cmp(b),
            (Text(a), Text(b)) => a.cmp(b),
            (Score(a), Score(b)) => a.total_cmp(b),
            (Seq(a), Seq(b)) => a.cmp(b),
            _ => return rank(a).cmp(&rank(b)),
        };
        if self.descending { order.reverse() } else { order }
    }

    /// The field of this key in an index; none if it is not taken from a field, or the field is
    /// not mapped and may be so.
    pub(crate) fn field<'m>(&self, mapping: &'m Mapping) -> Result<Option<&'m Field>, ApiError> {
        let By::Field { name, unmapped, .. } = &self.by else { return Ok(None) };
        let Some(field) = mapping.field(name) else {
            if *unmapped {
                return Ok(None);
            }
            return Err(ApiError::query(format!("No mapping found for [{name}] in order to sort on")));
        };
        if !field.kind.has_column() || !field.doc_values {
            return Err(ApiError::illegal(format!(
                "Fielddata is disabled on [{name}] of type [{}]: sort by a field that has doc values, such as a keyword",
                field.kind.name()
            )));
        }
        Ok(Some(field))
    }

    /// Reads a value of `search_after`.
    pub(crate) fn after(&self, field: Option<&Field>, value: &Value) -> Result<KeyValue, ApiError> {
        let wrong =
            || ApiError::illegal(format!("[search_after] has value [{value}], which does not fit its sort key"));
        if value.is_null() {
            return Ok(KeyValue::Missing);
        }
        match self.by {
            By::Score => value.as_f64().map(|score| KeyValue::Score(score as Score)).ok_or_else(wrong),
            By::Stored => value.as_u64().map(KeyValue::Seq).ok_or_else(wrong),
            By::Field { .. } => {
                let text = value.to_string();
                let json = Json::parse(text.as_bytes()).map_err(|_| wrong())?;
                match field.map(|field| &field.kind) {
                    None => Ok(KeyValue::Missing),
                    Some(Kind::Number(kind)) => {
                        let number = Number::read(&json).ok_or_else(wrong)?;
                        kind.key(number).map(KeyValue::Number).map_err(|_| wrong())
                    }
                    Some(Kind::Boolean) => match value {
                        Value::Bool(flag) => Ok(KeyValue::Number(i64::from(*flag))),
                        _ => value.as_i64().map(KeyValue::Number).ok_or_else(wrong),
                    },
                    Some(Kind::Date(formats)) => {
                        let millis = value.as_i64().or_else(|| parse_date(&json, formats));
                        millis.map(KeyValue::Number).ok_or_else(wrong)
                    }
                    Some(Kind::Ip) => {
                        let address = value.as_str().and_then(ip::parse).ok_or_else(wrong)?;
                        Ok(KeyValue::Text(ip::key(address)))
                    }
                    Some(_) => value.as_str().map(|text| KeyValue::Text(text.to_owned())).ok_or_else(wrong),
                }
            }
        }
    }

    /// A value as an answer shows it, in JSON.
    pub(crate) fn show(field: Option<&Field>, value: &KeyValue) -> String {
        match (value, field.map(|field| &field.kind)) {
            (KeyValue::Missing, _) => "null".to_owned(),
            (KeyValue::Number(key), Some(Kind::Number(kind))) => kind.text(*key),
            (KeyValue::Number(key), Some(Kind::Boolean)) => (*key != 0).to_string(),
            (KeyValue::Number(key), _) => key.to_string(),
            (KeyValue::Text(key), Some(Kind::Ip)) => quoted(&ip::from_key(key)),
            (KeyValue::Text(text), _) => quoted(text),
            (KeyValue::Score(score), _) => score.to_string(),
            (KeyValue::Seq(seq), _) => seq.to_string(),
        }
    }
}

/// The values of a key in one segment.
pub(crate) enum KeyColumn {
    Score,
    Seq(Column<u64>),
    Numbers(Column<i64>),
    Texts(StrColumn),
    /// No document of the segment has the field.
    Empty,
}

impl KeyColumn {
    pub(crate) fn open(key: &SortKey, index: &IndexHandle, segment: &SegmentReader) -> Result<Self, ApiError> {
        let mapping = index.mapping();
        Ok(match &key.by {
            By::Score => Self::Score,
            By::Stored => Self::Seq(segment.fast_fields().u64(SEQ)?),
            By::Field { name, .. } => match key.field(&mapping)? {
                None => Self::Empty,
                Some(field) if matches!(field.kind, Kind::Keyword | Kind::Wildcard | Kind::Ip) => {
                    text_column(segment, name)?.map_or(Self::Empty, Self::Texts)
                }
                Some(_) => number_column(segment, name)?.map_or(Self::Empty, Self::Numbers),
            },
        })
    }

    /// The key of a document. Of several values the least counts, or the greatest if descending.
    pub(crate) fn key(&self, key: &SortKey, doc: DocId, score: Score) -> SegmentKey {
        fn best<T: Ord>(values: impl Iterator<Item = T>, descending: bool) -> Option<T> {
            if descending { values.max() } else { values.min() }
        }
        let value = match self {
            Self::Score => Some(score_bits(score)),
            Self::Seq(column) => column.first(doc),
            Self::Numbers(column) => best(column.values_for_doc(doc), key.descending).map(number_bits),
            Self::Texts(column) => best(column.term_ords(doc), key.descending).map(|ord| ord * 2 + 1),
            Self::Empty => None,
        };
        value.map_or_else(|| key.missing(), |value| key.directed(value))
    }

    /// Where a value lies among the keys of the segment, even if no document of it has that value.
    pub(crate) fn place(&self, key: &SortKey, value: &KeyValue) -> Result<SegmentKey, ApiError> {
        Ok(match (self, value) {
            (_, KeyValue::Missing) => key.missing(),
            (Self::Score, KeyValue::Score(score)) => key.directed(score_bits(*score)),
            (Self::Seq(_), KeyValue::Seq(seq)) => key.directed(*seq),
            (Self::Numbers(_), KeyValue::Number(number)) => key.directed(number_bits(*number)),
            (Self::Texts(column), KeyValue::Text(text)) => {
                let at = first_at_or_after(column, text, false)?;
                let behind = first_at_or_after(column, text, true)?;
                key.directed(if behind > at { at * 2 + 1 } else { at * 2 })
            }
            // Every document of the segment lacks the field.
            _ => key.directed(0),
        })
    }

    /// The value a key stands for.
    pub(crate) fn value(&self, key: &SortKey, place: SegmentKey) -> Result<KeyValue, ApiError> {
        if place.rank != 1 {
            return Ok(KeyValue::Missing);
        }
        let value = if key.descending { !place.value } else { place.value };
        Ok(match self {
            Self::Score => KeyValue::Score(score_from_bits(value)),
            Self::Seq(_) => KeyValue::Seq(value),
            Self::Numbers(_) => KeyValue::Number((value ^ (1 << 63)) as i64),
            Self::Texts(column) => {
                let mut text = String::new();
                column.ord_to_str(value / 2, &mut text)?;
                KeyValue::Text(text)
            }
            Self::Empty => KeyValue::Missing,
        })
    }
}

fn number_bits(number: i64) -> u64 {
    (number as u64) ^ (1 << 63)
}

/// Scores are not negative, so their bits have their order.
fn score_bits(score: Score) -> u64 {
    u64::from(score.max(0.0).to_bits())
}

fn score_from_bits(bits: u64) -> Score {
    Score::from_bits(bits as u32)
}
