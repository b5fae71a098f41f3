//! Putting documents in by hand, each under its `event.id`.

use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;
use resilmesh_sdk_macros::produce;

use super::client::Store;
use crate::hooks::{HookContext, HookError, Producer};

/// Opens a way in for documents, one JSON object a line.
#[allow(clippy::unused_async, reason = "hooks are asynchronous")]
#[produce(role = "consumer", mode = "push", title = "put a document into the index", runtime = crate::hooks::builtin)]
async fn open(cx: &HookContext) -> Result<Box<dyn Producer>, HookError> {
    Ok(Box::new(Documents(Store::of(cx)?)))
}

struct Documents(Store);

#[async_trait]
impl Producer for Documents {
    async fn send(&mut self, line: &str) -> Result<Option<String>, HookError> {
        let mut document: Value =
            serde_json::from_str(line).map_err(|error| HookError::new(format!("not a document: {error}")))?;
        if !document.is_object() {
            return Err(HookError::new("not a document: each line must be one JSON object"));
        }
        let id = document.pointer("/event/id").and_then(Value::as_str).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        if document.get("event").is_none_or(Value::is_object) {
            document["event"]["id"] = Value::String(id.clone());
        }
        let encoded = percent_encode(&id);
        let path = format!("{}/_create/{encoded}", self.0.index);
        match self.0.ask(Method::PUT, &path, Some(&document)).await? {
            // A document that is there already is as good as one just stored.
            (status, _) if status.is_success() || status == StatusCode::CONFLICT => Ok(Some(id)),
            (status, answer) => Err(HookError::new(format!("document `{id}` is refused with {status}: {answer}"))),
        }
    }

    async fn finish(self: Box<Self>) -> Result<(), HookError> {
        Ok(())
    }
}

/// Bytes that may not stand in a path, as `%XX`.
fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_id_is_a_path_all_the_same() {
        assert_eq!(percent_encode("a/b c-1"), "a%2Fb%20c-1");
    }
}
