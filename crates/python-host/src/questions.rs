//! Questions of hooks that `resilmesh` has not answered yet.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use resilmesh_hook_api::{CallId, Failure};
use serde_json::Value;

/// What came for a question.
pub(crate) enum Reply {
    /// Nothing yet: ask again.
    Pending,
    /// One of the things that were asked for; more may come.
    Item(Value),
    /// The answer.
    Answer(Value),
    /// There is none.
    Refused(Failure),
}

/// The questions.
#[derive(Default)]
pub(crate) struct Questions {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    last: u64,
    waiting: HashMap<u64, Arc<Question>>,
    /// Nobody is there to answer any more.
    closed: bool,
}

struct Question {
    call: CallId,
    inbox: Mutex<Inbox>,
    arrived: Condvar,
}

#[derive(Default)]
struct Inbox {
    items: std::collections::VecDeque<Value>,
    end: Option<Result<Value, Failure>>,
    /// Who waits is to look up from it.
    nudged: bool,
}

impl Questions {
    /// A new question of a call; its number.
    pub(crate) fn open(&self, call: CallId) -> u64 {
        let mut table = self.table.lock();
        table.last += 1;
        let number = table.last;
        let inbox = Inbox { end: table.closed.then(|| Err(gone())), ..Inbox::default() };
        let question = Question { call, inbox: Mutex::new(inbox), arrived: Condvar::new() };
        table.waiting.insert(number, Arc::new(question));
        number
    }

    /// Nobody waits for the answer any more; whether it was still to come.
    pub(crate) fn forget(&self, number: u64) -> bool {
        let forgotten = self.table.lock().waiting.remove(&number);
        forgotten.is_some_and(|question| question.inbox.lock().end.is_none())
    }

    /// Waits for what comes for a question, at most so long.
    pub(crate) fn wait(&self, number: u64, longest: Duration) -> Reply {
        let Some(question) = self.table.lock().waiting.get(&number).cloned() else {
            return Reply::Refused(Failure { message: "this was answered before".to_owned(), ..Failure::default() });
        };
        let mut inbox = question.inbox.lock();
        if inbox.items.is_empty() && inbox.end.is_none() && !inbox.nudged {
            question.arrived.wait_for(&mut inbox, longest);
        }
        inbox.nudged = false;
        if let Some(item) = inbox.items.pop_front() {
            return Reply::Item(item);
        }
        let Some(end) = inbox.end.take() else { return Reply::Pending };
        drop(inbox);
        self.forget(number);
        end.map_or_else(Reply::Refused, Reply::Answer)
    }

    /// One of the things that were asked for.
    pub(crate) fn item(&self, number: u64, value: Value) {
        self.with(number, |inbox| inbox.items.push_back(value));
    }

    /// The answer. One to a question that nobody waits for is dropped.
    pub(crate) fn answer(&self, number: u64, answer: Result<Value, Failure>) {
        self.with(number, |inbox| inbox.end = Some(answer));
    }

    /// Makes those of a call look up that wait for answers.
    pub(crate) fn nudge(&self, call: CallId) {
        let questions: Vec<_> =
            self.table.lock().waiting.values().filter(|question| question.call == call).cloned().collect();
        for question in questions {
            question.inbox.lock().nudged = true;
            question.arrived.notify_all();
        }
    }

    /// `resilmesh` has gone.
    pub(crate) fn close(&self) {
        let mut table = self.table.lock();
        table.closed = true;
        for question in table.waiting.values() {
            question.inbox.lock().end.get_or_insert_with(|| Err(gone()));
            question.arrived.notify_all();
        }
    }

    fn with(&self, number: u64, change: impl FnOnce(&mut Inbox)) {
        let question = self.table.lock().waiting.get(&number).cloned();
        if let Some(question) = question {
            change(&mut question.inbox.lock());
            question.arrived.notify_all();
        }
    }
}

fn gone() -> Failure {
    Failure { message: "resilmesh has ended and answers no more".to_owned(), ..Failure::default() }
}
