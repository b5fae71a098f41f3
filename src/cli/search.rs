//! `resilmesh search`: find events in the store.

use std::time::Duration;

use clap::{Args, value_parser};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::failure::{Failure, Kind};
use super::running::Running;
use super::{Context, block_on};
use crate::hooks::{self, BuiltinHook, Found, HookContext, Query, Run};
use crate::project::names;

/// How often is looked again with `--wait`.
const PAUSE: Duration = Duration::from_millis(100);

/// Find events in the store, newest first
///
/// The query is in the words of Lucene: `source.ip:203.0.113.0/24 AND event.outcome:failure`,
/// `event.dataset:(netfilter OR dpkg)`, `message:"check pass"`, `@timestamp:[now-1h TO now]`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// What to look for
    query: String,
    /// How many events to print at most
    #[arg(short = 'n', long, default_value_t = 10, value_name = "N", value_parser = value_parser!(u16).range(0..=10_000))]
    size: u16,
    /// Which store, if there are several
    #[arg(short, long, value_name = "INSTANCE")]
    instance: Option<String>,
    /// Wait until at least so many match
    #[arg(long, value_name = "N")]
    wait: Option<u64>,
    /// How long to wait with `--wait`, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
}

/// Prints what is found.
///
/// # Errors
/// When there is no store, it does not answer, or the query is not understood.
pub fn run(cx: &Context, args: SearchArgs) -> Result<(), Failure> {
    let running = Running::open(cx)?;
    let (hook, context) = store(&running, args.instance.as_deref())?;
    up(&running, &context)?;
    let query = Query { text: args.query, size: usize::from(args.size) };
    let found = block_on(async {
        tokio::select! {
            found = search(hook, &context, &query, args.wait.unwrap_or(0), Duration::from_secs(args.timeout)) => found,
            _ = tokio::signal::ctrl_c() => Err(Failure { kind: Kind::Interrupted, ..Failure::new("interrupted") }),
        }
    })?;
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "total": found.total, "events": found.events}));
        return Ok(());
    }
    found.events.iter().for_each(|event| cx.ui.line(line(event)));
    let shown = found.events.len();
    cx.ui.progress(match (found.total, shown) {
        (0, _) => "nothing found".to_owned(),
        (total, shown) if total > shown as u64 => {
            format!("{shown} of {}; `--size` shows more, `--json` whole events", names::counted(total, "event"))
        }
        (total, _) => format!("{}; `--json` shows all of it", names::counted(total, "event")),
    });
    Ok(())
}

async fn search(
    hook: &BuiltinHook,
    context: &HookContext,
    query: &Query,
    at_least: u64,
    within: Duration,
) -> Result<Found, Failure> {
    let Run::Search(find) = hook.run else { return Err(Failure::new("the hook found is none for searching")) };
    let until = Instant::now() + within;
    loop {
        let found = find(context, query).await?;
        if found.total >= at_least {
            return Ok(found);
        }
        if Instant::now() >= until {
            return Err(Failure::new(format!(
                "{} of {at_least} events match after {} s",
                found.total,
                within.as_secs()
            ))
            .hint("`resilmesh status` shows where events wait, `resilmesh logs` why"));
        }
        sleep(PAUSE).await;
    }
}

/// Sees to it that the store is there to be asked.
fn up(running: &Running, context: &HookContext) -> Result<(), Failure> {
    let own = &context.call.own;
    if !own.managed || running.journal.services.contains_key(&own.name) {
        return Ok(());
    }
    Err(Failure::new(format!("`{}` is not running", own.name)).hint("`resilmesh up` starts it"))
}

/// The store asked for, else the only one.
fn store(running: &Running, name: Option<&str>) -> Result<(&'static BuiltinHook, HookContext), Failure> {
    let instances = match name {
        Some(name) => vec![running.instance(name)?],
        None => running.mesh.instances.values().collect(),
    };
    let mut stores = Vec::new();
    for instance in instances {
        let context = running.at_instance(instance, None, None)?;
        if let Some(hook) = hooks::find(hooks::Kind::Search, &context.call) {
            stores.push((hook, context));
        }
    }
    if stores.len() > 1 {
        let names: Vec<&str> = stores.iter().map(|(_, context)| context.call.own.name.as_str()).collect();
        return Err(Failure::usage(format!("there are several stores: {}", names.join(", ")))
            .hint("name one: `--instance NAME`"));
    }
    stores.pop().ok_or_else(|| match name {
        Some(name) => Failure::new(format!("`{name}` keeps no events that could be searched")),
        None => Failure::new("the mesh has no instance that keeps events")
            .hint("`resilmesh add elasticsearch store` adds one"),
    })
}

/// An event in one line: when, where, what.
fn line(event: &Value) -> String {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
    let message = text("/message").chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    format!("{}  {}  {}  {message}", text("/@timestamp"), text("/host/name"), text("/process/name"))
}
