//! The REST API of the store of a call.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::hooks::{HookContext, HookError};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store and the index that events go into.
#[derive(Debug, Clone)]
pub(super) struct Store {
    http: Client,
    base: String,
    instance: String,
    /// The index.
    pub(super) index: String,
}

impl Store {
    /// The store of the call.
    pub(super) fn of(cx: &HookContext) -> Result<Self, HookError> {
        // Another part of the program may have chosen a provider already: then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().timeout(PATIENCE).no_proxy().build();
        let http = http.map_err(|error| HookError::new(format!("no HTTP client is to be had: {error}")))?;
        let index = cx.text("index").ok_or_else(|| HookError::new("setting `index` is no text"))?.to_owned();
        Ok(Self { http, base: format!("http://{}", cx.endpoint("http")?), instance: cx.call.own.name.clone(), index })
    }

    /// Asks; the status and the answer, which is null when there is none.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), HookError> {
        let mut request = self.http.request(method.clone(), format!("{}/{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let broken = |error: reqwest::Error| {
            if error.is_connect() {
                return HookError::new(format!("`{}` does not answer: nobody listens at {}", self.instance, self.base))
                    .hint("`resilmesh status` tells whether it is up, `resilmesh up` starts it");
            }
            HookError::new(format!("`{}` does not answer {method} /{path}: {error}", self.instance))
                .hint("`resilmesh status` tells whether it is up")
        };
        let answer = request.send().await.map_err(broken)?;
        let status = answer.status();
        let text = answer.text().await.map_err(broken)?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Asks for what must succeed.
    pub(super) async fn must(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, HookError> {
        let (status, answer) = self.ask(method.clone(), path, body).await?;
        if status.is_success() {
            return Ok(answer);
        }
        // That all shards failed says nothing: the cause does.
        let reason = ["/error/root_cause/0/reason", "/error/reason"]
            .iter()
            .find_map(|place| answer.pointer(place).and_then(Value::as_str))
            .map_or_else(|| answer.to_string(), str::to_owned);
        Err(HookError::new(format!("`{}` answers {method} /{path} with {status}: {reason}", self.instance)))
    }

    /// Asks for what may not be there.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Value>, HookError> {
        match self.ask(Method::GET, path, None).await? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, answer) if status.is_success() => Ok(Some(answer)),
            (status, answer) => {
                Err(HookError::new(format!("`{}` answers GET /{path} with {status}: {answer}", self.instance)))
            }
        }
    }
}
