//! Calling hooks: those that are compiled in, and those in files of products.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::apply::Hooks;
use super::journal::{DoneSetup, Undo};
use super::paths::StateFolder;
use super::step::Setup;
use crate::hooks::documents::Reader;
use crate::hooks::host::Hosts;
use crate::hooks::{self, Call, Given, HookContext, HookError, HostedHook, Kind, Outcome, Run};
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

impl HookRunner<'_> {
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

    fn said(&self, said: Said) -> Said {
        let clean = |text: &str| self.redactor.redact(text);
        said.map(|said| said.as_deref().map(clean)).map_err(|error| error.map(clean))
    }
}

#[async_trait]
impl Hooks for HookRunner<'_> {
    async fn setup(&self, setup: &Setup) -> Said {
        let said = match &setup.hosted {
            Some(hook) => self.hosted(hook, &setup.call, Given::default()).await,
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

    async fn undo(&self, undo: &Undo) -> Said {
        self.said(
            self.hosted(&undo.hook, &undo.call, Given { up: true, told: undo.of_others, ..Given::default() }).await,
        )
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
