//! `resilmesh trace`: one marked event through the live mesh, hop by hop.

mod changes;
mod probe;
mod verify;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use self::changes::Change;
use self::probe::{Passage, State};
pub(super) use self::verify::verify;
use super::failure::{Failure, Kind};
use super::running::Running;
use super::{Context, block_on, completion, steps, trust};
use crate::mesh::model::Plug;
use crate::mesh::route;

/// Send one marked event through the mesh that is up, and show it at every hop
///
/// The event is sent the way the source of a plug would send it. It is found again by its message and
/// tagged `resilmesh_probe`; what a store has taken of it is deleted in the end.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Where it is sent from; every source into which something can be sent if none is named
    #[arg(add = completion::instances())]
    source: Option<String>,
    /// Only over the plug to this instance
    #[arg(add = completion::instances())]
    destination: Option<String>,
    /// Only over the plug of this topic
    #[arg(add = completion::topics())]
    topic: Option<String>,
    /// How long it may take, such as 500ms, 10s or 1m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = steps::duration)]
    timeout: Duration,
}

/// Traces, and shows what became of the event.
///
/// # Errors
/// When nothing can be sent, or the event does not arrive everywhere.
pub fn run(cx: &Context, args: TraceArgs) -> Result<(), Failure> {
    let running = Running::open(cx)?;
    let (entries, closed) = entries(&running, &args)?;
    trust::permit(cx, trust::used_by(&running.mesh))?;
    let passages = block_on(async {
        let mut passages = Vec::new();
        for entry in &entries {
            tokio::select! {
                passage = probe::send(&running, entry, args.timeout) => passages.push(passage?),
                _ = tokio::signal::ctrl_c() => {
                    return Err(Failure { kind: Kind::Interrupted, ..Failure::new("interrupted") });
                }
            }
        }
        Ok(passages)
    })?;
    show(cx, &passages);
    for plug in closed {
        cx.ui.progress(format!("nothing can be sent into {}", plug.id));
    }
    arrived(&passages, args.timeout)?;
    in_time(&passages, args.timeout)
}

/// The plugs to send into, and those into which nothing can be sent.
fn entries<'a>(running: &'a Running, args: &TraceArgs) -> Result<(Vec<&'a Plug>, Vec<&'a Plug>), Failure> {
    let candidates: Vec<&Plug> = match &args.source {
        None => route::entries(&running.mesh).collect(),
        Some(source) => {
            running.instance(source)?;
            args.destination.as_deref().map(|name| running.instance(name)).transpose()?;
            let is_meant = |plug: &&Plug| {
                route::carries_events(plug)
                    && plug.id.source == *source
                    && args.destination.as_ref().is_none_or(|name| plug.id.destination == *name)
                    && args.topic.as_ref().is_none_or(|topic| plug.id.topic == *topic)
            };
            running.mesh.plugs.iter().filter(is_meant).collect()
        }
    };
    if candidates.is_empty() {
        return Err(
            Failure::new("there is no such plug").hint("`resilmesh list plugs` shows what is plugged into what")
        );
    }
    let (candidates, down): (Vec<&Plug>, Vec<&Plug>) =
        candidates.into_iter().partition(|plug| probe::is_up(running, plug));
    if candidates.is_empty() {
        let names: Vec<String> = down.iter().map(|plug| plug.id.to_string()).collect();
        return Err(Failure::new(format!("{} is not up", names.join(", "))).hint("`resilmesh up` connects it"));
    }
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for plug in candidates {
        let side = if probe::producer(running, plug)?.is_some() { &mut open } else { &mut closed };
        side.push(plug);
    }
    if open.is_empty() {
        let names: Vec<String> = closed.iter().map(|plug| plug.id.to_string()).collect();
        return Err(Failure::new(format!("nothing can be sent into {}", names.join(", ")))
            .hint("name a source further on: `resilmesh list plugs` shows them"));
    }
    Ok((open, closed))
}

fn show(cx: &Context, passages: &[Passage]) {
    if cx.ui.json {
        let traces: Vec<Value> = passages.iter().map(to_json).collect();
        cx.ui.document(&json!({"schema": 1, "traces": traces}));
        return;
    }
    for passage in passages {
        let rows: Vec<Vec<String>> = (0..passage.hops.len()).map(|hop| row(passage, hop)).collect();
        cx.ui.table(&["TOPIC", "FROM", "TO", "SEEN AT", "AFTER", "FIELDS"], &rows);
        passage.remarks.iter().for_each(|remark| cx.ui.warning(remark));
        if cx.verbose {
            (0..passage.hops.len()).for_each(|hop| show_fields(cx, passage, hop));
        }
    }
    if !cx.verbose {
        cx.ui.progress("`--verbose` shows the fields of each hop");
    }
}

fn row(passage: &Passage, number: usize) -> Vec<String> {
    let hop = &passage.hops[number];
    let (at, after) = match (passage.state(number), &hop.seen) {
        (_, Some((after, _))) => (hop.watched_at.clone().unwrap_or_default(), format!("{} ms", after.as_millis())),
        (State::Passed, _) => ("seen further on".to_owned(), "-".to_owned()),
        (State::Unwatched, _) => ("cannot be watched".to_owned(), "-".to_owned()),
        (State::Delayed, _) => ("behind others".to_owned(), "-".to_owned()),
        _ => ("NOT SEEN".to_owned(), "-".to_owned()),
    };
    let fields = changes(passage, number).map(|changes| counts(&changes)).unwrap_or_default();
    vec![hop.plug.topic.clone(), hop.plug.source.clone(), hop.plug.destination.clone(), at, after, fields]
}

/// What changed since the hop before; none where nothing was seen.
fn changes(passage: &Passage, hop: usize) -> Option<BTreeMap<String, Change>> {
    let (_, event) = passage.hops[hop].seen.as_ref()?;
    Some(changes::between(passage.event_before(hop).unwrap_or(&json!({})), event))
}

fn counts(changes: &BTreeMap<String, Change>) -> String {
    let count = |sign: char| (sign, changes.values().filter(|change| change.sign() == sign).count());
    let there: Vec<String> = ['+', '~', '-']
        .into_iter()
        .map(count)
        .filter(|(_, number)| *number > 0)
        .map(|(sign, number)| format!("{sign}{number}"))
        .collect();
    if there.is_empty() { "same".to_owned() } else { there.join(" ") }
}

fn show_fields(cx: &Context, passage: &Passage, hop: usize) {
    let Some(changes) = changes(passage, hop) else { return };
    cx.ui.line(format!("\n{}", passage.hops[hop].plug));
    for (path, change) in changes {
        let sign = change.sign();
        let shown = match change {
            Change::Added(value) | Change::Lost(value) => value.to_string(),
            Change::Changed(old, new) => format!("{old} -> {new}"),
        };
        cx.ui.line(format!("  {sign} {path}: {shown}"));
    }
}

fn to_json(passage: &Passage) -> Value {
    let hop = |number: usize| {
        let hop = &passage.hops[number];
        json!({
            "topic": hop.plug.topic, "source": hop.plug.source, "destination": hop.plug.destination, "mode": hop.plug.mode,
            "state": passage.state(number), "seen_at": hop.watched_at.as_ref().filter(|_| hop.seen.is_some()),
            "seconds": hop.seen.as_ref().map(|(after, _)| after.as_secs_f64()),
            "changes": changes(passage, number),
            "event": hop.seen.as_ref().map(|(_, event)| event),
        })
    };
    let hops: Vec<Value> = (0..passage.hops.len()).map(hop).collect();
    json!({"probe": passage.token, "hops": hops, "remarks": passage.remarks})
}

/// Says where nothing was seen.
///
/// # Errors
/// When there is such a place.
fn arrived(passages: &[Passage], within: Duration) -> Result<(), Failure> {
    let Some(places) = stuck(passages, State::Lost) else { return Ok(()) };
    Err(Failure::new(format!("nothing was seen within {} s of {places}", within.as_secs_f64()))
        .hint("`resilmesh status` shows where events wait, `resilmesh logs INSTANCE` why"))
}

/// Says where others were seen and the probe was not.
///
/// # Errors
/// When there is such a place.
fn in_time(passages: &[Passage], within: Duration) -> Result<(), Failure> {
    let Some(places) = stuck(passages, State::Delayed) else { return Ok(()) };
    let seconds = within.as_secs_f64();
    Err(Failure::new(format!("other events were seen within {seconds} s of {places}, the one that was sent was not"))
        .hint("it may be waiting behind them: `resilmesh status` shows how many; `--timeout` waits longer"))
}

fn stuck(passages: &[Passage], state: State) -> Option<String> {
    let places: Vec<String> =
        passages.iter().flat_map(|passage| passage.stuck(state)).map(ToString::to_string).collect();
    (!places.is_empty()).then(|| places.join(", "))
}
