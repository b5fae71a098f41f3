//! Publishing into a stream, as a service at the other end would.

use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use uuid::Uuid;
use resilmesh_sdk_macros::produce;

use super::connection::jetstream;
use crate::hooks::{HookContext, HookError, Producer};

/// How many messages may be on their way.
const WINDOW: usize = 256;

type Accepted = futures::future::BoxFuture<'static, Result<(), HookError>>;

struct Publisher {
    jetstream: Context,
    subject: String,
    on_their_way: FuturesUnordered<Accepted>,
}

/// Opens a way in for events, one JSON object a line.
#[produce(role = "consumer", mode = "push", title = "publish into the stream", runtime = crate::hooks::builtin)]
async fn open(cx: &HookContext) -> Result<Box<dyn Producer>, HookError> {
    let subject = cx.topic()?.to_owned();
    Ok(Box::new(Publisher { jetstream: jetstream(cx).await?, subject, on_their_way: FuturesUnordered::new() }))
}

#[async_trait]
impl Producer for Publisher {
    async fn send(&mut self, line: &str) -> Result<Option<String>, HookError> {
        let (event, id) = with_id(line)?;
        let message = PublishMessage::build().payload(event.into()).message_id(&id);
        let sent = self.jetstream.send_publish(self.subject.clone(), message).await;
        let sent = sent.map_err(|error| self.refused(&id, &error))?;
        let subject = self.subject.clone();
        let told = id.clone();
        self.on_their_way.push(Box::pin(async move {
            sent.await.map(|_| ()).map_err(|error| refused(&subject, &told, &error))
        }));
        while self.on_their_way.len() >= WINDOW {
            self.on_their_way.next().await.transpose()?;
        }
        Ok(Some(id))
    }

    async fn finish(mut self: Box<Self>) -> Result<(), HookError> {
        while let Some(accepted) = self.on_their_way.next().await {
            accepted?;
        }
        Ok(())
    }
}

impl Publisher {
    fn refused(&self, id: &str, error: &dyn std::error::Error) -> HookError {
        refused(&self.subject, id, error)
    }
}

fn refused(subject: &str, id: &str, error: &dyn std::error::Error) -> HookError {
    HookError::new(format!("event `{id}` was not taken on subject `{subject}`: {error}"))
        .hint("is there a stream for the topic? `resilmesh up` makes it")
}

/// The event of a line with the `event.id` it has, else a new one.
fn with_id(line: &str) -> Result<(String, String), HookError> {
    let wrong = |why: String| {
        HookError::new(format!("not an event: {why}")).hint("each line must be one JSON object, such as `{\"message\": \"hello\"}`")
    };
    let mut event: Value = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
    let Value::Object(fields) = &mut event else { return Err(wrong("no JSON object".to_owned())) };
    let sub = fields.entry("event").or_insert_with(|| Value::Object(serde_json::Map::new()));
    let Value::Object(sub) = sub else { return Err(wrong("its `event` is no object".to_owned())) };
    let id = match sub.get("id") {
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
        Some(other) => return Err(wrong(format!("its `event.id` is {other}, not a text"))),
        None => Uuid::now_v7().to_string(),
    };
    sub.insert("id".to_owned(), Value::String(id.clone()));
    Ok((event.to_string(), id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_its_id_or_gets_one() {
        let (event, id) = with_id(r#"{"event": {"id": "a", "kind": "event"}}"#).expect("an event");
        assert_eq!((event.as_str(), id.as_str()), (r#"{"event":{"id":"a","kind":"event"}}"#, "a"));
        let (event, id) = with_id(r#"{"message": "x"}"#).expect("an event");
        assert!(event.contains(&id) && id.len() == 36);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for bad in ["plain", "[1]", r#"{"event": 1}"#, r#"{"event": {"id": 5}}"#] {
            assert!(with_id(bad).is_err(), "{bad}");
        }
    }
}
