//! What the command line and the supervisor say to each other over the control protocol.
//!
//! `hello` and `hand_over` keep their meaning in every version, so that any two builds can part in
//! peace.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::runtime::ServiceSpec;

/// Raised when the meaning of a verb changes.
pub(crate) const PROTOCOL: u32 = 1;

/// Who are you? Answer: [`Hello`].
pub(crate) const HELLO: &str = "hello";
/// End, and leave the services running for the next supervisor.
pub(crate) const HAND_OVER: &str = "hand_over";
/// All services as they are. Answer: a list of `ServiceStatus`.
pub(crate) const LIST: &str = "list";
/// Start or replace a service. With: `ServiceSpec`.
pub(crate) const START: &str = "start";
/// Let a service read its files again. With: `ServiceSpec`.
pub(crate) const RELOAD: &str = "reload";
/// Stop a service and forget it. With: [`Named`].
pub(crate) const STOP: &str = "stop";
/// Answer when a service is ready, or will not be. With: [`Wait`].
pub(crate) const WAIT: &str = "wait";
/// End if no service is left. Answer: [`Finished`].
pub(crate) const FINISH: &str = "finish";

/// Who answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) protocol: u32,
    pub(crate) version: String,
    /// What tells this build from others; see `build_of`.
    pub(crate) build: String,
    pub(crate) pid: u32,
    /// The project's folder as it was when it began; none = it does not say.
    #[serde(default)]
    pub(crate) project: Option<PathBuf>,
}

/// Which service.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) instance: String,
}

/// For which service to wait, and how long.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Wait {
    pub(crate) instance: String,
    pub(crate) within: Duration,
}

/// Whether the supervisor ends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// Services that are left; it ends only without any.
    pub(crate) left: Vec<String>,
}

/// The argument of [`START`] and [`RELOAD`].
pub(crate) type Spec = ServiceSpec;
