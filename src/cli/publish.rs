//! `resilmesh publish`: contribute integrations to their vendors.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::failure::Failure;
use super::plug::ModeArg;
use super::trust::Keeper;
use super::{Context, block_on, completion, edit};
use crate::hooks::{Call, Given, HostedHook};
use crate::mesh::hooks::{Part, in_force};
use crate::mesh::model::{HookKind, Mode, Role};
use crate::project::names;

/// Call the publish hooks of integrations that have files
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Only those of this product
    #[arg(add = completion::products())]
    product: Option<String>,
    /// Only those with this other product
    #[arg(add = completion::products())]
    target: Option<String>,
    /// Only those of this topic
    #[arg(add = completion::topics())]
    topic: Option<String>,
    /// Only those in this part
    role: Option<RoleArg>,
    /// Only those in this mode
    #[arg(short, long)]
    mode: Option<ModeArg>,
    /// Only those in this format
    #[arg(short, long)]
    format: Option<String>,
}

/// A part on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Takes events
    Consumer,
    /// Gives events
    Producer,
    /// Gives commands
    Trigger,
    /// Carries commands out
    Executor,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Consumer => Self::Consumer,
            RoleArg::Producer => Self::Producer,
            RoleArg::Trigger => Self::Trigger,
            RoleArg::Executor => Self::Executor,
        }
    }
}

struct Job {
    /// For people.
    title: String,
    /// The hook's own.
    hook_title: String,
    hook: HostedHook,
    call: Call,
}

impl Job {
    /// What came of it, as data.
    fn outcome(&self, done: bool) -> Value {
        let call = &self.call;
        json!({
            "product": call.own.product, "target": call.peer.as_ref().map(|peer| &peer.product), "topic": call.topic,
            "role": call.role, "mode": call.mode, "format": call.format, "hook": self.hook_title,
            "done": done,
        })
    }
}

/// Calls the hooks, integration by integration.
///
/// # Errors
/// When a product is unknown, or hooks failed: the others are called all the same.
pub fn run(cx: &Context, args: &PublishArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    for name in args.product.iter().chain(&args.target) {
        edit::product(&mut files, name)?;
    }
    let fits = |said: &Option<String>, own: &str| said.as_ref().is_none_or(|said| said == own);
    let mut jobs = Vec::new();
    for product in files.products.values().filter(|own| fits(&args.product, &own.name)) {
        let wanted = product.integrations.iter().filter(|own| {
            fits(&args.target, &own.target)
                && fits(&args.topic, own.topic.as_deref().unwrap_or("*"))
                && args.role.is_none_or(|role| Role::from(role) == own.role)
                && args.mode.is_none_or(|mode| Mode::from(mode) == own.mode)
                && (args.format.is_none() || own.format.is_none() || args.format == own.format)
        });
        for own in wanted {
            let topic = own.topic.as_deref().unwrap_or("*");
            let part = Part { role: own.role, topic, mode: own.mode, format: own.format.as_deref() };
            for hook in in_force(product, Some(own), HookKind::Publish, part) {
                let Some(hosted) = HostedHook::of(product, hook) else { continue };
                let call = Call {
                    role: Some(own.role),
                    topic: Some(topic.to_owned()),
                    mode: Some(own.mode),
                    format: own.format.clone(),
                    ..Call::of_product(&product.name, Some(&own.target))
                };
                let title = format!("{} -> {}: {topic} ({})", product.name, own.target, hook.title);
                jobs.push(Job { title, hook_title: hook.title.clone(), hook: hosted, call });
            }
        }
    }
    if jobs.is_empty() {
        let said = "there is nothing to publish: no integration that is meant has a publish hook";
        cx.ui.done(said, json!({"published": []}));
        return Ok(());
    }
    let keeper = Keeper::permit(cx, jobs.iter().map(|job| job.call.own.product.clone()).collect())?;
    let project = files.root.canonicalize().unwrap_or(files.root);
    block_on(async {
        let hosts = cx.hosts_noting(&project, keeper.written.clone())?;
        let (mut failures, mut published) = (Vec::new(), Vec::new());
        for job in &jobs {
            cx.ui.progress(&job.title);
            let called = hosts.call(job.hook.call(&project, &job.call, Given::default())).await;
            published.push(job.outcome(called.is_ok()));
            if let Err(error) = called {
                failures.push(Failure::from(error).of(&job.title));
            }
        }
        hosts.end().await;
        keeper.settle(cx)?;
        if cx.ui.json {
            cx.ui.document(&json!({"schema": 1, "published": published}));
        }
        let count = failures.len();
        match failures.into_iter().next() {
            None => Ok(()),
            Some(first) if count == 1 => Err(first),
            Some(first) => Err(first.hint(format!("{} failed in all", names::counted(count, "hook")))),
        }
    })
}
