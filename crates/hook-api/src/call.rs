//! What is called, with what.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::documents::{Instance, Integration, Plug};

/// At which moment a hook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookKind {
    /// Sets an end of a plug up.
    Setup,
    /// Takes it down again.
    Teardown,
    /// Says whether it is as set up.
    Check,
    /// Writes the first files of an integration.
    Scaffold,
    /// Fetches a product's definition or data from its vendor.
    Pull,
    /// Sends an integration to its vendor.
    Publish,
    /// Sends data.
    Produce,
    /// Shows data that flows.
    Watch,
    /// Gives a command.
    Trigger,
    /// Carries a command out.
    Execute,
    /// Works on events on their way through a module ([`batch`](crate::batch)); never called by [`Call`].
    Process,
}

/// Where a hook's code is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HookRef {
    /// The product whose code it is.
    pub product: String,
    /// The product's folder, absolute.
    pub folder: String,
    /// The file, below that folder, with `/`: `setup.py`, `hooks/src/main.rs`,
    /// `integrations/logwell/events_producer.py`.
    pub file: String,
    /// The function's name.
    pub function: String,
    /// The line, from 1, of the function's first decorator, as `co_firstlineno` has it, in Rust of the attribute: two
    /// functions of a file may have one name.
    pub line: u32,
}

/// A hook with all that it may be given. A hook gets what its parameters name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Where its code is.
    pub hook: HookRef,
    /// Why it is called.
    pub kind: HookKind,
    /// `instance`: of the own side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
    /// `plug`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plug: Option<Plug>,
    /// `integration`: of the own side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<Integration>,
    /// `topic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// `mode`: `push` or `pull`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// `data`: text for `produce`, a map for `trigger` and `execute`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// `path`: the folder that a `pull` hook works in, absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How long it may take, in milliseconds; none = as long as it likes. The host interrupts it then;
    /// `resilmesh` ends a host that does not come to an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
}

impl Call {
    /// Of a hook, with nothing that it may be given.
    pub fn of(hook: HookRef, kind: HookKind) -> Self {
        Self {
            hook,
            kind,
            instance: None,
            plug: None,
            integration: None,
            topic: None,
            mode: None,
            data: Value::Null,
            path: None,
            deadline: None,
        }
    }
}
