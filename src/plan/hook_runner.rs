//! Calling the hooks that are compiled in.

use std::sync::Arc;

use async_trait::async_trait;

use super::apply::Hooks;
use super::journal::DoneSetup;
use super::paths::StateFolder;
use super::step::Setup;
use crate::hooks::{self, Call, HookContext, HookError, Kind, Outcome, Run};
use crate::redact::Redactor;

/// Calls them with the secrets of this state folder.
#[derive(Debug)]
pub struct BuiltinHooks<'a> {
    /// The state folder.
    pub state: &'a StateFolder,
    /// Takes secrets out of what they say.
    pub redactor: Arc<Redactor>,
}

impl BuiltinHooks<'_> {
    fn context(&self, call: &Call) -> HookContext {
        HookContext { call: call.clone(), secrets: self.state.secrets(), control: None }
    }

    fn said(&self, outcome: Result<Outcome, HookError>) -> Result<Outcome, HookError> {
        let clean = |text: String| self.redactor.redact(&text);
        match outcome {
            Ok(Outcome::Unchanged) => Ok(Outcome::Unchanged),
            Ok(Outcome::Changed(what)) => Ok(Outcome::Changed(clean(what))),
            Err(HookError { what, hint }) => Err(HookError { what: clean(what), hint: hint.map(clean) }),
        }
    }
}

#[async_trait]
impl Hooks for BuiltinHooks<'_> {
    async fn setup(&self, setup: &Setup) -> Result<Outcome, HookError> {
        match hooks::find(Kind::Setup, &setup.call).map(|hook| hook.run) {
            Some(Run::Setup(run)) => self.said(run(&self.context(&setup.call)).await),
            _ => Err(missing(&setup.call, "setup")),
        }
    }

    async fn teardown(&self, done: &DoneSetup) -> Result<Outcome, HookError> {
        match hooks::find(Kind::Teardown, &done.call).map(|hook| hook.run) {
            Some(Run::Teardown(run)) => self.said(run(&self.context(&done.call)).await),
            _ => Err(missing(&done.call, "teardown")),
        }
    }
}

/// The journal may come from another version of this program.
fn missing(call: &Call, kind: &str) -> HookError {
    HookError::new(format!(
        "product `{}` has no {kind} hook for this plug in this version of resilmesh",
        call.own.product
    ))
}
