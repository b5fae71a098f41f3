//! Looking at what a running pipeline passes on, through its control socket.

use futures::StreamExt;
use resilmesh_service::control::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use resilmesh_sdk_macros::watch;

use crate::hooks::{Events, From, HookContext, HookError};
use crate::mesh::model::Role;
use crate::project::names;

/// Copies of the events that leave the components of the topic: `in_<topic>__*` where the pipeline
/// takes it, what feeds `out_<topic>__*` where it gives it; with a plug, only that plug's.
#[watch(role = "consumer", title = "tap what comes in", runtime = crate::hooks::builtin)]
#[watch(role = "producer", title = "tap what goes out", runtime = crate::hooks::builtin)]
async fn follow(cx: &HookContext, from: From) -> Result<Events, HookError> {
    if from == From::Start {
        return Err(HookError::new(format!("`{}` keeps no events, it can show only what flows", cx.call.own.name))
            .hint("watch the topic on its bus, or search the store"));
    }
    if cx.controls.is_empty() {
        return Err(HookError::new(format!("`{}` has no control socket", cx.call.own.name)));
    }
    let failed = |error: &dyn std::error::Error| {
        HookError::new(format!("`{}` cannot be watched: {error}", cx.call.own.name)).hint("`resilmesh status` tells whether it is up")
    };
    let question = json!({"components": [component(cx)?]});
    let (to, events) = mpsc::channel(256);
    // An event passes through one of the replicas, whichever it is.
    for socket in &cx.controls {
        let mut client = Client::connect(socket).await.map_err(|error| failed(&error))?;
        let (told, question, to) = (cx.call.own.name.clone(), question.clone(), to.clone());
        tokio::spawn(async move {
            // One who reads too slowly sees gaps: the pipeline never waits for a watcher.
            let show = |mut seen: Value| {
                let rejected = seen["component"].as_str().is_some_and(|component| component.ends_with(".dropped"));
                if !rejected {
                    let _ = to.try_send(Ok(seen["event"].take()));
                }
            };
            if let Err(error) = client.ask_each("tap", question, show).await {
                let _ = to.send(Err(HookError::new(format!("watching `{told}` ended: {error}")))).await;
            }
        });
    }
    Ok(ReceiverStream::new(events).boxed())
}

/// The components whose events are shown, as a pattern.
fn component(cx: &HookContext) -> Result<String, HookError> {
    let topic = names::id(cx.topic()?);
    let peer = cx.call.peer.as_ref().map_or("*", |peer| peer.id.as_str());
    let side = if cx.call.role == Some(Role::Producer) { "out" } else { "in" };
    Ok(format!("{side}_{topic}__{peer}"))
}
