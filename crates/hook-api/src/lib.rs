//! The protocol between `resilmesh` and a hook host: the process that runs vendors' hooks.
//!
//! One JSON object a line on the host's standard input ([`ToHost`]) and standard output
//! ([`FromHost`]). The host says [`FromHost::Hello`] first; `resilmesh` answers with
//! [`ToHost::Welcome`], or ends a host of another version. Then `resilmesh` makes calls, several at
//! once if it likes; each ends with one [`FromHost::Done`] or [`FromHost::Failed`]. While a call
//! runs, the host may log, report progress, hand over items and ask ([`Request`]); `resilmesh`
//! answers each question once. End of input asks the host to end.
//!
//! What hooks write on the host's own standard output never is part of the protocol: the host takes
//! it as [`FromHost::Log`].
//!
//! Workers of modules, which events pass through, speak [`batch`].
//!
//! Serde types, and how frames are laid out: nothing here does anything.

pub mod batch;
mod call;
mod documents;
mod request;

pub use call::{Call, HookKind, HookRef};
pub use documents::{Capability, Instance, Integration, Plug, Product};
pub use request::{Failure, InstanceName, IntegrationName, PlugFilter, PlugName, Request, SecretOwner};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the protocol. A host of another one is refused.
pub const VERSION: u32 = 1;

/// The longest line that either side takes, in bytes.
pub const LONGEST_LINE: usize = 64 << 20;

/// Names a call; unique among those of one host.
pub type CallId = u64;

/// What `resilmesh` tells a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToHost {
    /// The first line.
    Welcome {
        /// The folder of the project, absolute.
        project: String,
        /// Folders with packages that hooks may import (`site-packages` of the product's virtual
        /// environment).
        #[serde(default)]
        packages: Vec<String>,
    },
    /// Calls a hook.
    Call {
        /// Names the call.
        id: CallId,
        /// What to call, with what.
        #[serde(flatten)]
        call: Box<Call>,
    },
    /// The answer to a question of the host.
    Answer {
        /// The question.
        ask: u64,
        /// What was asked for; `null` if there is nothing.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        value: Value,
        /// Why there is no answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
    /// One of the things that a question asks for, before its answer: what a watch shows.
    Item {
        /// The question.
        ask: u64,
        /// The thing.
        value: Value,
    },
    /// The call is no longer wanted: the hook is interrupted, as by Ctrl-C.
    Cancel {
        /// The call.
        id: CallId,
    },
}

/// What a host tells `resilmesh`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromHost {
    /// The first line.
    Hello {
        /// [`VERSION`] of the host.
        version: u32,
        /// What hooks are written in: `python`, `rust`.
        language: String,
        /// The language's own version: `3.11.2`.
        runtime: String,
        /// A program of that version that can make virtual environments, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
    },
    /// A line for people.
    Log {
        /// The call it comes from, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// How important it is.
        level: Level,
        /// The text, without the final line break.
        text: String,
    },
    /// How far a call is.
    Progress {
        /// The call.
        call: CallId,
        /// What it is doing.
        text: String,
        /// From 0 to 1, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        done: Option<f64>,
    },
    /// One of the things that a call gives: a record of a `watch` hook.
    Item {
        /// The call.
        call: CallId,
        /// The thing.
        value: Value,
    },
    /// Asks for something; the hook waits for the answer.
    Ask {
        /// Names the question; unique among those of this host.
        ask: u64,
        /// The call that asks.
        call: CallId,
        /// What is asked for.
        request: Request,
    },
    /// Nobody waits for the answer to a question any more: what is under way for it may end.
    Forget {
        /// The question.
        ask: u64,
    },
    /// A call has ended well.
    Done {
        /// The call.
        call: CallId,
        /// What the hook returned; `null` if nothing.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        value: Value,
    },
    /// A call has ended badly.
    Failed {
        /// The call.
        call: CallId,
        /// Why.
        error: Failure,
    },
}

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For those who look for a mistake: shown with `--verbose`.
    Debug,
    /// What the hook printed or logged.
    Info,
    /// Something may be wrong.
    Warning,
    /// Something is wrong.
    Error,
}
