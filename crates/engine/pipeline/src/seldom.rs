//! Saying something at most every so often, so that a flood of bad events is no flood of log lines.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_secs(10);

/// Lets the first of many through, and then one every ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    last: Option<Instant>,
    held: u64,
}

impl Seldom {
    /// How many were held back since the last one that was let through; none = hold this one back.
    pub(crate) fn turn(&mut self) -> Option<u64> {
        self.turn_at(Instant::now())
    }

    fn turn_at(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            self.held += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_every_ten_seconds() {
        let (mut seldom, start) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.turn_at(start), Some(0));
        assert_eq!(seldom.turn_at(start + Duration::from_secs(9)), None);
        assert_eq!(seldom.turn_at(start + Duration::from_secs(10)), Some(1));
    }
}
