//! Queries: read from the query language of Elasticsearch or from Lucene syntax, then compiled for
//! the mapping of an index.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ast`] | what a query says, before an index is known |
//! | [`dsl`] | the JSON query language |
//! | [`lucene`] | the syntax of `q=` and `query_string` |
//! | [`compile`] | a query on the mapping of an index, as a tantivy query |
//! | [`leaves`] | queries on one field |
//! | [`docs`] | tantivy queries over columns and ranges of terms |

pub(crate) mod ast;
pub(crate) mod compile;
pub(crate) mod docs;
pub(crate) mod dsl;
pub(crate) mod leaves;
pub(crate) mod lucene;
#[cfg(test)]
mod tests;

/// Whether a query can be understood: in the JSON query language if it is JSON, else as `q=` has it. What
/// it finds depends on an index; this does not.
///
/// # Errors
/// Why it cannot.
pub fn check_query(text: &str) -> Result<(), String> {
    let parsed = match serde_json::from_str(text) {
        Ok(query @ serde_json::Value::Object(_)) => dsl::parse(&query),
        _ => {
            let default_fields = ast::Fields::named("*", false);
            lucene::parse(text, &lucene::Options { default_fields, operator: ast::Operator::Or, lenient: false })
        }
    };
    parsed.map(drop).map_err(|error| error.reason)
}
