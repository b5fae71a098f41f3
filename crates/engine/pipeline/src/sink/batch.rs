//! Collects events into requests, and keeps a few requests under way.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::event::{Event, Input};

/// The option `batch`, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "BatchOptionsForm")]
pub struct BatchOptions {
    max_events: Option<usize>,
    max_bytes: Option<usize>,
    timeout: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchOptionsForm {
    max_events: Option<usize>,
    max_bytes: Option<usize>,
    timeout_secs: Option<f64>,
}

impl TryFrom<BatchOptionsForm> for BatchOptions {
    type Error = String;

    fn try_from(form: BatchOptionsForm) -> Result<Self, String> {
        let BatchOptionsForm { max_events, max_bytes, timeout_secs } = form;
        if max_events == Some(0) || max_bytes == Some(0) {
            return Err("`max_events` and `max_bytes` must be greater than zero".to_owned());
        }
        let timeout = match timeout_secs {
            Some(seconds) if seconds > 0.0 => Some(
                Duration::try_from_secs_f64(seconds).map_err(|error| format!("`timeout_secs: {seconds}`: {error}"))?,
            ),
            Some(_) => return Err("`timeout_secs` must be greater than zero".to_owned()),
            None => None,
        };
        Ok(Self { max_events, max_bytes, timeout })
    }
}

/// When a request is closed and sent.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// When it holds this many events.
    pub events: usize,
    /// As soon as it is this long, in bytes before compression.
    pub bytes: usize,
    /// This long after its first event.
    pub timeout: Duration,
}

impl BatchOptions {
    /// The limits, as Vector has them where nothing is said: 10 MB or a second, any number.
    pub fn limits(&self) -> BatchLimits {
        BatchLimits {
            events: self.max_events.unwrap_or(usize::MAX),
            bytes: self.max_bytes.unwrap_or(10_000_000),
            timeout: self.timeout.unwrap_or(Duration::from_secs(1)),
        }
    }
}

/// Whether an event went into a request.
#[derive(Debug)]
pub enum Added {
    /// It did, or was given up with a count.
    Yes,
    /// It needs a request of its own: send this one first.
    NotHere(Box<Event>),
}

/// Who makes requests of events and sends them.
pub trait Requests: Send + Sync + 'static {
    /// A request in the making.
    type Request: Default + Send + 'static;

    /// Puts an event into a request.
    fn add(&self, event: Event, request: &mut Self::Request) -> impl Future<Output = Added> + Send;

    /// How many events and bytes a request holds.
    fn size(request: &Self::Request) -> (usize, usize);

    /// Sends a request and tells the fate of each of its events.
    fn send(&self, request: Self::Request) -> impl Future<Output = ()> + Send;
}

/// Makes requests of what comes in, with up to `concurrency` under way, until `input` ends and all
/// are answered.
pub async fn run<R: Requests>(requests: Arc<R>, mut input: Input, limits: BatchLimits, concurrency: usize) {
    let mut open = Open { requests, request: R::Request::default(), due: None, limits };
    let mut under_way = JoinSet::new();
    loop {
        let received = tokio::select! {
            received = input.recv() => received,
            () = open.wait() => {
                open.send(&mut under_way, concurrency).await;
                continue;
            }
            Some(ended) = under_way.join_next() => {
                report(ended);
                continue;
            }
        };
        let Some(batch) = received else { break };
        for event in batch {
            open.add(event, &mut under_way, concurrency).await;
        }
    }
    open.send(&mut under_way, concurrency).await;
    while let Some(ended) = under_way.join_next().await {
        report(ended);
    }
}

/// The request in the making.
struct Open<R: Requests> {
    requests: Arc<R>,
    request: R::Request,
    due: Option<Instant>,
    limits: BatchLimits,
}

impl<R: Requests> Open<R> {
    /// Resolves when the request should go.
    async fn wait(&self) {
        match self.due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    async fn add(&mut self, event: Event, under_way: &mut JoinSet<()>, concurrency: usize) {
        if let Added::NotHere(event) = self.requests.add(event, &mut self.request).await {
            self.send(under_way, concurrency).await;
            // An empty request takes any event.
            self.requests.add(*event, &mut self.request).await;
        }
        let (events, bytes) = R::size(&self.request);
        if events >= self.limits.events || bytes >= self.limits.bytes {
            self.send(under_way, concurrency).await;
        } else if events > 0 && self.due.is_none() {
            self.due = Some(Instant::now() + self.limits.timeout);
        }
    }

    async fn send(&mut self, under_way: &mut JoinSet<()>, concurrency: usize) {
        self.due = None;
        if R::size(&self.request).0 == 0 {
            return;
        }
        while under_way.len() >= concurrency {
            if let Some(ended) = under_way.join_next().await {
                report(ended);
            }
        }
        let request = std::mem::take(&mut self.request);
        let requests = Arc::clone(&self.requests);
        under_way.spawn(async move { requests.send(request).await });
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // What it held was told as not delivered when it was dropped.
        tracing::error!(%error, "sending a request failed");
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use vrl::value::Value;

    use super::*;
    use crate::event::{Ack, Batch, channel};

    #[derive(Default)]
    struct Numbers {
        sent: Mutex<Vec<Vec<i64>>>,
    }

    impl Requests for Numbers {
        type Request = Vec<i64>;

        /// Negative numbers go alone.
        async fn add(&self, event: Event, request: &mut Vec<i64>) -> Added {
            let number = event.value.as_integer().unwrap();
            if request.first().is_some_and(|first| *first < 0 || number < 0) {
                return Added::NotHere(Box::new(event));
            }
            request.push(number);
            Added::Yes
        }

        fn size(request: &Vec<i64>) -> (usize, usize) {
            (request.len(), 10 * request.len())
        }

        async fn send(&self, request: Vec<i64>) {
            self.sent.lock().push(request);
        }
    }

    fn batch(numbers: impl IntoIterator<Item = i64>) -> Batch {
        numbers.into_iter().map(|number| Event::new(Value::from(number), Ack::none())).collect()
    }

    async fn sent(limits: BatchLimits, batches: Vec<Batch>) -> Vec<Vec<i64>> {
        let requests = Arc::new(Numbers::default());
        let (sender, input) = channel();
        let running = tokio::spawn(run(Arc::clone(&requests), input, limits, 1));
        for batch in batches {
            sender.send(batch).await.unwrap();
        }
        drop(sender);
        running.await.unwrap();
        let mut sent = std::mem::take(&mut *requests.sent.lock());
        sent.sort();
        sent
    }

    const NEVER: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn closes_at_the_number_of_events_and_at_the_end() {
        let limits = BatchLimits { events: 2, bytes: usize::MAX, timeout: NEVER };
        assert_eq!(sent(limits, vec![batch(0..3), batch(3..5)]).await, [vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[tokio::test]
    async fn closes_at_the_size_and_for_events_that_go_alone() {
        let limits = BatchLimits { events: usize::MAX, bytes: 30, timeout: NEVER };
        assert_eq!(sent(limits, vec![batch(0..4)]).await, [vec![0, 1, 2], vec![3]]);
        assert_eq!(sent(limits, vec![batch([1, -1, -2, 2])]).await, [vec![-2], vec![-1], vec![1], vec![2]]);
    }

    #[tokio::test]
    async fn closes_after_the_time() {
        let requests = Arc::new(Numbers::default());
        let (sender, input) = channel();
        let limits = BatchLimits { events: 10, bytes: usize::MAX, timeout: Duration::from_millis(20) };
        let running = tokio::spawn(run(Arc::clone(&requests), input, limits, 1));
        sender.send(batch([1])).await.unwrap();
        let sent = async {
            while requests.sent.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), sent).await.unwrap();
        assert_eq!(*requests.sent.lock(), [vec![1]]);
        drop(sender);
        running.await.unwrap();
    }

    #[test]
    fn options_have_limits() {
        let options = |yaml: &str| serde_yaml::from_str::<BatchOptions>(yaml).map_err(|error| error.to_string());
        let limits = options("{max_events: 5, timeout_secs: 0.2}").unwrap().limits();
        assert_eq!((limits.events, limits.bytes, limits.timeout.as_millis()), (5, 10_000_000, 200));
        for bad in ["{max_events: 0}", "{max_bytes: 0}", "{timeout_secs: 0}", "{timeout_secs: -1}", "{max: 1}"] {
            assert!(options(bad).is_err(), "{bad}");
        }
    }
}
