//! What of one file is under way, and up to where all is delivered.

use std::collections::VecDeque;

use crate::event::Fate;

/// The parts of a file that were sent and are not all delivered.
#[derive(Debug)]
pub(super) struct Progress {
    /// Everything before this offset is delivered.
    delivered: u64,
    parts: VecDeque<Part>,
    /// The number of the first of `parts`.
    first: u64,
    failed: bool,
}

#[derive(Debug)]
struct Part {
    end: u64,
    delivered: bool,
    told: bool,
}

impl Progress {
    /// Everything before `delivered` is delivered.
    pub(super) fn new(delivered: u64) -> Self {
        Self { delivered, parts: VecDeque::new(), first: 0, failed: false }
    }

    /// Notes that what ends at `end` was sent; gives its number.
    pub(super) fn sent(&mut self, end: u64) -> u64 {
        self.parts.push_back(Part { end, delivered: false, told: false });
        self.first + self.parts.len() as u64 - 1
    }

    /// Notes the fate of a part. What was refused for good is done with: the sink has counted it.
    pub(super) fn told(&mut self, number: u64, fate: Fate) {
        let Some(part) = number.checked_sub(self.first).and_then(|n| self.parts.get_mut(n as usize)) else { return };
        part.told = true;
        part.delivered = fate != Fate::Errored;
        self.failed |= fate == Fate::Errored;
        while self.parts.front().is_some_and(|part| part.delivered) {
            if let Some(part) = self.parts.pop_front() {
                self.delivered = part.end;
                self.first += 1;
            }
        }
    }

    /// Up to where all is delivered.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether a part failed: nothing more should be sent then.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// Where to read again, once a part has failed and the fate of all is known.
    pub(super) fn rewind(&mut self) -> Option<u64> {
        if !self.failed || self.parts.iter().any(|part| !part.told) {
            return None;
        }
        self.first += self.parts.len() as u64;
        self.parts.clear();
        self.failed = false;
        Some(self.delivered)
    }

    /// Whether the fate of everything sent is known.
    pub(super) fn is_settled(&self) -> bool {
        self.parts.iter().all(|part| part.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_contiguous_beginning_counts_as_delivered() {
        let mut progress = Progress::new(10);
        let (a, b, c) = (progress.sent(20), progress.sent(30), progress.sent(40));
        progress.told(b, Fate::Delivered);
        assert_eq!(progress.delivered(), 10);
        progress.told(a, Fate::Rejected);
        assert_eq!(progress.delivered(), 30);
        assert!(!progress.is_settled());
        progress.told(c, Fate::Delivered);
        assert_eq!((progress.delivered(), progress.is_settled()), (40, true));
    }

    #[test]
    fn after_a_failure_it_is_read_again_from_what_was_delivered() {
        let mut progress = Progress::new(0);
        let (a, b, c) = (progress.sent(1), progress.sent(2), progress.sent(3));
        progress.told(a, Fate::Delivered);
        progress.told(b, Fate::Errored);
        assert!(progress.failed());
        assert_eq!(progress.rewind(), None);
        progress.told(c, Fate::Delivered);
        assert_eq!(progress.rewind(), Some(1));
        let again = progress.sent(3);
        progress.told(c, Fate::Errored);
        progress.told(again, Fate::Delivered);
        assert_eq!((progress.delivered(), progress.failed()), (3, false));
    }
}
