//! How much may be under way at once.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Bounds the messages that were taken from the stream and not finished yet, by number and size.
#[derive(Debug)]
pub(crate) struct Window {
    most: Load,
    used: Mutex<Load>,
    freed: Notify,
}

/// A number of messages and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// How many.
    pub messages: usize,
    /// Their size.
    pub bytes: usize,
}

/// The place of one message in the window, free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    window: Arc<Window>,
    bytes: usize,
}

impl Window {
    pub(crate) fn new(most: Load) -> Arc<Self> {
        Arc::new(Self { most, used: Mutex::new(Load::default()), freed: Notify::new() })
    }

    /// What is free once a quarter of everything is, so that requests do not become tiny when the
    /// other side is slow.
    pub(crate) async fn room(&self) -> Load {
        loop {
            let freed = self.freed.notified();
            let free = self.free();
            if free.messages >= self.most.messages / 4 && free.bytes >= self.most.bytes / 4 {
                return free;
            }
            freed.await;
        }
    }

    fn free(&self) -> Load {
        let used = self.used.lock();
        Load {
            messages: self.most.messages.saturating_sub(used.messages),
            bytes: self.most.bytes.saturating_sub(used.bytes),
        }
    }

    /// Takes a place. Never waits: what has been delivered is here, room or not.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Slot {
        let mut used = self.used.lock();
        used.messages += 1;
        used.bytes += bytes;
        Slot { window: self.clone(), bytes }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut used = self.window.used.lock();
        used.messages -= 1;
        used.bytes -= self.bytes;
        drop(used);
        // One waits at most: the puller.
        self.window.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn there_is_room_when_a_quarter_is_free() {
        let window = Window::new(Load { messages: 4, bytes: 1_000 });
        let mut slots: Vec<Slot> = (0..4).map(|_| window.take(10)).collect();
        assert!(window.room().now_or_never().is_none());
        slots.pop();
        assert_eq!(window.room().await, Load { messages: 1, bytes: 970 });
        let large = window.take(900);
        assert!(window.room().now_or_never().is_none());
        let waiting = tokio::spawn({
            let window = window.clone();
            async move { window.room().await }
        });
        tokio::task::yield_now().await;
        drop(large);
        assert_eq!(waiting.await.expect("room"), Load { messages: 1, bytes: 970 });
    }
}
