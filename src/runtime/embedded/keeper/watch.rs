//! When a keeper looks again: the end of the main process, pauses, questions whether it is ready.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::super::process;
use super::super::reaper::Exit;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Between two questions whether a service is ready.
const FIRST_POLL: Duration = Duration::from_millis(5);
const LONGEST_POLL: Duration = Duration::from_millis(100);
/// Between two questions whether one that was ready still is; who looks asks at once.
const REST: Duration = Duration::from_secs(15);

/// The pause before a service that ended `ends_in_row` times is started again.
pub(super) fn pause(ends_in_row: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << ends_in_row.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

/// How to learn that the main process has ended.
pub(super) enum Watch {
    /// Our child: the reaper tells, with the exit status.
    Child(oneshot::Receiver<Exit>),
    /// Started by an earlier supervisor.
    Adopted(AsyncFd<OwnedFd>),
}

impl Watch {
    /// Resolves when the process has ended.
    pub(super) async fn ended(&mut self) -> Exit {
        match self {
            Self::Child(exit) => exit.await.unwrap_or(Exit::Unknown),
            Self::Adopted(handle) => {
                process::ended(handle).await;
                Exit::Unknown
            }
        }
    }
}

/// How long a relay may take to write what is left when its service has ended. It takes longer when
/// somebody else holds the service's output open.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// The process that writes the log of a service that we have started.
pub(super) struct Relay {
    exit: oneshot::Receiver<Exit>,
    printed: PipeReader,
}

impl Relay {
    /// The relay that ends with `exit` and reads from `printed`.
    pub(super) fn new(exit: oneshot::Receiver<Exit>, printed: PipeReader) -> Self {
        Self { exit, printed }
    }

    /// Resolves when it has ended.
    pub(super) async fn ended(&mut self) -> Exit {
        (&mut self.exit).await.unwrap_or(Exit::Unknown)
    }

    /// Resolves when all is in the log that the service has printed.
    pub(super) async fn written(self) {
        drop(self.printed);
        // Later it is written all the same.
        let _ = timeout(WRITTEN_WITHIN, self.exit).await;
    }

    /// Where the service prints to, twice: for another relay, and to be kept.
    pub(super) fn printed(self) -> io::Result<(PipeReader, PipeReader)> {
        Ok((self.printed.try_clone()?, self.printed))
    }
}

/// When to ask next whether the service is ready.
pub(super) struct Poll {
    /// The moment.
    pub(super) next: Instant,
    every: Duration,
}

impl Poll {
    /// Very soon.
    pub(super) fn new() -> Self {
        Self { next: Instant::now() + FIRST_POLL, every: FIRST_POLL }
    }

    /// Once in a while.
    pub(super) fn much_later(&mut self) {
        *self = Self { next: Instant::now() + REST, every: FIRST_POLL };
    }

    /// After a longer pause than before.
    pub(super) fn later(&mut self) {
        self.every = (self.every * 3 / 2).min(LONGEST_POLL);
        self.next = Instant::now() + self.every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_seconds() {
        let seconds: Vec<f64> = (1..=9).map(|ends| pause(ends).as_secs_f64()).collect();
        assert_eq!(seconds, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
