//! The connection to the bus, and what must be there before the work can begin.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Client, Request, RequestErrorKind};
use resilmesh_service::{Lifecycle, bus};
use serde::Deserialize;
use tokio::sync::watch;

use crate::Relay;
use crate::config::Input;

/// How often the state of the connection is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The longest wait between two attempts to get going.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Connects, however long it takes. None if the service is stopped before that.
pub(crate) async fn connect(relay: &Relay<'_>) -> Option<Client> {
    let Relay { input, lifecycle, .. } = relay;
    let identity = bus::Identity {
        name: relay.name.to_owned(),
        user: input.user.clone(),
        password: relay.password.clone(),
        inbox_prefix: input.inbox_prefix.clone(),
    };
    let mut wait = SHORTEST_WAIT;
    let mut told = String::new();
    lifecycle.waiting_for(&input.url);
    loop {
        let connected = tokio::select! {
            connected = bus::connect(&input.url, &identity) => connected,
            () = lifecycle.stopping() => return None,
        };
        match connected {
            Ok(client) => return Some(client),
            Err(error) => {
                let error = error.to_string();
                if error != told {
                    tracing::warn!("{error}; trying again until it is there");
                    told = error;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
            () = lifecycle.stopping() => return None,
        }
    }
}

/// Counts connections: the number changes whenever the connection is there again after it was
/// gone, and then whatever was asked of the server before is lost.
pub(crate) fn watch(client: Client, url: String, lifecycle: Lifecycle) -> watch::Receiver<u64> {
    let statistics = client.statistics();
    let connects = move || statistics.connects.load(Ordering::Relaxed);
    let (sender, receiver) = watch::channel(connects());
    tokio::spawn(async move {
        let mut was_connected = true;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = sender.closed() => return,
            }
            let is_connected = client.connection_state() == async_nats::connection::State::Connected;
            if was_connected && !is_connected {
                tracing::warn!("the connection to NATS at {url} is gone; waiting for it");
                lifecycle.waiting_for(&url);
            }
            was_connected = is_connected;
            let now = connects();
            sender.send_if_modified(|then| std::mem::replace(then, now) != now);
        }
    });
    receiver
}

/// What a durable consumer says about itself, as far as it matters.
#[derive(Debug, Deserialize)]
struct Info {
    config: Option<Settings>,
    error: Option<ApiError>,
}

#[derive(Debug, Deserialize)]
struct Settings {
    /// Nanoseconds.
    ack_wait: Option<u64>,
}

/// An error of the JetStream API.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ApiError {
    /// Says what exactly it is (`code` is only like an HTTP status).
    #[serde(default)]
    pub(crate) err_code: u32,
    #[serde(default)]
    pub(crate) description: String,
}

/// Asks for the consumer. Answers after what time without a word it delivers a message again.
///
/// # Errors
/// In words, why it is not to be had.
pub(crate) async fn consumer(client: &Client, stream: &str, consumer: &str) -> Result<Duration, String> {
    let subject = format!("$JS.API.CONSUMER.INFO.{stream}.{consumer}");
    let request = Request::new().timeout(Some(Duration::from_secs(5)));
    let answer = client.send_request(subject, request).await.map_err(|error| match error.kind() {
        RequestErrorKind::TimedOut => "no answer (may the bus's user ask for it?)".to_owned(),
        _ => error.to_string(),
    })?;
    let info: Info = serde_json::from_slice(&answer.payload).map_err(|error| error.to_string())?;
    if let Some(error) = info.error {
        return Err(format!("{} ({})", error.description, error.err_code));
    }
    let ack_wait = info.config.and_then(|config| config.ack_wait).filter(|nanoseconds| *nanoseconds > 0);
    Ok(ack_wait.map_or(Duration::from_secs(30), Duration::from_nanos))
}

/// Waits until the consumer is there; answers as [`consumer`] does. None if the service is stopped
/// before that.
pub(crate) async fn wait_for_consumer(client: &Client, input: &Input, lifecycle: &Lifecycle) -> Option<Duration> {
    let (stream, name) = (&input.stream, &input.consumer);
    let mut wait = SHORTEST_WAIT;
    let mut told = String::new();
    loop {
        let found = tokio::select! {
            found = consumer(client, stream, name) => found,
            () = lifecycle.stopping() => return None,
        };
        match found {
            Ok(ack_wait) => {
                if lifecycle.unready_because().is_some() {
                    lifecycle.ready();
                }
                return Some(ack_wait);
            }
            Err(error) => {
                lifecycle.waiting_for(format!("consumer `{name}` of stream `{stream}` at {}", input.url));
                if error != told {
                    tracing::warn!(
                        "consumer `{name}` of stream `{stream}` is not to be had: {error}; trying again until it is there"
                    );
                    told = error;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
            () = lifecycle.stopping() => return None,
        }
    }
}
