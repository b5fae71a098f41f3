//! What the journal keeps of each thing that was done.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::hooks::{Call, HostedHook};
use crate::mesh::model::PlugId;

/// A service that was started and not stopped since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedService {
    /// Digest of what makes a restart necessary: settings and program.
    pub identity: String,
    /// The instances that had to be up before it: they are stopped after it.
    pub needs: BTreeSet<String>,
}

/// A setup hook that was called. It stays in the journal when its service is stopped, since what it
/// made lies in the service's data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoneSetup {
    /// What the hook says it does.
    pub title: String,
    /// Digest of the call.
    pub digest: String,
    /// The call: teardown gets the same.
    pub call: Call,
    /// The hook, if it is not compiled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted: Option<HostedHook>,
    /// The hooks in files that tell whether what was made is still there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<HostedHook>,
}

/// A teardown hook to be called when its plug goes down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// What the hook says it does.
    pub title: String,
    /// The call.
    pub call: Call,
    /// The hook.
    pub hook: HostedHook,
    /// Somebody else has set the plug up: the settings by which it is taken down stand in the call, not in
    /// the plug's file here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub of_others: bool,
}

/// What takes a plug down again: hooks, in the order in which they are called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undoing {
    /// The plug.
    pub plug: PlugId,
    /// The hooks that have not been called yet.
    pub hooks: Vec<Undo>,
    /// One of them was called, so that what was set up is not whole any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub begun: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}

/// A plug that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpPlug {
    /// Which.
    pub plug: PlugId,
    /// Digest of what it was declared as.
    pub digest: String,
    /// No event has been seen to pass it since, and one is still to be tried.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unverified: bool,
}

/// What names a setup: the instance whose hook it is, and the plug.
pub fn setup_key(instance: &str, plug: &PlugId) -> String {
    format!("{instance}: {plug}")
}

/// What names the setup by one of several hooks of an end; `number` from 1.
pub fn numbered_setup_key(instance: &str, plug: &PlugId, number: usize) -> String {
    format!("{instance}: {plug}: {number}")
}

/// How far a plug is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlugState {
    /// All its steps are done.
    Up,
    /// Some of them.
    Partial,
    /// None.
    Down,
}
