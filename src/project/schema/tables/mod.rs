//! The tables: every key of every document.

mod definition;
mod lock;
mod mesh;
mod service;
mod setting;
mod tests;

pub(in crate::project) use definition::{
    CAPABILITY, CAUTION, DEFINITION, GUARANTEE, HOOK, INTEGRATION, PERMISSIONS, RENDER,
};
pub(in crate::project) use lock::{CATALOGUE, LOCK};
pub(in crate::project) use mesh::{INSTANCE, OVERLAY, PLUG, PROFILE, PROJECT, ZONE};
pub(in crate::project) use service::{FETCH, FILE, NEEDS, PROGRAM, READY, RELOAD, REPLICATION, SERVICE, UNLESS};
pub(in crate::project) use setting::{PROPERTY, SETTING, SETTINGS};
pub(in crate::project) use tests::{CASE, EXPECTATION, TESTS};

use super::Shape;

/// The words of a mode.
pub(in crate::project) const MODES: Shape = Shape::Word(&["push", "pull"]);
/// The words of a role.
const ROLES: Shape = Shape::Word(&["consumer", "producer", "trigger", "executor"]);
/// A number of a port.
static PORT: Shape = Shape::Whole(1, u16::MAX as i64);
