//! How often and how soon something is tried again.

use std::time::Duration;

use rand::Rng;
use tokio_util::sync::CancellationToken;

/// When the options say nothing, the first retry comes after about this long.
const FIRST: Duration = Duration::from_millis(100);

/// When the options say nothing, retries are at most this far apart, so that work goes on soon
/// after a target that was restarted is back.
const LONGEST: Duration = Duration::from_secs(1);

/// How often and how soon.
#[derive(Debug, Clone)]
pub struct Retry {
    /// How often it is tried again; none = for ever.
    pub attempts: Option<usize>,
    /// The wait before the first time.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// Whether waits are shortened at random, so that not all who wait come back at once.
    pub jitter: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: None, first: FIRST, longest: LONGEST, jitter: true }
    }
}

impl Retry {
    /// The waits for one thing to be done.
    pub fn start(&self) -> Backoff {
        Backoff { left: self.attempts, next: self.first, longest: self.longest, jitter: self.jitter }
    }
}

/// The waits between the attempts at one thing: each twice as long as the one before.
#[derive(Debug, Clone)]
pub struct Backoff {
    left: Option<usize>,
    next: Duration,
    longest: Duration,
    jitter: bool,
}

impl Backoff {
    /// How long to wait before trying again; none when it has been tried often enough.
    pub fn delay(&mut self) -> Option<Duration> {
        match &mut self.left {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        let delay = self.next.min(self.longest);
        self.next = delay.saturating_mul(2);
        Some(if self.jitter { delay.mul_f64(rand::rng().random_range(0.5..=1.0)) } else { delay })
    }
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again.
    Again,
    /// It has been tried often enough.
    Enough,
    /// The service stops.
    Stopping,
}

/// Waits for the next attempt.
pub async fn wait(backoff: &mut Backoff, stop: &CancellationToken) -> Next {
    if stop.is_cancelled() {
        return Next::Stopping;
    }
    let Some(delay) = backoff.delay() else { return Next::Enough };
    tokio::select! {
        () = tokio::time::sleep(delay) => Next::Again,
        () = stop.cancelled() => Next::Stopping,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Retry { jitter: false, ..Retry::default() }.start();
        let waits: Vec<_> = std::iter::repeat_with(|| backoff.delay().unwrap().as_millis()).take(6).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn jitter_shortens_by_half_at_most() {
        let mut backoff = Retry::default().start();
        for longest in [100, 200, 400] {
            let wait = backoff.delay().unwrap().as_millis();
            assert!((longest / 2..=longest).contains(&wait), "{wait} of {longest}");
        }
    }

    #[tokio::test]
    async fn it_ends_after_the_attempts_or_when_the_service_stops() {
        let stop = CancellationToken::new();
        let retry = Retry { attempts: Some(1), first: Duration::from_millis(1), ..Retry::default() };
        let mut backoff = retry.start();
        assert_eq!(wait(&mut backoff, &stop).await, Next::Again);
        assert_eq!(wait(&mut backoff, &stop).await, Next::Enough);
        stop.cancel();
        assert_eq!(wait(&mut retry.start(), &stop).await, Next::Stopping);
    }
}
