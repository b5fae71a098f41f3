//! Following a stream without taking anything from it.

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures::StreamExt;
use serde_json::Value;
use resilmesh_sdk_macros::watch;

use super::connection::{client, jetstream};
use crate::hooks::{Events, From, HookContext, HookError};

/// Copies of the messages of the topic. From now on they come by a plain subscription, which nobody waits for: a
/// consumer would keep the events of a stopped watch in the stream, until it is full and its publishers wait. What is
/// kept already can only be had by a consumer; it is one that the server forgets when nobody reads it.
#[watch(role = "consumer", title = "follow the stream", runtime = crate::hooks::builtin)]
#[watch(role = "producer", title = "follow the stream", runtime = crate::hooks::builtin)]
async fn follow(cx: &HookContext, from: From) -> Result<Events, HookError> {
    match from {
        From::Now => subscribed(cx).await,
        From::Start => consumed(cx).await,
    }
}

async fn subscribed(cx: &HookContext) -> Result<Events, HookError> {
    let topic = cx.topic()?.to_owned();
    let failed = |error: &dyn std::error::Error| HookError::new(format!("subject `{topic}` cannot be followed: {error}"));
    let client = client(cx).await?;
    let messages = client.subscribe(topic.clone()).await.map_err(|error| failed(&error))?;
    client.flush().await.map_err(|error| failed(&error))?;
    Ok(messages.map(|message| Ok(event(&message.payload))).boxed())
}

async fn consumed(cx: &HookContext) -> Result<Events, HookError> {
    let stream = cx.topic_id()?;
    let config = pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..Default::default() };
    let failed = |error: &dyn std::error::Error| {
        HookError::new(format!("stream `{stream}` cannot be followed: {error}"))
            .hint("`resilmesh list plugs` shows the topics of the bus")
    };
    let consumer = jetstream(cx).await?.create_consumer_on_stream(config, &stream).await.map_err(|e| failed(&e))?;
    let messages = consumer.messages().await.map_err(|error| failed(&error))?;
    let told = stream.clone();
    Ok(messages
        .map(move |message| match message {
            Ok(message) => Ok(event(&message.payload)),
            Err(error) => Err(HookError::new(format!("following stream `{told}` ended: {error}"))),
        })
        .boxed())
}

/// A payload that is no JSON is shown as the text it is.
fn event(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(payload).into_owned()))
}
