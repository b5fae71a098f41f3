//! One event that knows itself again, sent into the mesh and looked for at every hop.

use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::running::Running;
use crate::hooks::{self, From, HookContext, HookError, Kind, Run};
use crate::mesh::model::{Plug, PlugId};
use crate::mesh::route;
use crate::plan::journal::PlugState;

/// The tag of events that are sent to see whether they arrive.
const TAG: &str = "resilmesh_probe";

/// How a hop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum State {
    /// The event was seen there.
    Seen,
    /// It was seen further on.
    Passed,
    /// It was not seen in the time, but others were: it may still be behind them.
    Delayed,
    /// Nothing was seen there, nor it further on.
    Lost,
    /// Nobody there can show what flows.
    Unwatched,
}

/// A hop, and what was seen of the event there.
#[derive(Debug)]
pub(in crate::cli) struct Hop {
    /// The plug.
    pub(in crate::cli) plug: PlugId,
    /// The hop before it.
    pub(in crate::cli) before: Option<usize>,
    /// The instance at which events of the plug can be seen.
    pub(in crate::cli) watched_at: Option<String>,
    /// After how long it was seen, and as what.
    pub(in crate::cli) seen: Option<(Duration, Value)>,
    /// Other events were seen there.
    pub(in crate::cli) is_busy: bool,
}

/// What became of a probe.
#[derive(Debug)]
pub(in crate::cli) struct Passage {
    /// What it was known by.
    pub(in crate::cli) token: String,
    /// Where it was sent and looked for; the first is where it entered.
    pub(in crate::cli) hops: Vec<Hop>,
    /// What could not be watched or cleaned up, and why.
    pub(in crate::cli) remarks: Vec<String>,
}

impl Passage {
    /// How a hop ended.
    pub(in crate::cli) fn state(&self, hop: usize) -> State {
        if self.hops[hop].seen.is_some() {
            return State::Seen;
        }
        let mut behind = (hop + 1..self.hops.len()).filter(|later| self.hops[*later].before == Some(hop));
        if behind.any(|later| matches!(self.state(later), State::Seen | State::Passed)) {
            return State::Passed;
        }
        match &self.hops[hop] {
            Hop { watched_at: None, .. } => State::Unwatched,
            Hop { is_busy: true, .. } => State::Delayed,
            _ => State::Lost,
        }
    }

    /// The hops that ended so, the first on each way.
    pub(in crate::cli) fn stuck(&self, state: State) -> Vec<&PlugId> {
        let is_stuck = |hop: usize| self.state(hop) == state;
        let first = |hop: &usize| is_stuck(*hop) && !self.hops[*hop].before.is_some_and(is_stuck);
        (0..self.hops.len()).filter(first).map(|hop| &self.hops[hop].plug).collect()
    }

    /// What was seen at the nearest hop before this one.
    pub(in crate::cli) fn event_before(&self, hop: usize) -> Option<&Value> {
        let before = self.hops[hop].before?;
        self.hops[before].seen.as_ref().map(|(_, event)| event).or_else(|| self.event_before(before))
    }

    /// Nothing is left to wait for.
    fn is_over(&self) -> bool {
        (0..self.hops.len()).all(|hop| !matches!(self.state(hop), State::Lost | State::Delayed))
    }

    fn note(&mut self, hop: usize, event: Result<Value, HookError>, after: Duration) {
        match event {
            Ok(event) if event.to_string().contains(&self.token) => {
                self.hops[hop].seen.get_or_insert((after, event));
            }
            Ok(_) => self.hops[hop].is_busy = true,
            Err(error) => self.remarks.push(format!("{}: {}", self.hops[hop].plug, error.what)),
        }
    }
}

/// Whether `up` has connected it.
pub(in crate::cli) fn is_up(running: &Running, plug: &Plug) -> bool {
    running.journal.plug_state(&plug.id) == PlugState::Up
}

/// The hook that sends into a plug as its source would, if there is one.
pub(in crate::cli) fn producer(running: &Running, plug: &Plug) -> Result<Option<HookContext>, Failure> {
    let context = running.at_plug(plug, false)?;
    Ok(hooks::find(Kind::Produce, &context.call).map(|_| context))
}

/// Sends a probe into a plug and looks for it until it was seen everywhere, or the time is over. What
/// stores have taken of it is deleted again.
///
/// # Errors
/// When it cannot be sent.
pub(in crate::cli) async fn send(running: &Running, entry: &Plug, within: Duration) -> Result<Passage, Failure> {
    let route = route::from(&running.mesh, entry, |plug| is_up(running, plug));
    let mut passage = Passage { token: Uuid::new_v4().simple().to_string(), hops: Vec::new(), remarks: Vec::new() };
    let mut watching: Vec<BoxStream<'static, (usize, Result<Value, HookError>)>> = Vec::new();
    for (number, hop) in route.iter().enumerate() {
        let mut seen_at = None;
        match watch(running, hop.plug).await {
            Ok(None) => {}
            Ok(Some((instance, events))) => {
                seen_at = Some(instance);
                watching.push(events.map(move |event| (number, event)).boxed());
            }
            Err(error) => passage.remarks.push(format!("{}: {}", hop.plug.id, error.message)),
        }
        let (plug, before) = (hop.plug.id.clone(), hop.before);
        passage.hops.push(Hop { plug, before, watched_at: seen_at, seen: None, is_busy: false });
    }
    let Some(context) = producer(running, entry)? else {
        return Err(Failure::new(format!("nothing can be sent into {}", entry.id)));
    };
    let since = Instant::now();
    produce(&context, &line(entry, &passage.token)).await?;
    let mut events = stream::select_all(watching);
    while !passage.is_over() {
        let Ok(Some((hop, event))) = tokio::time::timeout_at(since + within, events.next()).await else { break };
        passage.note(hop, event, since.elapsed());
    }
    // It may have been seen further on before it was seen here.
    while let Some(Some((hop, event))) = events.next().now_or_never() {
        passage.note(hop, event, since.elapsed());
    }
    clean_up(running, &route, &mut passage).await?;
    Ok(passage)
}

/// The events of a plug as they flow, where they arrive, else where they leave, and whose they are.
async fn watch(running: &Running, plug: &Plug) -> Result<Option<(String, hooks::Events)>, Failure> {
    for source in [false, true] {
        let context = running.at_plug(plug, source)?;
        if let Some(Run::Watch(watch)) = hooks::find(Kind::Watch, &context.call).map(|hook| hook.run) {
            return Ok(Some((context.call.own.name.clone(), watch(&context, From::Now).await?)));
        }
    }
    Ok(None)
}

async fn produce(context: &HookContext, line: &str) -> Result<(), Failure> {
    let Some(Run::Produce(open)) = hooks::find(Kind::Produce, &context.call).map(|hook| hook.run) else {
        return Err(Failure::new(format!("`{}` takes no lines", context.call.own.name)));
    };
    let mut producer = open(context).await?;
    producer.send(line).await?;
    Ok(producer.finish().await?)
}

/// A log line where lines are taken, else an event.
fn line(entry: &Plug, token: &str) -> String {
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let text = format!("resilmesh probe {token}");
    if entry.format.as_deref() == Some("syslog") {
        return format!("<14>1 {now} resilmesh resilmesh - - - {text}");
    }
    json!({
        "@timestamp": now, "message": text, "tags": [TAG],
        "ecs": {"version": "8.17.0"}, "event": {"id": Uuid::new_v4().to_string(), "kind": "event", "ingested": now},
    })
    .to_string()
}

/// Deletes what stores have taken of the probe.
async fn clean_up(running: &Running, route: &[route::Hop<'_>], passage: &mut Passage) -> Result<(), Failure> {
    let mut remarks = Vec::new();
    for (hop, seen) in route.iter().zip(&passage.hops) {
        let context = running.at_plug(hop.plug, false)?;
        let id = seen.seen.as_ref().and_then(|(_, event)| event.pointer("/event/id")).and_then(Value::as_str);
        let forget = hooks::find(Kind::Forget, &context.call).map(|hook| hook.run);
        if let (Some(id), Some(Run::Forget(forget))) = (id, forget)
            && let Err(error) = forget(&context, id).await
        {
            remarks.push(format!("the probe stays in `{}`: {}", context.call.own.name, error.what));
        }
    }
    passage.remarks.extend(remarks);
    Ok(())
}
