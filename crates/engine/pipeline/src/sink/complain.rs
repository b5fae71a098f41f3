//! Says what goes wrong again and again, without filling the log.

use std::fmt::Display;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The same trouble is logged again after this time.
const PAUSE: Duration = Duration::from_secs(10);

/// Logs trouble at once, then at most every ten seconds with how often it came.
#[derive(Debug, Default)]
pub struct Complaints(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    unsaid: u64,
}

impl Complaints {
    /// Says that `what` (such as "publishing to nats://127.0.0.1:4222") failed and will be tried again.
    pub fn retrying(&self, sink: &str, what: &str, error: &dyn Display) {
        if let Some(unsaid) = self.0.lock().due(Instant::now()) {
            tracing::warn!(sink, %error, unsaid, "{what} failed, trying again");
        }
    }
}

impl State {
    /// Whether to speak now, and then how often nothing was said since the last time.
    fn due(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_at_once_and_then_now_and_again() {
        let (mut state, now) = (State::default(), Instant::now());
        let mut at = |seconds| state.due(now + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(9), at(10), at(11), at(30)], [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
