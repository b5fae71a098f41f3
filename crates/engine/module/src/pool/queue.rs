//! Events that wait for a worker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use resilmesh_hook_api::Failure;
use tokio::sync::{Notify, mpsc};

use super::Fate;

/// As many bytes of events are given at once, and one event more.
const MOST_BYTES: usize = 4 << 20;
/// How long an event waits that may be worked on a little later; then twice as long, and so on.
const LATER: Duration = Duration::from_millis(250);
const LATEST: Duration = Duration::from_secs(10);

/// An event that is to be worked on.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) event: Bytes,
    at: usize,
    /// How often it has failed, killed its worker or held it up, as far as is known.
    tries: u32,
    to: mpsc::UnboundedSender<(usize, Fate)>,
}

impl Job {
    pub(crate) fn new(event: Bytes, at: usize, to: mpsc::UnboundedSender<(usize, Fate)>) -> Self {
        Self { event, at, tries: 0, to }
    }

    /// Tells what became of it.
    pub(crate) fn end(self, fate: Fate) {
        // Who has gave it up has handed its message back.
        let _ = self.to.send((self.at, fate));
    }

    fn is_wanted(&self) -> bool {
        !self.to.is_closed()
    }
}

/// Events in order, and those that are given to a worker that does nothing else meanwhile.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    workers: usize,
}

#[derive(Default)]
struct Waiting {
    fresh: VecDeque<Job>,
    alone: VecDeque<Job>,
}

/// What a worker is given.
#[derive(Debug)]
pub(crate) enum Given {
    /// Some events.
    Some(Vec<Job>),
    /// One that has to be seen by itself.
    Alone(Job),
}

impl Queue {
    pub(crate) fn new(workers: usize) -> Self {
        Self { waiting: Mutex::default(), changed: Notify::new(), workers }
    }

    pub(crate) fn add(&self, jobs: Vec<Job>) {
        self.waiting.lock().fresh.extend(jobs);
        self.changed.notify_waiters();
    }

    /// Waits for events, at most `most`. Who is not idle gets none that has to be seen by itself, and no others as long
    /// as there are such.
    pub(crate) async fn take(&self, idle: bool, most: usize) -> Given {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(given) = self.waiting.lock().take(idle, most, self.workers) {
                return given;
            }
            changed.await;
        }
    }

    /// Has events seen one by one that a worker has not answered. If it had no other, it is to blame: after so many
    /// tries it has failed.
    pub(crate) fn blame(&self, jobs: Vec<Job>, why: &Failure, tries: u32) {
        let alone = jobs.len() == 1;
        let mut again = Vec::with_capacity(jobs.len());
        for mut job in jobs {
            job.tries += u32::from(alone);
            if job.tries >= tries {
                job.end(Fate::Failed(Box::new(why.clone())));
            } else {
                again.push(job);
            }
        }
        self.waiting.lock().alone.extend(again);
        self.changed.notify_waiters();
    }

    /// Has an event tried again a little later; after so many tries it has failed.
    pub(crate) fn retry(self: &Arc<Self>, mut job: Job, why: Failure, tries: u32) {
        job.tries += 1;
        if job.tries >= tries {
            return job.end(Fate::Failed(Box::new(why)));
        }
        let wait = LATER.saturating_mul(1 << (job.tries - 1).min(16)).min(LATEST);
        let queue = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            queue.waiting.lock().fresh.push_front(job);
            queue.changed.notify_waiters();
        });
    }
}

impl Waiting {
    fn take(&mut self, idle: bool, most: usize, workers: usize) -> Option<Given> {
        self.alone.retain(Job::is_wanted);
        if !self.alone.is_empty() {
            return if idle { self.alone.pop_front().map(Given::Alone) } else { None };
        }
        // The last ones are shared, and not left to one.
        let most = most.min(self.fresh.len().div_ceil(workers)).max(1);
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        while jobs.len() < most && bytes < MOST_BYTES {
            let Some(job) = self.fresh.pop_front() else { break };
            if job.is_wanted() {
                bytes += job.event.len();
                jobs.push(job);
            }
        }
        (!jobs.is_empty()).then_some(Given::Some(jobs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn failure() -> Failure {
        Failure { message: "it died".to_owned(), ..Failure::default() }
    }

    fn jobs(count: usize) -> (Vec<Job>, mpsc::UnboundedReceiver<(usize, Fate)>) {
        let (to, fates) = mpsc::unbounded_channel();
        ((0..count).map(|at| Job::new(Bytes::from_static(b"{}"), at, to.clone())).collect(), fates)
    }

    #[tokio::test]
    async fn the_last_events_are_shared() {
        let queue = Queue::new(4);
        let (all, _fates) = jobs(8);
        queue.add(all);
        let Given::Some(some) = queue.take(true, 100).await else { panic!("alone") };
        assert_eq!(some.len(), 2);
    }

    #[tokio::test]
    async fn who_is_to_blame_is_found_and_fails_after_some_tries() {
        let queue = Queue::new(1);
        let (all, mut fates) = jobs(2);
        queue.blame(all, &failure(), 2);
        assert!(queue.take(false, 100).now_or_never().is_none(), "it is not idle");
        for (at, ends) in [(0, false), (1, false), (0, true)] {
            let Given::Alone(job) = queue.take(true, 100).await else { panic!("not alone") };
            assert_eq!(job.at, at);
            queue.blame(vec![job], &failure(), 2);
            assert_eq!(fates.try_recv().is_ok(), ends, "{at}");
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_given() {
        let queue = Queue::new(1);
        let (all, fates) = jobs(2);
        drop(fates);
        queue.add(all);
        assert!(queue.take(true, 100).now_or_never().is_none());
    }
}
