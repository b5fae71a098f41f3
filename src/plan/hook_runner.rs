//! Calling hooks: those that are compiled in, and those in files of products.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::apply::Hooks;
use super::journal::{DoneSetup, Undo};
use super::paths::StateFolder;
use super::step::{Action, Plan, Setup};
use crate::hooks::documents::{self, Reader};
use crate::hooks::host::Hosts;
use crate::hooks::{self, Call, Given, HookContext, HookError, HostedHook, Kind, Outcome, Run, folder};
use crate::mesh::model::{HookCode, Mesh};
use crate::project::edit::set_key;
use crate::project::load::PRODUCTS;
use crate::project::rust_hooks;
use crate::project::saved::{Edited, Saved, Settings};
use crate::project::write;
use crate::redact::Redactor;

type Said = Result<Option<String>, HookError>;

/// Calls hooks with the secrets of this state folder.
#[derive(Debug)]
pub struct HookRunner<'a> {
    /// The project's folder, absolute.
    pub project: &'a Path,
    /// The state folder.
    pub state: &'a StateFolder,
    /// What runs hooks in files.
    pub hosts: &'a Hosts,
    /// Reads what hooks are given.
    pub documents: Reader,
    /// Takes secrets out of what hooks say.
    pub redactor: Arc<Redactor>,
}

/// Builds the programs of hooks and modules in Rust that a plan puts to work, before anything of it begins.
///
/// # Errors
/// What the compiler says.
pub async fn build(hosts: &Hosts, project: &Path, mesh: &Mesh, plan: &Plan) -> Result<(), HookError> {
    let setups = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Setup(setup) => Some((setup.call.own.product.as_str(), setup.hosted.as_ref()?)),
        _ => None,
    });
    let in_rust: BTreeMap<&str, &HostedHook> = setups.filter(|(_, hook)| rust_hooks::is_code(&hook.file)).collect();
    for (product, hook) in in_rust {
        hosts.build(product, &project.join(&hook.folder)).await?;
    }
    // What a module's service starts is built from a copy with the same content: then it is there already.
    let services = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Start(launch) | Action::Restart(launch) => Some(launch.spec.product.as_str()),
        _ => None,
    });
    for product in services.collect::<BTreeSet<&str>>() {
        let module = mesh.products.get(product).and_then(|product| Some((product.module()?, folder(product)?)));
        if let Some((hook, folder)) = module
            && matches!(hook.code, HookCode::Rust { .. })
        {
            hosts.build(product, &project.join(folder)).await?;
        }
    }
    Ok(())
}

impl HookRunner<'_> {
    /// Starts what runs the first hook of a plan that is in a file.
    pub async fn prepare(&self, plan: &Plan) {
        let first = plan.steps.iter().find_map(|step| match &step.action {
            Action::Setup(setup) => Some((&setup.call.own.product, setup.hosted.as_ref()?)),
            _ => None,
        });
        if let Some((product, hook)) = first {
            self.hosts.prepare(product, &self.project.join(&hook.folder), &hook.file).await;
        }
    }

    fn context(&self, call: &Call) -> HookContext {
        HookContext { call: call.clone(), secrets: self.state.secrets(), controls: Vec::new() }
    }

    async fn hosted(&self, hook: &HostedHook, call: &Call, given: Given) -> Said {
        let call = hook.call_with(&self.documents, self.project, call, given);
        Ok(match self.hosts.call(call).await? {
            Value::String(what) if !what.trim().is_empty() => Some(what),
            _ => None,
        })
    }

    /// Keeps what a setup hook has left of the settings of its plug.
    fn note(&self, call: &Call) -> Result<(), HookError> {
        let left = call.plug.as_ref().zip(documents::settings_of_plug(&self.documents, self.project, call));
        let noted = left.map_or(Ok(()), |(plug, settings)| Saved::of(self.project).note(plug, &settings));
        noted.map_err(|error| {
            HookError::new(format!("what it has left of the plug's settings cannot be kept: {error}"))
                .hint("check the permissions of `.resilmesh` and the free disk space")
        })
    }

    /// Puts edits of settings back that a hook has saved over, since it was given the former ones.
    fn keep_edits(&self, call: &Call, edited: &Edited, now: &Settings) -> Result<(), HookError> {
        let Some(path) = documents::path_of_plug(self.project, call) else { return Ok(()) };
        let left = documents::settings_of_plug(&self.documents, self.project, call).unwrap_or_default();
        let lost = |name: &&String| left.get(*name) != now.get(*name) && left.get(*name) == edited.former.get(*name);
        let lost: Vec<&String> = edited.names.iter().filter(lost).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let text = std::fs::read_to_string(&path).map(|text| {
            lost.into_iter().fold(text, |text, name| set_key(&text, Some("settings"), name, now.get(name)))
        });
        text.and_then(|text| write::replace(&path, text))
            .map_err(|error| HookError::new(format!("`{}` cannot be written: {error}", path.display())))
    }

    fn said(&self, said: Said) -> Said {
        let clean = |text: &str| self.redactor.redact(text);
        said.map(|said| said.as_deref().map(clean)).map_err(|error| error.map(clean))
    }
}

#[async_trait]
impl Hooks for HookRunner<'_> {
    async fn setup(&self, setup: &Setup) -> Said {
        let said = match &setup.hosted {
            Some(hook) => match self.hosted(hook, &setup.call, Given::default()).await {
                Ok(said) => self.note(&setup.call).map(|()| said),
                failed => failed,
            },
            None => match hooks::find(Kind::Setup, &setup.call).map(|hook| hook.run) {
                Some(Run::Setup(run)) => run(&self.context(&setup.call)).await.map(words),
                _ => Err(missing(&setup.call, "setup")),
            },
        };
        self.said(said)
    }

    async fn teardown(&self, done: &DoneSetup) -> Said {
        match hooks::find(Kind::Teardown, &done.call).map(|hook| hook.run) {
            Some(Run::Teardown(run)) => self.said(run(&self.context(&done.call)).await.map(words)),
            _ => Err(missing(&done.call, "teardown")),
        }
    }

    async fn packages(&self, product: &str, folder: &Path) -> Result<(), HookError> {
        self.hosts.packages(product, folder).await
    }

    async fn program(&self, product: &str, folder: &Path) -> Result<PathBuf, HookError> {
        // Who has no cargo may have a program that came with the product: it is no part of the code.
        let own = self.project.join(PRODUCTS).join(product);
        let has_program = own.join(rust_hooks::CRATE).join(rust_hooks::PREBUILT).is_dir();
        self.hosts.build(product, if has_program { &own } else { folder }).await
    }

    async fn undo(&self, undo: &Undo, edited: Option<&Edited>) -> Said {
        let Some(edited) = edited else {
            let given = Given { up: true, told: undo.of_others, ..Given::default() };
            return self.said(self.hosted(&undo.hook, &undo.call, given).await);
        };
        let now = documents::settings_of_plug(&self.documents, self.project, &undo.call);
        let call = Call { settings: edited.former.clone(), ..undo.call.clone() };
        let given = Given { up: true, told: true, ..Given::default() };
        let said = self.hosted(&undo.hook, &call, given).await;
        let kept = now.map_or(Ok(()), |now| self.keep_edits(&call, edited, &now));
        self.said(said.and_then(|said| kept.map(|()| said)))
    }
}

fn words(outcome: Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::Changed(what) => what,
    })
}

/// The journal may come from another version of this program.
fn missing(call: &Call, kind: &str) -> HookError {
    HookError::new(format!(
        "product `{}` has no {kind} hook for this plug in this version of resilmesh",
        call.own.product
    ))
}
