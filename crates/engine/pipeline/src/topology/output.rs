//! The sending end of a component.

use std::sync::Arc;

use resilmesh_service::stats::Counters;
use tokio::sync::mpsc;

use super::tap::Point;
use crate::event::{Batch, MAX_BATCH_EVENTS};

/// Where the events of one output of a component go: to every component that names it as input.
#[derive(Debug, Clone)]
pub struct Output {
    counters: Counters,
    point: Arc<Point>,
    targets: Vec<Target>,
}

/// One component that takes the events.
#[derive(Debug, Clone)]
pub struct Target {
    /// The way into it.
    pub sender: mpsc::Sender<Batch>,
    /// Where what it is given can be watched; only of a sink, which has no output of its own.
    pub point: Option<Arc<Point>>,
}

/// Nobody takes events any more: what is downstream has ended.
#[derive(Debug, thiserror::Error)]
#[error("what takes the events has ended")]
pub struct Closed;

impl Output {
    /// An output that sends to `targets`; with none, events are done with at once.
    pub fn new(counters: Counters, point: Arc<Point>, targets: Vec<Target>) -> Self {
        Self { counters, point, targets }
    }

    /// The same without targets, which keeps nothing downstream waiting.
    #[must_use]
    pub fn closed(&self) -> Self {
        Self { targets: Vec::new(), ..self.clone() }
    }

    /// Sends a batch to every target, waiting for room. A target that has ended does not keep the
    /// others from getting theirs. A batch that is too large is sent in parts.
    ///
    /// # Errors
    /// When a target has ended; the events then count as not delivered.
    pub async fn send(&self, mut batch: Batch) -> Result<(), Closed> {
        let mut result = Ok(());
        while batch.len() > MAX_BATCH_EVENTS {
            let rest = batch.split_off(MAX_BATCH_EVENTS);
            result = self.send_one(batch).await.and(result);
            batch = rest;
        }
        self.send_one(batch).await.and(result)
    }

    async fn send_one(&self, batch: Batch) -> Result<(), Closed> {
        if batch.is_empty() {
            return Ok(());
        }
        let count = batch.len() as u64;
        self.point.show(&batch);
        let Some((last, others)) = self.targets.split_last() else {
            self.counters.dropped("nothing takes the output", count);
            return Ok(());
        };
        let mut result = Ok(());
        for target in others {
            result = target.give(batch.clone()).await.and(result);
        }
        result = last.give(batch).await.and(result);
        if result.is_ok() {
            self.counters.sent(count);
        }
        result
    }
}

impl Target {
    async fn give(&self, batch: Batch) -> Result<(), Closed> {
        if let Some(point) = &self.point {
            point.show(&batch);
        }
        self.sender.send(batch).await.map_err(|refused| {
            refused.0.iter().for_each(|event| event.ack.errored());
            Closed
        })
    }
}
