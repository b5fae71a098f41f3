//! A plan: steps with their causes and what each waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::changes::FileChange;
use super::journal::{DoneSetup, Undo};
use crate::hooks::{self, Call, HostedHook};
use crate::mesh::model::PlugId;
use crate::project::saved::Edited;
use crate::runtime::ServiceSpec;

/// A service to start, with what the journal keeps about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// How it runs.
    pub spec: ServiceSpec,
    /// Digest of what makes a restart necessary.
    pub identity: String,
    /// The instances that have to be up before it.
    pub needs: BTreeSet<String>,
}

/// A setup hook to call.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Its key in the journal.
    pub key: String,
    /// What the hook says it does.
    pub title: String,
    /// Digest of the call.
    pub digest: String,
    /// The call.
    pub call: Call,
    /// The hook, if it is not compiled in.
    pub hosted: Option<HostedHook>,
    /// The hooks in files that tell whether what was made at this end of the plug is still there.
    pub checks: Arc<[HostedHook]>,
    /// What takes its plug down again, noted before the first of its hooks is called.
    pub undo: Arc<[Undo]>,
}

impl Setup {
    /// What the journal keeps of it once it is done.
    pub fn done(&self) -> DoneSetup {
        DoneSetup {
            title: self.title.clone(),
            digest: self.digest.clone(),
            call: self.call.clone(),
            hosted: self.hosted.clone(),
            checks: self.checks.to_vec(),
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Stops a service that is no longer wanted.
    Stop(String),
    /// Takes a plug out of the journal.
    PlugDown(PlugId),
    /// Deletes the rendered files of an instance.
    RemoveFiles(String),
    /// Writes the rendered files of an instance.
    Render {
        /// The instance.
        instance: String,
        /// Contents by path.
        files: BTreeMap<String, String>,
        /// Digest of them.
        digest: String,
    },
    /// Starts a service.
    Start(Box<Launch>),
    /// Stops and starts it.
    Restart(Box<Launch>),
    /// Makes it read its files again.
    Reload(Box<Launch>),
    /// Waits until it is ready.
    Ready(String),
    /// Calls a setup hook.
    Setup(Box<Setup>),
    /// Calls the teardown hook for a setup that was done.
    Teardown {
        /// Its key in the journal.
        key: String,
        /// What was done.
        done: Box<DoneSetup>,
    },
    /// Calls a teardown hook of a plug.
    Undo {
        /// The plug.
        plug: PlugId,
        /// The hook.
        undo: Box<Undo>,
        /// The plug's settings were edited: it is taken down by the former ones.
        edited: Option<Box<Edited>>,
    },
    /// Notes that a plug is up.
    PlugUp {
        /// The plug.
        plug: PlugId,
        /// Digest of what it is declared as.
        digest: String,
        /// What takes it down again.
        undo: Arc<[Undo]>,
    },
    /// Deletes the data of an instance.
    DeleteData(String),
    /// Ends what the runtime keeps running for itself.
    Finish,
}

/// What is known of what a hook will change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Its check hook tells whether it is needed.
    Checked,
    /// Nothing: it has no check hook.
    Unknown,
}

impl Action {
    /// What is known of the effect of the setup hook that the step calls.
    pub fn effect(&self) -> Option<Effect> {
        let Self::Setup(setup) = self else { return None };
        let is_checked = match &setup.hosted {
            Some(_) => !setup.checks.is_empty(),
            None => hooks::find(hooks::Kind::Check, &setup.call).is_some(),
        };
        Some(if is_checked { Effect::Checked } else { Effect::Unknown })
    }

    /// The verb, as people see it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Stop(_) => "stop",
            Self::PlugDown(_) => "unplug",
            Self::RemoveFiles(_) => "remove",
            Self::Render { .. } => "render",
            Self::Start(_) => "start",
            Self::Restart(_) => "restart",
            Self::Reload(_) => "reload",
            Self::Ready(_) => "wait for",
            Self::Setup(_) => "set up",
            Self::Teardown { .. } | Self::Undo { .. } => "undo",
            Self::PlugUp { .. } => "plug",
            Self::DeleteData(_) => "delete",
            Self::Finish => "finish",
        }
    }

    /// The product whose code in a file the step calls.
    pub fn runs_file_of(&self) -> Option<String> {
        match self {
            Self::Setup(setup) => setup.hosted.as_ref().map(|_| setup.call.own.product.clone()),
            Self::Undo { undo, .. } => Some(undo.call.own.product.clone()),
            _ => None,
        }
    }

    /// What the verb is about.
    pub fn object(&self) -> String {
        match self {
            Self::Stop(instance) | Self::Ready(instance) => instance.clone(),
            Self::Render { instance, .. } | Self::RemoveFiles(instance) => format!("configuration of {instance}"),
            Self::DeleteData(instance) => format!("data of {instance}"),
            Self::Start(launch) | Self::Restart(launch) | Self::Reload(launch) => launch.spec.instance.clone(),
            Self::Setup(setup) => format!("{} ({})", setup.key, setup.title),
            Self::Teardown { key, done } => format!("{key} ({})", done.title),
            Self::Undo { plug, undo, .. } => format!("{}: {plug} ({})", undo.call.own.name, undo.title),
            Self::PlugUp { plug, .. } | Self::PlugDown(plug) => plug.to_string(),
            Self::Finish => "supervisor".to_owned(),
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// Why it is in the plan.
    pub cause: String,
    /// Steps that must be done before, by their index in the plan.
    pub after: BTreeSet<usize>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action.verb(), self.action.object())
    }
}

/// Steps in an order in which they could be done one by one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The steps; each stands after those it waits for.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// As JSON: `{schema, steps: [{step, after, action, object, cause, effect?, files?}]}`; `files` are
    /// those that a step changes, by its index.
    pub fn to_json(&self, files: &BTreeMap<usize, Vec<FileChange>>) -> Value {
        let to_json = |(index, step): (usize, &Step)| {
            let mut shown = json!({
                "step": index + 1,
                "after": step.after.iter().map(|before| before + 1).collect::<Vec<_>>(),
                "action": step.action.verb(),
                "object": step.action.object(),
                "cause": step.cause,
            });
            if let Some(effect) = step.action.effect() {
                shown["effect"] = json!(effect);
            }
            if let Some(files) = files.get(&index) {
                shown["files"] = json!(files);
            }
            shown
        };
        json!({"schema": 1, "steps": self.steps.iter().enumerate().map(to_json).collect::<Vec<_>>()})
    }

    /// One line a step: number, what it waits for, what it does, why.
    pub fn lines(&self) -> Vec<String> {
        let rows: Vec<[String; 3]> = self.steps.iter().enumerate().map(|(index, step)| row(index, step)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (first, second) = (width(0), width(1));
        let line = |(row, step): (&[String; 3], &Step)| {
            let verb = step.action.verb();
            let effect = match step.action.effect() {
                Some(Effect::Unknown) => "; effect unknown",
                Some(Effect::Checked) | None => "",
            };
            format!("{:<first$}  {:<second$}  {verb:<8}  {} -- {}{effect}", row[0], row[1], row[2], step.cause)
        };
        rows.iter().zip(&self.steps).map(line).collect()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn row(index: usize, step: &Step) -> [String; 3] {
    let before: Vec<String> = step.after.iter().map(|before| (before + 1).to_string()).collect();
    let after = if before.is_empty() { String::new() } else { format!("after {}", before.join(",")) };
    [format!("#{}", index + 1), after, step.action.object()]
}
