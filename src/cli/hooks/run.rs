//! `resilmesh hooks run`.

use clap::Args;
use resilmesh_hook_api::HookKind;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::file_hooks::{print, with_hosts};
use crate::cli::running::Running;
use crate::cli::{Context, block_on, completion, trust};
use crate::hooks::{self, Call, Drift, Given, HostedHook};
use crate::mesh::model::{DeclaredHook, Plug, Product, Role};
use crate::project::names;
use crate::project::printable::one_line;

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The product
    #[arg(add = completion::products())]
    product: String,
    /// The function
    #[arg(add = completion::hooks())]
    function: String,
    /// The instance that it is called for [default: the only one of the product]
    #[arg(long, add = completion::instances(), conflicts_with = "plug")]
    instance: Option<String>,
    /// The plug that it is called for: TOPIC/SOURCE/DESTINATION [default: the only one that it serves]
    #[arg(long, value_name = "PLUG")]
    plug: Option<String>,
    /// What `produce`, `trigger` and `execute` are given: text, or a JSON object
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,
}

pub(super) fn run(cx: &Context, args: &RunArgs) -> Result<(), Failure> {
    let running = Running::open(cx)?;
    let mut files = cx.project()?;
    let product = crate::cli::edit::product(&mut files, &args.product)?;
    let (declared, target) = find(product, &args.function)?;
    if declared.kind == HookKind::Process {
        return Err(Failure::new(format!("hook `{}` works on events in the service of its module", args.function))
            .hint(format!("`resilmesh test {}` shows what it makes of the events in its test files", product.name)));
    }
    let hook = HostedHook::of(product, declared)
        .ok_or_else(|| Failure::new(format!("hook `{}` has no file", args.function)))?;
    let call = call(&running, product, declared, target, args)?;
    trust::permit(cx, [product.name.clone()].into())?;
    let data = match (&args.data, declared.kind) {
        (None, _) => Value::Null,
        (Some(text), HookKind::Produce) => text.as_str().into(),
        (Some(text), _) => {
            serde_json::from_str(text).map_err(|error| Failure::usage(format!("`--data` is not JSON: {error}")))?
        }
    };
    let folder = running.root.join("mirrors").join(&product.name);
    let path = (declared.kind == HookKind::Pull).then_some(folder);
    if let Some(folder) = &path {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::new(format!("folder `{}` cannot be made: {error}", folder.display())))?;
    }
    let call = hook.call(&running.root, &call, Given { data, path, up: declared.kind != HookKind::Setup, told: false });
    if declared.kind == HookKind::Check {
        return check(cx, &running, call, &declared.title);
    }
    block_on(with_hosts(cx, &running, async |hosts| {
        let (items, mut shown) = tokio::sync::mpsc::channel(64);
        let called = hosts.call_with_items(call, items);
        tokio::pin!(called);
        loop {
            tokio::select! {
                biased;
                Some(item) = shown.recv() => print(cx, &item),
                result = &mut called => {
                    while let Ok(item) = shown.try_recv() {
                        print(cx, &item);
                    }
                    print(cx, &result.map_err(|error| Failure::from(error).of(&declared.title))?);
                    cx.ui.progress(format!("`{}` is done", args.function));
                    return Ok(());
                }
            }
        }
    }))
}

/// Says what a check hook finds: that something differs is an answer, and no failure.
fn check(cx: &Context, running: &Running, call: resilmesh_hook_api::Call, title: &str) -> Result<(), Failure> {
    let drift = block_on(with_hosts(cx, running, async |hosts| {
        hooks::check(hosts, call).await.map_err(|error| Failure::from(error).of(title))
    }))?;
    let differs = match &drift {
        Drift::AsDeclared => None,
        Drift::Differs(what) => Some(what),
    };
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "hook": title, "as_declared": differs.is_none(), "differs": differs}));
        return Ok(());
    }
    cx.ui.line(differs.map_or_else(|| "as declared".to_owned(), |what| format!("differs: {}", one_line(what))));
    Ok(())
}

/// The hook with this function, and the target of the integration that it belongs to.
fn find<'a>(product: &'a Product, function: &str) -> Result<(&'a DeclaredHook, Option<&'a str>), Failure> {
    let general = product.hooks.iter().map(|hook| (hook, None));
    let own = product
        .integrations
        .iter()
        .flat_map(|integration| integration.hooks.iter().map(|hook| (hook, Some(integration.target.as_str()))));
    let all: Vec<_> = general.chain(own).collect();
    let name = |hook: &'a DeclaredHook| hook.code.function();
    let found = all.iter().find(|(hook, _)| name(hook) == Some(function)).copied();
    found.ok_or_else(|| {
        let failure = Failure::new(format!("product `{}` has no hook `{function}`", product.name));
        let known: Vec<&str> = all.iter().filter_map(|(hook, _)| name(hook)).collect();
        let hint = names::suggest(function, known.iter().copied());
        hint.into_iter()
            .fold(failure, Failure::hint)
            .hint(format!("`resilmesh hooks list {}` shows which it has", product.name))
    })
}

fn call(
    running: &Running,
    product: &Product,
    hook: &DeclaredHook,
    target: Option<&str>,
    args: &RunArgs,
) -> Result<Call, Failure> {
    let about_plug = matches!(hook.kind, HookKind::Setup | HookKind::Teardown | HookKind::Check) || args.plug.is_some();
    let about_instance =
        matches!(hook.kind, HookKind::Produce | HookKind::Watch | HookKind::Trigger | HookKind::Execute);
    if about_plug {
        let (plug, source) = plug(running, product, hook, target, args)?;
        return Ok(running.at_plug(plug, source)?.call);
    }
    if about_instance {
        let name = match &args.instance {
            Some(name) => name.clone(),
            None => only_instance(running, product)?,
        };
        let instance = running.instance(&name)?;
        let mut call = running.at_instance(instance, hook.topic.as_deref(), None)?.call;
        call.mode = hook.mode;
        return Ok(call);
    }
    Ok(Call {
        topic: hook.topic.clone(),
        role: hook.role,
        mode: hook.mode,
        format: hook.format.clone(),
        ..Call::of_product(&product.name, target)
    })
}

fn only_instance(running: &Running, product: &Product) -> Result<String, Failure> {
    let mut own = running.mesh.instances.values().filter(|own| own.product == product.name);
    match (own.next(), own.next()) {
        (Some(one), None) => Ok(one.name.clone()),
        (None, _) => Err(Failure::new(format!("product `{}` has no instance", product.name))
            .hint(format!("`resilmesh add {}` makes one", product.name))),
        _ => Err(Failure::new(format!("product `{}` has several instances", product.name))
            .hint("`--instance NAME` says which")),
    }
}

/// The plug that is meant, and whether the product is at its source.
fn plug<'a>(
    running: &'a Running,
    product: &Product,
    hook: &DeclaredHook,
    target: Option<&str>,
    args: &RunArgs,
) -> Result<(&'a Plug, bool), Failure> {
    let of = |name: &str| running.mesh.instances.get(name).map(|own| own.product.as_str());
    let serves = |plug: &&'a Plug| {
        [(&plug.source, &plug.destination), (&plug.destination, &plug.source)].into_iter().any(|(end, other)| {
            of(&end.instance) == Some(&product.name)
                && target.is_none_or(|target| of(&other.instance) == Some(target))
                && hook.serves(end.role, &plug.id.topic, plug.id.mode, plug.format.as_deref())
        })
    };
    let named = |plug: &&'a Plug| args.plug.as_ref().is_none_or(|name| plug.id.to_string().starts_with(name.as_str()));
    let mut found = running.mesh.plugs.iter().filter(serves).filter(named);
    let plug = match (found.next(), found.next()) {
        (Some(plug), None) => plug,
        (None, _) => {
            return Err(Failure::new(format!("no plug is served by hook `{}`", args.function))
                .hint("`resilmesh list plugs` shows them all"));
        }
        (Some(one), Some(other)) => {
            return Err(Failure::new(format!(
                "hook `{}` serves several plugs: `{}`, `{}`",
                args.function, one.id, other.id
            ))
            .hint("`--plug TOPIC/SOURCE/DESTINATION` says which"));
        }
    };
    let at_source = matches!(plug.source.role, Role::Producer | Role::Trigger)
        && of(&plug.source.instance) == Some(&product.name)
        && hook.role.is_none_or(|role| role == plug.source.role);
    Ok((plug, at_source))
}
