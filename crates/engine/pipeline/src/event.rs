//! What flows through a pipeline: events, batches of them, and the share each has in the fate of
//! what it was made from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use vrl::value::Value;

/// One event: a log record on its way.
#[derive(Debug, Clone)]
pub struct Event {
    /// The record itself, an object (VRL's `.`).
    pub value: Value,
    /// What travels with the record but is not part of it, an object (VRL's `%`).
    pub metadata: Value,
    /// The event's share in the fate of what it was made from. A clone of the event shares it.
    pub ack: Ack,
}

impl Event {
    /// An event without metadata.
    pub fn new(value: Value, ack: Ack) -> Self {
        Self { value, metadata: Value::Object(Default::default()), ack }
    }
}

/// What flows through the channels between components: at most [`MAX_BATCH_EVENTS`] events.
pub type Batch = Vec<Event>;

/// A batch holds no more events than this.
pub const MAX_BATCH_EVENTS: usize = 1000;

/// A batch is closed when the raw input of its events reaches this many bytes.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// How many batches wait between two components before the first one has to wait.
pub const CHANNEL_BATCHES: usize = 4;

/// What became of everything that was made from one input of a source, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fate {
    /// Stored by every sink it went to, or left out on purpose.
    Delivered = 0,
    /// Refused for good; offering it again is useless.
    Rejected = 1,
    /// Not stored; the source should offer it again. Worse than refused: what was made from one input may be refused
    /// in part, and the rest must come again all the same.
    Errored = 2,
}

/// A share in the fate of what an event came from. Cloned for every copy. When the last share is
/// dropped, the source learns the worst fate any of them was told. Dropping without a word counts
/// as [`Fate::Delivered`]: an event that a filter removed is done with. The exception is a
/// dropping because of a panic, which counts as [`Fate::Errored`].
#[derive(Clone, Default)]
pub struct Ack(Option<Arc<Shared>>);

struct Shared {
    worst: AtomicU8,
    tell: Mutex<Option<Tell>>,
}

type Tell = Box<dyn FnOnce(Fate) + Send>;

impl Ack {
    /// Calls `tell` with the fate of the event and of everything made from it, once, when the last
    /// share is dropped. `tell` must not block.
    pub fn telling(tell: impl FnOnce(Fate) + Send + 'static) -> Self {
        Self(Some(Arc::new(Shared {
            worst: AtomicU8::new(Fate::Delivered as u8),
            tell: Mutex::new(Some(Box::new(tell))),
        })))
    }

    /// A share and the receiver that learns its fate.
    pub fn pair() -> (Self, AckReceiver) {
        let (tell, told) = oneshot::channel();
        let telling = Self::telling(move |fate| {
            // A receiver that is gone does not want to know.
            let _ = tell.send(fate);
        });
        (telling, AckReceiver(told))
    }

    /// A share that nobody waits for.
    pub fn none() -> Self {
        Self(None)
    }

    /// Says that the event was not delivered and should be offered again.
    pub fn errored(&self) {
        self.worsen(Fate::Errored);
    }

    /// Says that the event was refused for good.
    pub fn rejected(&self) {
        self.worsen(Fate::Rejected);
    }

    fn worsen(&self, fate: Fate) {
        if let Some(shared) = &self.0 {
            shared.worst.fetch_max(fate as u8, Ordering::AcqRel);
        }
    }
}

impl std::fmt::Debug for Ack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Ack(waited for)" } else { "Ack(none)" })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.worst.fetch_max(Fate::Errored as u8, Ordering::AcqRel);
        }
        let fate = match self.worst.load(Ordering::Acquire) {
            0 => Fate::Delivered,
            1 => Fate::Rejected,
            _ => Fate::Errored,
        };
        if let Some(tell) = self.tell.get_mut().take() {
            tell(fate);
        }
    }
}

/// Learns the fate of what an [`Ack`] stood for.
#[derive(Debug)]
pub struct AckReceiver(oneshot::Receiver<Fate>);

impl std::future::Future for AckReceiver {
    type Output = Fate;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        // The sender cannot go without a word: `Shared` tells when it is dropped.
        std::pin::Pin::new(&mut self.0).poll(cx).map(|told| told.unwrap_or(Fate::Errored))
    }
}

/// The receiving end of the channel that feeds a transform or sink. What is still in it when it is
/// dropped was not delivered, and the sources learn so.
#[derive(Debug)]
pub struct Input(mpsc::Receiver<Batch>);

impl Input {
    /// The next batch; none when everything upstream has ended.
    pub async fn recv(&mut self) -> Option<Batch> {
        self.0.recv().await
    }

    /// The next batch if one is there.
    ///
    /// # Errors
    /// When the channel is empty, or empty and closed.
    pub fn try_recv(&mut self) -> Result<Batch, mpsc::error::TryRecvError> {
        self.0.try_recv()
    }
}

impl From<mpsc::Receiver<Batch>> for Input {
    fn from(receiver: mpsc::Receiver<Batch>) -> Self {
        Self(receiver)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.0.close();
        while let Ok(batch) = self.0.try_recv() {
            for event in &batch {
                event.ack.errored();
            }
        }
    }
}

/// A channel of batches, bounded so that a slow receiver holds the sender back.
pub fn channel() -> (mpsc::Sender<Batch>, Input) {
    let (sender, receiver) = mpsc::channel(CHANNEL_BATCHES);
    (sender, Input(receiver))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_source_learns_the_worst_fate_when_the_last_share_goes() {
        let (ack, mut told) = Ack::pair();
        let (one, two) = (ack.clone(), ack.clone());
        drop(ack);
        one.rejected();
        drop(one);
        assert!(futures::poll!(&mut told).is_pending());
        two.errored();
        drop(two);
        assert_eq!(told.await, Fate::Errored);
    }

    #[tokio::test]
    async fn dropping_without_a_word_is_delivery() {
        let (ack, told) = Ack::pair();
        drop(Event::new(Value::Null, ack));
        assert_eq!(told.await, Fate::Delivered);
    }

    #[tokio::test]
    async fn a_panic_is_no_delivery() {
        let (ack, told) = Ack::pair();
        let task = tokio::spawn(async move {
            let _held = ack;
            panic!("on purpose");
        });
        assert!(task.await.is_err());
        assert_eq!(told.await, Fate::Errored);
    }

    #[tokio::test]
    async fn what_waits_in_a_dropped_input_is_no_delivery() {
        let (sender, input) = channel();
        let (ack, told) = Ack::pair();
        sender.send(vec![Event::new(Value::Null, ack)]).await.unwrap();
        drop(input);
        assert_eq!(told.await, Fate::Errored);
    }
}
