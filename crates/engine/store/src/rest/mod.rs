//! The Elasticsearch REST API.
//!
//! | module | what it holds |
//! |---|---|
//! | [`server`] | HTTP: bodies, headers, errors |
//! | [`routes`] | which URL is answered by what |
//! | [`params`] | parameters |
//! | [`bulk`], [`documents`], [`search`], [`indices`], [`cat`], [`cluster`] | the answers |

pub(crate) mod bulk;
pub(crate) mod cat;
pub(crate) mod cluster;
pub(crate) mod documents;
pub(crate) mod indices;
pub(crate) mod params;
pub(crate) mod routes;
pub(crate) mod search;
pub(crate) mod server;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use self::params::Params;
use crate::error::ApiError;
use crate::index::Store;
use crate::search::scroll::Scrolls;

/// What requests are answered from.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) store: Arc<Store>,
    pub(crate) scrolls: Scrolls,
    pub(crate) cluster_name: String,
    pub(crate) node_name: String,
}

/// A request, read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The URL without parameters, as it was sent.
    pub(crate) path: String,
    pub(crate) params: Params,
    pub(crate) body: Bytes,
}

impl Request {
    /// The body as JSON; null if there is none.
    pub(crate) fn json(&self) -> Result<Value, ApiError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::parsing(format!("request body is not JSON: {error}")))
    }

    /// Refuses parameters nobody took.
    pub(crate) fn done(&self) -> Result<(), ApiError> {
        self.params.done(&self.path)
    }
}

/// An answer, to be sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Json(String),
    Text(String),
    Empty,
}

impl Answer {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: Body::Json(body.into()) }
    }

    pub(crate) fn ok(body: &Value) -> Self {
        Self::json(200, body.to_string())
    }

    pub(crate) fn acknowledged() -> Self {
        Self::json(200, r#"{"acknowledged":true}"#)
    }

    /// The answer to `HEAD`: whether something is there.
    pub(crate) fn exists(there: bool) -> Self {
        Self { status: if there { 200 } else { 404 }, body: Body::Empty }
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self::json(error.status, error.body().to_string())
    }
}
