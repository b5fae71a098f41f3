//! `resilmesh watch`: see what flows, without taking it from anybody.

use clap::{Args, ValueEnum};
use futures::StreamExt;

use super::failure::{Failure, Kind};
use super::file_hooks::{self, FileHook, Target, with_hosts};
use super::plug::ModeArg;
use super::running::Running;
use super::{Context, block_on, trust};
use crate::hooks::{self, From, HookContext, Run};
use crate::mesh::model::{HookKind, Mode, Role};

/// Print what flows of a topic at an instance, an event a line; nothing is taken away
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The topic, such as `enriched_events`
    topic: String,
    /// Where to look
    instance: String,
    /// Only what crosses the plug from INSTANCE to this one
    destination: Option<String>,
    /// The plug's mode, if there are two
    #[arg(short, long)]
    mode: Option<ModeArg>,
    /// From when on
    #[arg(long, value_enum, default_value_t)]
    from: When,
    /// End after so many events
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<usize>,
}

/// From when on events are shown.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum When {
    /// From now on
    #[default]
    Now,
    /// From the oldest that is kept
    Start,
}

/// Watches until enough was seen, or Ctrl-C.
///
/// # Errors
/// When there is nothing to watch, or it ends.
pub fn run(cx: &Context, args: WatchArgs) -> Result<(), Failure> {
    let running = Running::open(cx)?;
    let target = Target {
        topic: &args.topic,
        instance: &args.instance,
        destination: args.destination.as_deref(),
        mode: args.mode,
    };
    if let Some(hook) = running.file_hook(HookKind::Watch, &target)? {
        return watch_file(cx, &running, &hook, &args);
    }
    let (hook, context) = hook(&running, &args)?;
    trust::permit(cx, [context.call.own.product.clone()].into())?;
    let from = match args.from {
        When::Now => From::Now,
        When::Start => From::Start,
    };
    block_on(async {
        let Run::Watch(watch) = hook.run else { return Err(Failure::new("the hook found is none for watching")) };
        let mut events = watch(&context, from).await?;
        cx.ui.progress(format!("watching `{}` at `{}`; Ctrl-C ends it", args.topic, context.call.own.name));
        let mut left = args.count.unwrap_or(usize::MAX);
        while left > 0 {
            tokio::select! {
                event = events.next() => match event {
                    None => return Ok(()),
                    Some(event) => cx.ui.line(event?.to_string()),
                },
                // It is how one ends it.
                _ = tokio::signal::ctrl_c() => return Ok(()),
            }
            left -= 1;
        }
        Ok(())
    })
}

/// Watches by a hook in a file until it has no more to show, enough was seen, or Ctrl-C.
fn watch_file(cx: &Context, running: &Running, hook: &FileHook, args: &WatchArgs) -> Result<(), Failure> {
    hook.permit(cx)?;
    block_on(with_hosts(cx, running, async |hosts| {
        cx.ui.progress(format!("watching `{}` at `{}`; Ctrl-C ends it", args.topic, args.instance));
        let (items, mut shown) = tokio::sync::mpsc::channel(64);
        let call = hosts.call_with_items(hook.with(running, serde_json::Value::Null), items);
        tokio::pin!(call);
        let mut left = args.count.unwrap_or(usize::MAX);
        let mut ended = None;
        while left > 0 {
            tokio::select! {
                biased;
                item = shown.recv() => match item {
                    Some(item) => {
                        file_hooks::print(cx, &item);
                        left -= 1;
                    }
                    // There is no more to show; why that is, the call may be yet to say.
                    None => {
                        if ended.is_none() {
                            ended = Some((&mut call).await);
                        }
                        break;
                    }
                },
                result = &mut call, if ended.is_none() => ended = Some(result),
            }
        }
        match ended {
            Some(result) => result.map(drop).map_err(|error| hook.failed(error)),
            None => Ok(()),
        }
    }))
    .or_else(|failure| if failure.kind == Kind::Interrupted { Ok(()) } else { Err(failure) })
}

/// The hook to watch with. Of a plug, the end where its events can be seen: where they arrive, else
/// where they leave.
fn hook(running: &Running, args: &WatchArgs) -> Result<(&'static hooks::BuiltinHook, HookContext), Failure> {
    let places = match &args.destination {
        Some(destination) => {
            let plug = running.plug(&args.topic, &args.instance, destination, args.mode.map(Mode::from))?;
            vec![running.at_plug(plug, false)?, running.at_plug(plug, true)?]
        }
        None => {
            let instance = running.instance(&args.instance)?;
            let roles = [Role::Consumer, Role::Producer];
            let known: Vec<Role> = roles.into_iter().filter(|role| carries(running, args, *role)).collect();
            if known.is_empty() {
                return Err(unknown_topic(running, args));
            }
            let places = known.into_iter().map(|role| running.at_instance(instance, Some(&args.topic), Some(role)));
            places.collect::<Result<_, _>>()?
        }
    };
    places.into_iter().find_map(|context| Some((hooks::find(hooks::Kind::Watch, &context.call)?, context))).ok_or_else(
        || {
            Failure::new(format!("`{}` cannot show what flows there", args.instance))
                .hint("look at the bus or the store instead; `resilmesh list plugs` shows where the topic goes")
        },
    )
}

/// What is rejected of a topic has a topic of its own beside it.
fn carries(running: &Running, args: &WatchArgs, role: Role) -> bool {
    let topics = running.topics(&args.instance, role);
    let topic = args.topic.strip_suffix(".rejected");
    topics.contains(&args.topic.as_str()) || topic.is_some_and(|_| role == Role::Consumer && !topics.is_empty())
}

fn unknown_topic(running: &Running, args: &WatchArgs) -> Failure {
    let mut topics = running.topics(&args.instance, Role::Consumer);
    topics.extend(running.topics(&args.instance, Role::Producer));
    topics.sort_unstable();
    topics.dedup();
    let failure = Failure::new(format!("no topic `{}` passes `{}`", args.topic, args.instance));
    if topics.is_empty() {
        failure.hint("nothing is plugged into it")
    } else {
        failure.hint(format!("topics there: {}", topics.join(", ")))
    }
}
