//! `resilmesh produce`: send lines into a plug, the way its source would.

use clap::Args;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::failure::{Failure, Kind};
use super::file_hooks::{self, Target, with_hosts};
use super::plug::ModeArg;
use super::running::Running;
use super::{Context, block_on, trust};
use crate::hooks::{self, HookContext, Run};
use crate::mesh::model::{HookKind, Mode, Role};

/// Send each line of standard input into a plug, the way its source would send it; ids on standard output, where the other end tells them
#[derive(Debug, Args)]
pub struct ProduceArgs {
    /// The topic, such as `logs`
    topic: String,
    /// The instance that the lines come from, or, alone, the one that takes them
    instance: String,
    /// The instance that takes them
    destination: Option<String>,
    /// The plug's mode, if there are two
    #[arg(short, long)]
    mode: Option<ModeArg>,
}

/// Sends until standard input ends; returns when all is accepted.
///
/// # Errors
/// When a line is refused or cannot be sent.
pub fn run(cx: &Context, args: ProduceArgs) -> Result<(), Failure> {
    let running = Running::open(cx)?;
    let target = Target {
        topic: &args.topic,
        instance: &args.instance,
        destination: args.destination.as_deref(),
        mode: args.mode,
    };
    if let Some(hook) = running.file_hook(HookKind::Produce, &target)? {
        hook.permit(cx)?;
        return block_on(with_hosts(cx, &running, async |hosts| {
            let mut lines = BufReader::new(tokio::io::stdin()).lines();
            let mut number = 0_u64;
            while let Some(line) = lines.next_line().await.map_err(|error| unreadable(number + 1, &error))? {
                number += 1;
                let line = line.trim();
                if !line.is_empty() {
                    let called = hosts.call(hook.with(&running, line.into())).await;
                    file_hooks::print(cx, &called.map_err(|error| of_line(number, hook.failed(error)))?);
                }
            }
            Ok(())
        }));
    }
    let context = context(&running, &args)?;
    trust::permit(cx, [context.call.own.product.clone()].into())?;
    let own = &context.call.own.name;
    let hook = hooks::find(hooks::Kind::Produce, &context.call).ok_or_else(|| {
        Failure::new(format!("nothing can be sent into `{own}` as `{}`", args.topic))
            .hint("`resilmesh list plugs` shows what goes where; a file source takes what is written to its file")
    })?;
    block_on(async {
        let Run::Produce(open) = hook.run else { return Err(Failure::new("the hook found is none for producing")) };
        let mut producer = open(&context).await?;
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut number = 0_u64;
        loop {
            let line = tokio::select! {
                line = lines.next_line() => line,
                _ = tokio::signal::ctrl_c() => {
                    return Err(Failure { kind: Kind::Interrupted, ..Failure::new(format!("interrupted after line {number}")) });
                }
            };
            let line = line.map_err(|error| unreadable(number + 1, &error))?;
            let Some(line) = line else { break };
            number += 1;
            if line.trim().is_empty() {
                continue;
            }
            let id = producer.send(&line).await.map_err(|error| of_line(number, error.into()))?;
            if let Some(id) = id {
                cx.ui.line(id);
            }
        }
        Ok(producer.finish().await?)
    })
}

fn unreadable(number: u64, error: &std::io::Error) -> Failure {
    Failure::new(format!("line {number} cannot be read: {error}"))
}

fn of_line(number: u64, failure: Failure) -> Failure {
    failure.of(&format!("line {number}"))
}

fn context(running: &Running, args: &ProduceArgs) -> Result<HookContext, Failure> {
    match &args.destination {
        Some(destination) => {
            running.at_plug(running.plug(&args.topic, &args.instance, destination, args.mode.map(Mode::from))?, false)
        }
        None => running.at_instance(running.instance(&args.instance)?, Some(&args.topic), Some(Role::Consumer)),
    }
}
