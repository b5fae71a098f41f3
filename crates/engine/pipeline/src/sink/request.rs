//! The option `request`: how many at once, how fast, how long, how often again.

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::Instant;

use super::retry::Retry;

/// The options below `request`, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestOptions {
    #[serde(default)]
    concurrency: Concurrency,
    timeout_secs: Option<NonZeroU64>,
    rate_limit_duration_secs: Option<NonZeroU64>,
    rate_limit_num: Option<NonZeroU64>,
    retry_attempts: Option<usize>,
    retry_initial_backoff_secs: Option<NonZeroU64>,
    retry_max_duration_secs: Option<NonZeroU64>,
    #[serde(default)]
    retry_jitter_mode: JitterMode,
    /// Headers of each request, for sinks that speak HTTP.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// How many requests are under way at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ConcurrencyForm")]
pub enum Concurrency {
    /// As many as this engine finds right for the sink.
    #[default]
    Adaptive,
    /// This many.
    Fixed(NonZeroUsize),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`concurrency` must be `adaptive`, `none` or a number above 0")]
enum ConcurrencyForm {
    Number(NonZeroUsize),
    Word(String),
}

impl TryFrom<ConcurrencyForm> for Concurrency {
    type Error = String;

    fn try_from(form: ConcurrencyForm) -> Result<Self, String> {
        match form {
            ConcurrencyForm::Number(number) => Ok(Self::Fixed(number)),
            ConcurrencyForm::Word(word) => match word.as_str() {
                "adaptive" => Ok(Self::Adaptive),
                "none" => Ok(Self::Fixed(NonZeroUsize::MIN)),
                other => Err(format!("`concurrency` must be `adaptive`, `none` or a number above 0, not `{other}`")),
            },
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum JitterMode {
    #[default]
    Full,
    None,
}

impl RequestOptions {
    /// How many requests are under way at once, where `adaptive` means `usual`.
    pub fn concurrency(&self, usual: usize) -> usize {
        match self.concurrency {
            Concurrency::Adaptive => usual,
            Concurrency::Fixed(number) => number.get(),
        }
    }

    /// How long one attempt may take.
    pub fn timeout(&self, usual: Duration) -> Duration {
        self.timeout_secs.map_or(usual, |seconds| Duration::from_secs(seconds.get()))
    }

    /// How often and how soon a failed attempt is made again.
    pub fn retry(&self) -> Retry {
        let usual = Retry::default();
        let seconds = |option: Option<NonZeroU64>| option.map(|seconds| Duration::from_secs(seconds.get()));
        let first = seconds(self.retry_initial_backoff_secs).unwrap_or(usual.first);
        let longest = seconds(self.retry_max_duration_secs).unwrap_or(usual.longest).max(first);
        Retry { attempts: self.retry_attempts, first, longest, jitter: self.retry_jitter_mode == JitterMode::Full }
    }

    /// How fast requests may follow one another; none = as fast as they can.
    pub fn rate(&self) -> Option<Rate> {
        let per = Duration::from_secs(self.rate_limit_duration_secs.map_or(1, NonZeroU64::get));
        self.rate_limit_num.map(|number| Rate::new(number.get(), per))
    }
}

/// Lets through so many in each span of time.
#[derive(Debug)]
pub struct Rate {
    number: u64,
    per: Duration,
    span: Mutex<Span>,
}

#[derive(Debug)]
struct Span {
    start: Instant,
    used: u64,
}

impl Rate {
    fn new(number: u64, per: Duration) -> Self {
        Self { number, per, span: Mutex::new(Span { start: Instant::now(), used: 0 }) }
    }

    /// Waits until one more may go.
    pub async fn permit(&self) {
        let at = self.span.lock().take(Instant::now(), self.number, self.per);
        tokio::time::sleep_until(at).await;
    }
}

impl Span {
    /// When the one that comes at `now` may go.
    fn take(&mut self, now: Instant, number: u64, per: Duration) -> Instant {
        if now >= self.start + per {
            *self = Self { start: now, used: 0 };
        } else if self.used >= number {
            *self = Self { start: self.start + per, used: 0 };
        }
        self.used += 1;
        self.start.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(yaml: &str) -> Result<RequestOptions, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_this_engine_finds_right() {
        let usual = options("{}").unwrap();
        assert_eq!(usual.concurrency(4), 4);
        assert_eq!(usual.retry().attempts, None);
        assert_eq!(usual.retry().first, Duration::from_millis(100));
        assert!(usual.rate().is_none());
    }

    #[test]
    fn what_is_said_holds() {
        let said = options(
            "{concurrency: 3, timeout_secs: 5, retry_attempts: 2, retry_initial_backoff_secs: 7, \
             retry_max_duration_secs: 9, retry_jitter_mode: None}",
        )
        .unwrap();
        assert_eq!(said.concurrency(4), 3);
        assert_eq!(said.timeout(Duration::from_secs(60)), Duration::from_secs(5));
        let Retry { attempts, first, longest, jitter } = said.retry();
        assert_eq!((attempts, first.as_secs(), longest.as_secs(), jitter), (Some(2), 7, 9, false));
        assert_eq!(options("{concurrency: none}").unwrap().concurrency(4), 1);
        assert_eq!(options("{concurrency: adaptive}").unwrap().concurrency(4), 4);
    }

    #[test]
    fn mistakes_are_told() {
        for (yaml, wanted) in [
            ("{concurrency: 0}", "a number above 0"),
            ("{concurrency: many}", "not `many`"),
            ("{adaptive_concurrency: {}}", "unknown field `adaptive_concurrency`"),
            ("{timeout_secs: 0}", "nonzero"),
        ] {
            let error = options(yaml).unwrap_err();
            assert!(error.contains(wanted), "{yaml}: {error}");
        }
    }

    #[test]
    fn a_rate_spreads_requests_over_time() {
        let start = Instant::now();
        let per = Duration::from_secs(3);
        let mut span = Span { start, used: 0 };
        let mut at = |after| (span.take(start + Duration::from_secs(after), 2, per) - start).as_secs();
        assert_eq!([at(0), at(0), at(0), at(1), at(1), at(2), at(20)], [0, 0, 3, 3, 6, 6, 20]);
        assert!(options("{rate_limit_num: 2}").unwrap().rate().is_some());
    }
}
