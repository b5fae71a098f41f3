//! Keeps an API that does not work from costing every event its time.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::provider::Failure;

/// So many attempts in a row may fail before the API is left alone for a while.
const PATIENCE: u32 = 3;
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// How long a refused key is not tried again.
const REST_AFTER_REFUSAL: Duration = Duration::from_secs(300);

/// Open after failures: requests are refused at once, until it is time for one to try again.
pub(super) struct Breaker {
    first_rest: Duration,
    probe: Duration,
    state: Mutex<State>,
}

struct State {
    failures: u32,
    next_rest: Duration,
    resting: Option<Rest>,
}

#[derive(Clone)]
struct Rest {
    until: Instant,
    failure: Failure,
}

impl Breaker {
    /// A breaker that rests for `first_rest` at first, then longer; a trial after a rest has
    /// `probe` to succeed before the next one starts.
    pub(super) fn new(first_rest: Duration, probe: Duration) -> Self {
        Self { first_rest, probe, state: Mutex::new(State { failures: 0, next_rest: first_rest, resting: None }) }
    }

    /// Whether a request may be made now. After a rest, one at a time may.
    pub(super) fn admit(&self) -> Result<(), Failure> {
        let mut state = self.state.lock();
        match &mut state.resting {
            None => Ok(()),
            Some(rest) if Instant::now() < rest.until => Err(rest.failure.clone()),
            Some(rest) => {
                rest.until = Instant::now() + self.probe;
                Ok(())
            }
        }
    }

    /// Why requests are refused now, if they are.
    pub(super) fn open_because(&self) -> Option<Failure> {
        let state = self.state.lock();
        state.resting.as_ref().filter(|rest| Instant::now() < rest.until).map(|rest| rest.failure.clone())
    }

    /// Why the last request failed for good, until one succeeds.
    pub(super) fn trouble(&self) -> Option<Arc<str>> {
        self.state.lock().resting.as_ref().map(|rest| rest.failure.reason.clone())
    }

    /// A request was answered as it should.
    pub(super) fn succeeded(&self) {
        let mut state = self.state.lock();
        if state.resting.is_some() {
            tracing::info!("Silent Push answers again");
        }
        *state = State { failures: 0, next_rest: self.first_rest, resting: None };
    }

    /// An attempt failed. Answers whether it may be tried again at once.
    pub(super) fn failed(&self, failure: &Failure) -> bool {
        let mut state = self.state.lock();
        state.failures += 1;
        if state.failures < PATIENCE && state.resting.is_none() {
            return true;
        }
        let rest = state.next_rest;
        state.next_rest = (rest * 2).min(LONGEST_REST);
        state.rest(rest, failure);
        false
    }

    /// The API wants to be left alone.
    pub(super) fn limited(&self, wait: Duration, failure: &Failure) {
        self.state.lock().rest(wait.min(LONGEST_REST), failure);
    }

    /// The API does not know us: off, but asked again every few minutes.
    pub(super) fn refused(&self, failure: &Failure) {
        self.state.lock().rest(REST_AFTER_REFUSAL, failure);
    }
}

impl State {
    fn rest(&mut self, time: Duration, failure: &Failure) {
        let news = self.resting.as_ref().is_none_or(|rest| rest.failure.reason != failure.reason);
        if news {
            tracing::warn!(seconds = time.as_secs(), "Silent Push is not asked for a while: {failure}");
        }
        self.resting = Some(Rest { until: Instant::now() + time, failure: failure.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(30);
    const PROBE: Duration = Duration::from_secs(10);

    fn down() -> Failure {
        Failure::new("down", "it is down")
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_some_failures_and_lets_one_try_after_a_rest() {
        let breaker = Breaker::new(REST, PROBE);
        assert!(breaker.failed(&down()) && breaker.failed(&down()));
        assert!(breaker.admit().is_ok());
        assert!(!breaker.failed(&down()));
        assert_eq!(breaker.admit(), Err(down()));

        tokio::time::advance(REST).await;
        assert!(breaker.open_because().is_none());
        assert!(breaker.admit().is_ok(), "one may try");
        assert!(breaker.admit().is_err(), "but only one");
        assert!(!breaker.failed(&down()), "a failed trial is not repeated at once");
        tokio::time::advance(REST).await;
        assert!(breaker.admit().is_err(), "the second rest is longer");
        tokio::time::advance(REST).await;
        assert!(breaker.admit().is_ok());

        breaker.succeeded();
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok());
        assert!(breaker.failed(&down()), "patience is back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_to_be_left_alone_is_heeded_within_reason() {
        let breaker = Breaker::new(REST, PROBE);
        breaker.limited(Duration::from_secs(86_400), &down());
        assert!(breaker.admit().is_err());
        tokio::time::advance(LONGEST_REST).await;
        assert!(breaker.admit().is_ok());
    }
}
