//! The streams of a topic: the one that holds it, and those for events that could not be handled.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use resilmesh_sdk_macros::{check, setup, teardown};

use super::connection::{jetstream, peer_is_let_in};
use crate::hooks::{Drift, HookContext, HookError, Outcome};
use crate::project::names;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest window that nats-server takes; with none at all it chooses two minutes.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);

/// Setup: makes the streams, or changes those that are different.
#[setup(role = "consumer", mode = "push", title = "create the stream", runtime = crate::hooks::builtin)]
async fn setup(cx: &HookContext) -> Result<Outcome, HookError> {
    let jetstream = jetstream(cx).await?;
    let changed = make(cx, &jetstream, &wanted(cx)?).await?;
    peer_is_let_in(cx).await?;
    Ok(changed)
}

/// Check: are they there, as declared?
#[check(role = "consumer", mode = "push", title = "compare the stream", runtime = crate::hooks::builtin)]
async fn check(cx: &HookContext) -> Result<Drift, HookError> {
    compare(&jetstream(cx).await?, &wanted(cx)?).await
}

/// Teardown: a stream is data, which only `down --volumes` deletes.
#[allow(clippy::unused_async, reason = "hooks are asynchronous")]
#[teardown(role = "consumer", mode = "push", title = "keep the stream with its data", runtime = crate::hooks::builtin)]
async fn keep(_: &HookContext) -> Result<Outcome, HookError> {
    Ok(Outcome::Unchanged)
}

/// The streams that a plug into the bus needs.
fn wanted(cx: &HookContext) -> Result<Vec<Config>, HookError> {
    let topic = cx.topic()?;
    let mut streams = vec![kept(cx, topic)?];
    streams.extend(rejected(cx, [topic])?);
    Ok(streams)
}

/// The stream of a topic: kept until every durable consumer has acknowledged; when it is full,
/// publishers wait.
fn kept(cx: &HookContext, topic: &str) -> Result<Config, HookError> {
    Ok(Config {
        retention: RetentionPolicy::Interest,
        discard: DiscardPolicy::New,
        max_bytes: bytes(cx, "max_bytes")?,
        ..stream(cx, names::id(topic), topic.to_owned())?
    })
}

/// The streams of events that the other end of the plug, or anyone with these topics, rejects: the
/// oldest go when they are full.
pub(super) fn rejected<'a>(
    cx: &'a HookContext,
    topics: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Config>, HookError> {
    let peer = cx.peer()?;
    let by_peer = peer.takes.iter().map(String::as_str).filter(|_| peer.managed);
    let days = u32::try_from(cx.number("rejected_max_age_days")?).unwrap_or(u32::MAX);
    let make = |topic: &str| {
        Ok(Config {
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            max_bytes: bytes(cx, "rejected_max_bytes")?,
            max_age: DAY.saturating_mul(days),
            ..stream(cx, format!("{}_rejected", names::id(topic)), format!("{topic}.rejected"))?
        })
    };
    topics.into_iter().chain(by_peer).collect::<BTreeSet<_>>().into_iter().map(make).collect()
}

fn stream(cx: &HookContext, name: String, subject: String) -> Result<Config, HookError> {
    let window = Duration::from_secs(cx.number("duplicate_window_seconds")?);
    Ok(Config {
        name,
        subjects: vec![subject],
        storage: StorageType::File,
        duplicate_window: window.max(SHORTEST_WINDOW),
        num_replicas: 1,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        max_message_size: -1,
        ..Config::default()
    })
}

fn bytes(cx: &HookContext, setting: &str) -> Result<i64, HookError> {
    let bytes = cx.number(setting)?;
    i64::try_from(bytes).map_err(|_| HookError::new(format!("setting `{setting}` is too large: {bytes} bytes")))
}

/// Makes streams that are not there and changes those that are different.
pub(super) async fn make(cx: &HookContext, jetstream: &Context, wanted: &[Config]) -> Result<Outcome, HookError> {
    let mut done = Vec::new();
    for config in wanted {
        match difference(jetstream, config).await? {
            None => {}
            Some(Difference::Missing) => {
                let made = jetstream.create_stream(config.clone()).await;
                made.map_err(|error| refused(cx, &config.name, &error))?;
                done.push(format!("created stream `{}`", config.name));
            }
            Some(Difference::Other) => {
                let changed = jetstream.update_stream(config).await;
                changed.map_err(|error| refused(cx, &config.name, &error))?;
                done.push(format!("changed stream `{}`", config.name));
            }
        }
    }
    Ok(if done.is_empty() { Outcome::Unchanged } else { Outcome::Changed(done.join(", ")) })
}

/// Says which stream is not as wanted.
pub(super) async fn compare(jetstream: &Context, wanted: &[Config]) -> Result<Drift, HookError> {
    for config in wanted {
        match difference(jetstream, config).await? {
            None => {}
            Some(Difference::Missing) => return Ok(Drift::Differs(format!("stream `{}` is missing", config.name))),
            Some(Difference::Other) => return Ok(Drift::Differs(format!("stream `{}` is different", config.name))),
        }
    }
    Ok(Drift::AsDeclared)
}

enum Difference {
    Missing,
    Other,
}

async fn difference(jetstream: &Context, wanted: &Config) -> Result<Option<Difference>, HookError> {
    let found = match jetstream.get_stream(&wanted.name).await {
        Ok(found) => found,
        Err(error) => {
            let missing = matches!(error.kind(), GetStreamErrorKind::JetStream(ref answer) if answer.error_code() == ErrorCode::STREAM_NOT_FOUND);
            if missing {
                return Ok(Some(Difference::Missing));
            }
            return Err(HookError::new(format!("stream `{}` cannot be looked up: {error}", wanted.name)));
        }
    };
    let has = &found.cached_info().config;
    let same = has.subjects == wanted.subjects
        && has.retention == wanted.retention
        && has.discard == wanted.discard
        && has.storage == wanted.storage
        && has.max_bytes == wanted.max_bytes
        && has.max_age == wanted.max_age
        && has.duplicate_window == wanted.duplicate_window;
    Ok((!same).then_some(Difference::Other))
}

fn refused(cx: &HookContext, stream: &str, error: &dyn std::error::Error) -> HookError {
    let text = error.to_string();
    let failure = HookError::new(format!("nats-server refuses stream `{stream}`: {text}"));
    let own = &cx.call.own.name;
    if text.contains("insufficient storage") {
        failure.hint(format!("raise its disk space: `resilmesh configure {own} -c max_store=8GB`, then `resilmesh up`"))
    } else {
        failure.hint(format!("`resilmesh logs {own}` may say more"))
    }
}
