//! What resilmesh does with a running pipeline: send lines into it, look at what flows through.

mod syslog;
mod tap;

use super::super::{BuiltinHook, Run};
use crate::mesh::model::{Mode, Role};

const fn tap(role: Role, title: &'static str) -> BuiltinHook {
    let run = Run::Watch(|cx, from| Box::pin(tap::follow(cx, from)));
    BuiltinHook { role: Some(role), topic: None, mode: None, format: None, title, run }
}

pub(super) const HOOKS: &[BuiltinHook] = &[
    BuiltinHook {
        role: Some(Role::Consumer),
        topic: Some("logs"),
        mode: Some(Mode::Push),
        format: Some("syslog"),
        title: "send lines as syslog over TCP",
        run: Run::Produce(|cx| Box::pin(syslog::open(cx))),
    },
    tap(Role::Consumer, "tap what comes in"),
    tap(Role::Producer, "tap what goes out"),
];
