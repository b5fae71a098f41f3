//! What resilmesh does on an Elasticsearch: index template, index, and a look at the documents.

mod client;
mod index;
mod produce;
mod search;
mod stats;
mod watch;

use super::super::{BuiltinHook, Run};
use crate::mesh::model::{Mode, Role};

const fn takes(title: &'static str, run: Run) -> BuiltinHook {
    BuiltinHook { role: Some(Role::Consumer), topic: None, mode: Some(Mode::Push), format: None, title, run }
}

pub(super) const HOOKS: &[BuiltinHook] = &[
    takes("create the index template and the index", Run::Setup(|cx| Box::pin(index::setup(cx)))),
    takes("compare the index template and the index", Run::Check(|cx| Box::pin(index::check(cx)))),
    takes("keep the index with its documents", Run::Teardown(|cx| Box::pin(index::keep(cx)))),
    takes("put a document into the index", Run::Produce(|cx| Box::pin(produce::open(cx)))),
    BuiltinHook { mode: None, ..takes("follow new documents", Run::Watch(|cx, from| Box::pin(watch::follow(cx, from)))) },
    BuiltinHook { role: None, mode: None, ..takes("find documents", Run::Search(|cx, query| Box::pin(search::find(cx, query)))) },
    BuiltinHook { role: None, mode: None, ..takes("delete a document", Run::Forget(|cx, id| Box::pin(search::forget(cx, id)))) },
    BuiltinHook { role: None, mode: None, ..takes("count documents", Run::Stats(|cx| Box::pin(stats::read(cx)))) },
];
