//! Questions of hooks that `resilmesh` has not answered yet.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use resilmesh_hook_api::{CallId, Failure};
use serde_json::Value;

/// What comes for a question.
pub(super) enum Reply {
    /// One of the things that were asked for; more may come.
    Item(Value),
    /// The answer, and the end.
    Answer(Result<Value, Failure>),
    /// The call is not wanted any more: look at it.
    Look,
}

/// The questions.
#[derive(Default)]
pub(super) struct Questions {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    last: u64,
    waiting: HashMap<u64, (CallId, Sender<Reply>)>,
    /// Nobody is there to answer any more.
    closed: bool,
}

impl Questions {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new question of a call: its number, and where what comes for it arrives. None once nobody answers.
    pub(super) fn open(&self, call: CallId) -> Option<(u64, Receiver<Reply>)> {
        let mut table = self.table();
        if table.closed {
            return None;
        }
        table.last += 1;
        let (number, (reply, arrives)) = (table.last, channel());
        table.waiting.insert(number, (call, reply));
        Some((number, arrives))
    }

    /// Nobody waits for the answer any more; whether it was still to come.
    pub(super) fn forget(&self, number: u64) -> bool {
        self.table().waiting.remove(&number).is_some()
    }

    /// One of the things that were asked for. What nobody waits for is dropped.
    pub(super) fn item(&self, number: u64, value: Value) {
        if let Some((_, reply)) = self.table().waiting.get(&number) {
            let _ = reply.send(Reply::Item(value));
        }
    }

    /// The answer. One that nobody waits for is dropped.
    pub(super) fn answer(&self, number: u64, answer: Result<Value, Failure>) {
        if let Some((_, reply)) = self.table().waiting.remove(&number) {
            let _ = reply.send(Reply::Answer(answer));
        }
    }

    /// Makes those of a call look up that wait for answers.
    pub(super) fn nudge(&self, call: CallId) {
        for (_, reply) in self.table().waiting.values().filter(|(own, _)| *own == call) {
            let _ = reply.send(Reply::Look);
        }
    }

    /// `resilmesh` has gone.
    pub(super) fn close(&self) {
        let mut table = self.table();
        table.closed = true;
        table.waiting.clear();
    }
}
