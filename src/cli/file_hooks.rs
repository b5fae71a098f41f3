//! Hooks in files, called for an instance or a plug: `produce`, `watch`, `trigger`, `execute`.

use std::path::Path;

use resilmesh_hook_api::HookKind;
use serde_json::Value;

use super::failure::Failure;
use super::plug::ModeArg;
use super::running::Running;
use super::trust::Keeper;
use super::{Context, block_on, trust};
use crate::hooks::host::Hosts;
use crate::hooks::{Call, Given, HookError, HostedHook};
use crate::mesh::model::{Mode, Plug, Product, Role};
use crate::plan::journal::PlugState;

/// What a hook is called for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) topic: &'a str,
    /// The instance, or the source of a plug.
    pub(super) instance: &'a str,
    /// The destination of a plug.
    pub(super) destination: Option<&'a str>,
    pub(super) mode: Option<ModeArg>,
}

/// A hook in a file, with what it is called for.
#[derive(Debug)]
pub(super) struct FileHook {
    /// What the hook is called, for people.
    title: String,
    hook: HostedHook,
    call: Call,
    up: bool,
}

impl Running {
    /// The hook in a file that serves; none if no product has one.
    ///
    /// # Errors
    /// When there is no such instance or plug.
    pub(super) fn file_hook(&self, kind: HookKind, target: &Target<'_>) -> Result<Option<FileHook>, Failure> {
        let mode = target.mode.map(Mode::from);
        match target.destination {
            Some(destination) => {
                let plug = self.plug(target.topic, target.instance, destination, mode)?;
                self.at_file_of_plug(kind, plug)
            }
            None => self.at_file_of_instance(kind, target, mode),
        }
    }

    /// A command is given at its source; everything else happens at the destination.
    fn at_file_of_plug(&self, kind: HookKind, plug: &Plug) -> Result<Option<FileHook>, Failure> {
        let source = kind == HookKind::Trigger;
        let end = if source { &plug.source } else { &plug.destination };
        let product = self.mesh.product_of(self.instance(&end.instance)?);
        let hooks = self.mesh.hooks_at(plug, end, kind);
        let found = hooks.into_iter().find_map(|hook| Some((hook.title.clone(), HostedHook::of(product, hook)?)));
        let Some((title, hook)) = found else { return Ok(None) };
        let call = self.at_plug(plug, source)?.call;
        let up = self.journal.plug_state(&plug.id) == PlugState::Up;
        Ok(Some(FileHook { title, hook, call, up }))
    }

    fn at_file_of_instance(
        &self,
        kind: HookKind,
        target: &Target<'_>,
        mode: Option<Mode>,
    ) -> Result<Option<FileHook>, Failure> {
        let instance = self.instance(target.instance)?;
        let product = self.mesh.product_of(instance);
        let serves = |hook: &&crate::mesh::model::DeclaredHook| {
            hook.kind == kind
                && hook.topic.as_deref().is_none_or(|topic| topic == target.topic)
                && (hook.mode.is_none() || mode.is_none() || hook.mode == mode)
        };
        let served = product.hooks.iter().filter(serves);
        // A hook of this topic goes before one of every topic.
        let found = served
            .filter_map(|hook| Some((HostedHook::of(product, hook)?, hook)))
            .min_by_key(|(_, hook)| hook.topic.is_none());
        let Some((hosted, declared)) = found else { return Ok(None) };
        let role = if kind == HookKind::Trigger { Role::Trigger } else { Role::Consumer };
        let mut call = self.at_instance(instance, Some(target.topic), Some(role))?.call;
        call.mode = mode.or(declared.mode).or(Some(Mode::Push));
        Ok(Some(FileHook { title: declared.title.clone(), hook: hosted, call, up: false }))
    }
}

impl FileHook {
    /// Sees to it that the hook's code may run.
    ///
    /// # Errors
    /// When it is not trusted.
    pub(super) fn permit(&self, cx: &Context) -> Result<(), Failure> {
        trust::permit(cx, [self.call.own.product.clone()].into()).map(drop)
    }

    /// What went wrong, with whose hook it was.
    pub(super) fn failed(&self, error: HookError) -> Failure {
        Failure::from(error).of(&self.title)
    }

    /// The call, with this data.
    pub(super) fn with(&self, running: &Running, data: Value) -> resilmesh_hook_api::Call {
        self.hook.call(&running.root, &self.call, Given { data, up: self.up, ..Given::default() })
    }
}

/// Calls `work` with hosts that are ended afterwards, whatever comes of it.
///
/// # Errors
/// Those of the work.
pub(super) async fn with_hosts<T>(
    cx: &Context,
    running: &Running,
    work: impl AsyncFnOnce(&Hosts) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let hosts = cx.hosts(&running.root)?;
    let result = tokio::select! {
        result = work(&hosts) => result,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    };
    hosts.end().await;
    result
}

/// Calls hooks one after the other, each announced by its number and title.
///
/// # Errors
/// When one fails: those after it are not called.
pub(super) fn call_in_order(
    cx: &Context,
    keeper: &Keeper,
    project: &Path,
    call: &Call,
    hooks: &[(String, HostedHook)],
    given: &Given,
) -> Result<(), Failure> {
    block_on(async {
        let hosts = cx.hosts_noting(project, keeper.written.clone())?;
        let work = async {
            for (number, (title, hook)) in hooks.iter().enumerate() {
                cx.ui.progress(format!("{}) {title}", number + 1));
                let called = hosts.call(hook.call(project, call, given.clone())).await;
                called.map_err(|error| Failure::from(error).of(title))?;
            }
            Ok(())
        };
        let result = tokio::select! {
            result = work => result,
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
        };
        hosts.end().await;
        keeper.settle(cx)?;
        result
    })
}

/// Says that no product has such a hook.
pub(super) fn no_hook(kind: &str, target: &Target<'_>, product: &Product) -> Failure {
    Failure::new(format!("product `{}` has no `{kind}` hook for topic `{}`", product.name, target.topic))
        .hint(format!("`resilmesh hooks list {}` shows which it has", product.name))
}

/// What a hook returned, for people: text as it is, the rest as JSON; nothing for nothing.
pub(super) fn print(cx: &Context, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) if !cx.ui.json => cx.ui.line(text),
        other => cx.ui.line(other.to_string()),
    }
}
