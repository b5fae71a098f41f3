//! How far each consumer is behind.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use resilmesh_sdk_macros::stats;

use super::connection::jetstream;
use crate::hooks::{HookContext, HookError, Numbers};

/// For each instance that takes from this bus, by its id: `lag` (events that wait for it), `pending` (in its
/// hands), `redelivered`. For the bus itself: `events`, `bytes` and `rejected` of all its streams.
#[stats(title = "read streams and consumers", runtime = crate::hooks::builtin)]
async fn read(cx: &HookContext) -> Result<BTreeMap<String, Numbers>, HookError> {
    let failed = |error: &dyn std::error::Error| {
        HookError::new(format!("the streams of `{}` cannot be listed: {error}", cx.call.own.name))
    };
    let jetstream = jetstream(cx).await?;
    let mut numbers: BTreeMap<String, Numbers> = BTreeMap::new();
    let own = cx.call.own.name.clone();
    let mut streams = jetstream.streams();
    while let Some(info) = streams.try_next().await.map_err(|error| failed(&error))? {
        let mut add = |instance: &str, name: &str, n: u64| {
            *numbers.entry(instance.to_owned()).or_default().entry(name.to_owned()).or_default() += n;
        };
        let rejected = info.config.subjects.iter().all(|subject| subject.ends_with(".rejected"));
        add(&own, if rejected { "rejected" } else { "events" }, info.state.messages);
        add(&own, "bytes", info.state.bytes);
        let stream = jetstream.get_stream_no_info(&info.config.name).await.map_err(|error| failed(&error))?;
        let mut consumers = stream.consumers();
        while let Some(consumer) = consumers.try_next().await.map_err(|error| failed(&error))? {
            let Some(instance) = consumer.config.durable_name.as_deref() else { continue };
            add(instance, "lag", consumer.num_pending + consumer.num_ack_pending as u64);
            add(instance, "pending", consumer.num_ack_pending as u64);
            add(instance, "redelivered", consumer.num_redelivered as u64);
        }
    }
    Ok(numbers)
}
