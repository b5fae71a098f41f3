//! What resilmesh does on a NATS server: streams, durable consumers, and a look at both.
//!
//! All of it as the user `resilmesh`, whose password is generated. The users of the instances are
//! not made here but in `nats.conf`; a setup waits until the server lets the other end in.

mod connection;
mod consumer;
mod produce;
mod stats;
mod stream;
mod watch;

use super::super::{BuiltinHook, Run};
use crate::mesh::model::{Mode, Role};

/// A hook for every topic and format.
const fn hook(role: Option<Role>, mode: Option<Mode>, title: &'static str, run: Run) -> BuiltinHook {
    BuiltinHook { role, topic: None, mode, format: None, title, run }
}

/// The bus takes a topic: its stream.
const fn takes(title: &'static str, run: Run) -> BuiltinHook {
    hook(Some(Role::Consumer), Some(Mode::Push), title, run)
}

/// The bus gives a topic: a durable consumer.
const fn gives(title: &'static str, run: Run) -> BuiltinHook {
    hook(Some(Role::Producer), Some(Mode::Pull), title, run)
}

pub(super) const HOOKS: &[BuiltinHook] = &[
    takes("create the stream", Run::Setup(|cx| Box::pin(stream::setup(cx)))),
    takes("compare the stream", Run::Check(|cx| Box::pin(stream::check(cx)))),
    takes("keep the stream with its data", Run::Teardown(|cx| Box::pin(stream::keep(cx)))),
    gives("create the durable consumer", Run::Setup(|cx| Box::pin(consumer::setup(cx)))),
    gives("compare the durable consumer", Run::Check(|cx| Box::pin(consumer::check(cx)))),
    gives("delete the durable consumer", Run::Teardown(|cx| Box::pin(consumer::delete(cx)))),
    takes("publish into the stream", Run::Produce(|cx| Box::pin(produce::open(cx)))),
    hook(Some(Role::Consumer), None, "follow the stream", Run::Watch(|cx, from| Box::pin(watch::follow(cx, from)))),
    hook(Some(Role::Producer), None, "follow the stream", Run::Watch(|cx, from| Box::pin(watch::follow(cx, from)))),
    hook(None, None, "read streams and consumers", Run::Stats(|cx| Box::pin(stats::read(cx)))),
];
