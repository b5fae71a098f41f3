//! The durable consumer of an instance that takes a topic.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_nats::jetstream::{Context, ErrorCode};
use resilmesh_sdk_macros::{check, setup, teardown};

use super::connection::{jetstream, peer_is_let_in};
use super::stream;
use crate::hooks::{Drift, HookContext, HookError, Outcome};

/// Setup: makes the consumer, or changes it, and the streams for what its owner rejects.
#[setup(role = "producer", mode = "pull", title = "create the durable consumer", runtime = crate::hooks::builtin)]
async fn setup(cx: &HookContext) -> Result<Outcome, HookError> {
    let jetstream = jetstream(cx).await?;
    let streams = stream::make(cx, &jetstream, &stream::rejected(cx, [])?).await?;
    let mut done: Vec<String> = match streams {
        Outcome::Changed(what) => vec![what],
        Outcome::Unchanged => Vec::new(),
    };
    if let (true, Some(difference)) = (is_durable(cx)?, difference(cx, &jetstream).await?) {
        let made = jetstream.create_consumer_on_stream(wanted(cx)?, cx.topic_id()?).await;
        made.map_err(|error| {
            HookError::new(format!("nats-server refuses consumer `{}`: {error}", name(cx).unwrap_or_default()))
        })?;
        let verb = if difference == Difference::Missing { "created" } else { "changed" };
        done.push(format!("{verb} consumer `{}` of stream `{}`", name(cx)?, cx.topic_id()?));
    }
    peer_is_let_in(cx).await?;
    Ok(if done.is_empty() { Outcome::Unchanged } else { Outcome::Changed(done.join(", ")) })
}

/// Check: is it there, as declared?
#[check(role = "producer", mode = "pull", title = "compare the durable consumer", runtime = crate::hooks::builtin)]
async fn check(cx: &HookContext) -> Result<Drift, HookError> {
    let jetstream = jetstream(cx).await?;
    match stream::compare(&jetstream, &stream::rejected(cx, [])?).await? {
        Drift::AsDeclared if is_durable(cx)? => {}
        found => return Ok(found),
    }
    Ok(match difference(cx, &jetstream).await? {
        None => Drift::AsDeclared,
        Some(difference) => {
            let word = if difference == Difference::Missing { "missing" } else { "different" };
            Drift::Differs(format!("consumer `{}` of stream `{}` is {word}", name(cx)?, cx.topic_id()?))
        }
    })
}

/// Teardown: without its owner it would only fill the stream.
#[teardown(role = "producer", mode = "pull", title = "delete the durable consumer", runtime = crate::hooks::builtin)]
async fn delete(cx: &HookContext) -> Result<Outcome, HookError> {
    let (stream, name) = (cx.topic_id()?, name(cx)?);
    match jetstream(cx).await?.delete_consumer_from_stream(&name, &stream).await {
        Ok(_) => Ok(Outcome::Changed(format!("deleted consumer `{name}` of stream `{stream}`"))),
        Err(error) if is_gone(&error.kind()) => Ok(Outcome::Unchanged),
        Err(error) => Err(HookError::new(format!("consumer `{name}` of stream `{stream}` cannot be deleted: {error}"))),
    }
}

/// A foreign program may want to see only what flows while it listens.
fn is_durable(cx: &HookContext) -> Result<bool, HookError> {
    Ok(cx.peer()?.settings.get("delivery").and_then(serde_json::Value::as_str) != Some("subscribe"))
}

fn name(cx: &HookContext) -> Result<String, HookError> {
    Ok(cx.peer()?.id.clone())
}

fn wanted(cx: &HookContext) -> Result<pull::Config, HookError> {
    let pending = cx.number("max_ack_pending")?;
    Ok(pull::Config {
        durable_name: Some(name(cx)?),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(cx.number("ack_wait_seconds")?),
        max_ack_pending: i64::try_from(pending).unwrap_or(i64::MAX),
        max_deliver: -1,
        deliver_policy: DeliverPolicy::All,
        ..pull::Config::default()
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    Missing,
    Other,
}

async fn difference(cx: &HookContext, jetstream: &Context) -> Result<Option<Difference>, HookError> {
    let (stream, wanted) = (cx.topic_id()?, wanted(cx)?);
    let name = name(cx)?;
    let found = jetstream.get_consumer_from_stream::<pull::Config, _, _>(&name, &stream).await;
    let found = match found {
        Ok(found) => found,
        Err(error) if is_gone(&error.kind()) => return Ok(Some(Difference::Missing)),
        Err(error) => {
            return Err(HookError::new(format!("consumer `{name}` of stream `{stream}` cannot be looked up: {error}")));
        }
    };
    let has = &found.cached_info().config;
    let same = has.ack_policy == wanted.ack_policy
        && has.ack_wait == wanted.ack_wait
        && has.max_ack_pending == wanted.max_ack_pending
        && has.max_deliver == wanted.max_deliver;
    Ok((!same).then_some(Difference::Other))
}

fn is_gone(kind: &ConsumerErrorKind) -> bool {
    matches!(kind, ConsumerErrorKind::JetStream(answer)
        if [ErrorCode::CONSUMER_NOT_FOUND, ErrorCode::STREAM_NOT_FOUND].contains(&answer.error_code()))
}
