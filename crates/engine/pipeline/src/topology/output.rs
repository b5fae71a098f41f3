//! The sending end of a component.

use tokio::sync::mpsc;

use crate::event::Batch;

/// Where the events of one output of a component go: to every component that names it as input.
#[derive(Debug, Clone, Default)]
pub struct Output {
    targets: Vec<mpsc::Sender<Batch>>,
}

/// Nobody takes events any more: what is downstream has ended.
#[derive(Debug, thiserror::Error)]
#[error("what takes the events has ended")]
pub struct Closed;

impl Output {
    /// An output that sends to `targets`; with none, events are done with at once.
    pub fn new(targets: Vec<mpsc::Sender<Batch>>) -> Self {
        Self { targets }
    }

    /// Sends a batch to every target, waiting for room. A target that has ended does not keep the
    /// others from getting theirs.
    ///
    /// # Errors
    /// When a target has ended; the batch then counts as not delivered.
    pub async fn send(&self, batch: Batch) -> Result<(), Closed> {
        if batch.is_empty() {
            return Ok(());
        }
        let Some((last, others)) = self.targets.split_last() else { return Ok(()) };
        let mut closed = false;
        for target in others {
            closed |= give(target, batch.clone()).await.is_err();
        }
        closed |= give(last, batch).await.is_err();
        if closed { Err(Closed) } else { Ok(()) }
    }
}

async fn give(target: &mpsc::Sender<Batch>, batch: Batch) -> Result<(), Closed> {
    target.send(batch).await.map_err(|refused| {
        refused.0.iter().for_each(|event| event.ack.errored());
        Closed
    })
}
