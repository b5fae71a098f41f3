//! What an answer says when a request cannot be done, in the shape Elasticsearch gives it.

use serde_json::{Value, json};

/// A request, or one operation of a bulk request, that was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{kind}: {reason}")]
pub(crate) struct ApiError {
    /// HTTP status.
    pub(crate) status: u16,
    /// Elasticsearch's name of the error.
    pub(crate) kind: &'static str,
    /// For people.
    pub(crate) reason: String,
    /// The index it is about.
    pub(crate) index: Option<String>,
    /// What led to it: kind and reason.
    pub(crate) caused_by: Option<(&'static str, String)>,
}

impl ApiError {
    pub(crate) fn new(status: u16, kind: &'static str, reason: impl Into<String>) -> Self {
        Self { status, kind, reason: reason.into(), index: None, caused_by: None }
    }

    /// A parameter, key or value that makes no sense.
    pub(crate) fn illegal(reason: impl Into<String>) -> Self {
        Self::new(400, "illegal_argument_exception", reason)
    }

    /// A body that does not have the expected form.
    pub(crate) fn parsing(reason: impl Into<String>) -> Self {
        Self::new(400, "parsing_exception", reason)
    }

    /// Something Elasticsearch has and this store has not.
    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::illegal(format!("{what} is not supported by resilmesh engine store; use Elasticsearch for it"))
    }

    /// A query that cannot be run on the mapping of an index.
    pub(crate) fn query(reason: impl Into<String>) -> Self {
        Self::new(400, "query_shard_exception", reason)
    }

    pub(crate) fn no_such_index(index: &str) -> Self {
        Self::new(404, "index_not_found_exception", format!("no such index [{index}]")).of_index(index)
    }

    /// The store cannot write now; trying again later is right.
    pub(crate) fn busy(reason: impl Into<String>) -> Self {
        Self::new(429, "es_rejected_execution_exception", reason)
    }

    pub(crate) fn internal(reason: impl std::fmt::Display) -> Self {
        Self::new(500, "exception", reason.to_string())
    }

    pub(crate) fn of_index(mut self, index: &str) -> Self {
        self.index = Some(index.to_owned());
        self
    }

    pub(crate) fn because(mut self, kind: &'static str, reason: impl Into<String>) -> Self {
        self.caused_by = Some((kind, reason.into()));
        self
    }

    /// The error alone, as it stands in an item of a bulk answer.
    pub(crate) fn cause(&self) -> Value {
        let mut cause = json!({"type": self.kind, "reason": self.reason});
        if let Some(index) = &self.index {
            cause["index"] = json!(index);
        }
        if let Some((kind, reason)) = &self.caused_by {
            cause["caused_by"] = json!({"type": kind, "reason": reason});
        }
        cause
    }

    /// The whole body of an answer.
    pub(crate) fn body(&self) -> Value {
        let mut error = self.cause();
        let cause = error.get("caused_by").unwrap_or(&error).clone();
        error["root_cause"] = json!([cause]);
        json!({"error": error, "status": self.status})
    }
}

impl From<tantivy::TantivyError> for ApiError {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::internal(error)
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::internal(error)
    }
}
