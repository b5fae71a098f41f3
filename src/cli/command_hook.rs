//! What `trigger` and `execute` have in common.

use std::io::Read;

use clap::Args;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::file_hooks::{self, Target, with_hosts};
use super::plug::ModeArg;
use super::running::Running;
use super::{Context, block_on, completion};
use crate::mesh::model::HookKind;

/// Which hook, and what it is told.
#[derive(Debug, Args)]
pub struct CommandArgs {
    /// The topic
    #[arg(add = completion::topics())]
    topic: String,
    /// The instance whose hook is called; with DESTINATION, the one that gives the command
    #[arg(add = completion::instances())]
    instance: String,
    /// The instance at the other end of the plug: it carries the command out
    #[arg(add = completion::instances())]
    destination: Option<String>,
    /// The plug's mode, if there are two
    #[arg(short, long)]
    mode: Option<ModeArg>,
    /// Something that the command is told, as text
    #[arg(short, long = "param", value_name = "KEY=VALUE")]
    parameters: Vec<String>,
    /// A file with a JSON object that the command is told; `-` is standard input
    #[arg(long, value_name = "FILE")]
    data: Option<String>,
}

pub(super) fn run(cx: &Context, kind: HookKind, word: &str, args: &CommandArgs) -> Result<(), Failure> {
    let data = data(args)?;
    let running = Running::open(cx)?;
    let target = Target {
        topic: &args.topic,
        instance: &args.instance,
        destination: args.destination.as_deref(),
        mode: args.mode,
    };
    let Some(hook) = running.file_hook(kind, &target)? else {
        let own = match (&args.destination, kind) {
            (Some(destination), HookKind::Execute) => destination,
            _ => &args.instance,
        };
        let product = running.mesh.product_of(running.instance(own)?);
        return Err(file_hooks::no_hook(word, &target, product));
    };
    hook.permit(cx)?;
    block_on(with_hosts(cx, &running, async |hosts| {
        let called = hosts.call(hook.with(&running, data.into())).await;
        file_hooks::print(cx, &called.map_err(|error| hook.failed(error))?);
        Ok(())
    }))
}

/// What the command is told: the file's object, with the parameters over it.
fn data(args: &CommandArgs) -> Result<Map<String, Value>, Failure> {
    let mut data = match &args.data {
        None => Map::new(),
        Some(file) => object(file)?,
    };
    for parameter in &args.parameters {
        let Some((key, value)) = parameter.split_once('=') else {
            return Err(Failure::usage(format!("parameter `{parameter}` is not KEY=VALUE")));
        };
        data.insert(key.to_owned(), value.into());
    }
    Ok(data)
}

fn object(file: &str) -> Result<Map<String, Value>, Failure> {
    let mut text = String::new();
    let (read, shown) = if file == "-" {
        (std::io::stdin().lock().read_to_string(&mut text), "standard input".to_owned())
    } else {
        let opened = std::fs::File::open(file);
        (opened.and_then(|mut open| open.read_to_string(&mut text)), format!("`{file}`"))
    };
    read.map_err(|error| Failure::new(format!("{shown} cannot be read: {error}")))?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Failure::new(format!("{shown} holds no JSON object"))),
        Err(error) => Err(Failure::new(format!("{shown} is not JSON: {error}"))),
    }
}
