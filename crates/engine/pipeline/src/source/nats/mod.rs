//! `nats`: messages of a NATS server, core or JetStream.
//!
//! | module | what it holds |
//! |---|---|
//! | [`connection`] | whom to connect to, and as whom |
//! | [`core`] | messages as they fly by: at most once |
//! | [`jetstream`] | messages of a durable consumer, acknowledged when delivered |
//! | [`window`] | what is under way, and how much more may be asked for |

mod connection;
mod core;
mod jetstream;
mod window;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use vrl::value::Value;

use self::connection::{AuthOptions, Server};
use super::fields::FieldKey;
use super::intake::Peer;
use super::{Source, SourceContext, SourceError};
use crate::codec::decode::DecodingOptions;
use crate::codec::framing::FramingOptions;
use crate::config::{ConfigError, Options};
use crate::event::Batch;

/// Messages are as large as the server allows; it refuses larger ones itself.
const MAX_LENGTH: usize = usize::MAX;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NatsOptions {
    url: String,
    #[serde(alias = "name")]
    connection_name: String,
    subject: String,
    queue: Option<String>,
    subject_key_field: Option<FieldKey>,
    subscriber_capacity: Option<usize>,
    auth: Option<AuthOptions>,
    jetstream: Option<JetStreamOptions>,
    framing: Option<FramingOptions>,
    #[serde(default)]
    decoding: DecodingOptions,
}

/// `jetstream` as configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct JetStreamOptions {
    #[serde(default = "yes")]
    enabled: bool,
    stream: String,
    consumer: String,
    #[serde(default)]
    batch_config: BatchOptions,
}

/// How much one request asks for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BatchOptions {
    batch: usize,
    max_bytes: usize,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self { batch: 200, max_bytes: 0 }
    }
}

fn yes() -> bool {
    true
}

struct Nats {
    server: Server,
    subject: String,
    queue: Option<String>,
    capacity: usize,
    subject_key: FieldKey,
    jetstream: Option<JetStreamOptions>,
    framing: FramingOptions,
    decoding: DecodingOptions,
}

/// Makes a `nats` source.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options) -> Result<Box<dyn Source>, Vec<ConfigError>> {
    let nats: NatsOptions = options.parse(&["tls", "log_namespace"])?;
    let mut errors = Vec::new();
    let server = match Server::new(&nats.url, nats.connection_name, nats.auth) {
        Ok(server) => Some(server),
        Err(message) => {
            errors.push(options.error("url", message));
            None
        }
    };
    if nats.subject.split('.').any(str::is_empty) || nats.subject.contains(char::is_whitespace) {
        errors.push(options.error("subject", format!("`{}` is no subject", nats.subject)));
    }
    let jetstream = nats.jetstream.filter(|jetstream| jetstream.enabled);
    for name in jetstream.iter().flat_map(|jetstream| [&jetstream.stream, &jetstream.consumer]) {
        if name.is_empty() || name.contains(['.', '*', '>']) || name.contains(char::is_whitespace) {
            errors.push(options.error("jetstream", format!("`{name}` is no name of a stream or consumer")));
        }
    }
    if jetstream.as_ref().is_some_and(|jetstream| jetstream.batch_config.batch == 0) {
        errors.push(options.error("jetstream.batch_config.batch", "a batch must hold at least one message"));
    }
    let framing = nats.framing.unwrap_or(FramingOptions::Bytes {});
    if let Err(message) = framing.framer(MAX_LENGTH) {
        errors.push(options.error("framing", message));
    }
    match server {
        Some(server) if errors.is_empty() => Ok(Box::new(Nats {
            server,
            subject: nats.subject,
            queue: nats.queue,
            capacity: nats.subscriber_capacity.unwrap_or(65_536),
            subject_key: nats.subject_key_field.unwrap_or_else(|| FieldKey::at("subject")),
            jetstream,
            framing,
            decoding: nats.decoding,
        })),
        _ => Err(errors),
    }
}

#[async_trait]
impl Source for Nats {
    async fn run(self: Box<Self>, context: SourceContext) -> Result<(), SourceError> {
        let Self { server, subject, queue, capacity, subject_key, jetstream, framing, decoding } = *self;
        let framer = framing.framer(MAX_LENGTH).map_err(SourceError)?;
        let messages = Messages { framer, decoding, subject_key };
        match jetstream {
            None => core::run(server, subject, queue, capacity, messages, context).await,
            Some(jetstream) => jetstream::run(server, jetstream, messages, context).await,
        }
    }

    fn rehearse(self: Box<Self>, context: &SourceContext, payloads: Vec<Bytes>) -> Result<Batch, SourceError> {
        let framer = self.framing.framer(MAX_LENGTH).map_err(SourceError)?;
        let peer = Peer { host: Some(self.subject.as_str().into()), port: None };
        let messages = Messages { framer, decoding: self.decoding, subject_key: self.subject_key };
        Ok(messages.intake(context).all(&messages.framer, &peer, payloads))
    }
}

/// How messages become events.
struct Messages {
    framer: crate::codec::framing::Framer,
    decoding: DecodingOptions,
    subject_key: FieldKey,
}

impl Messages {
    /// The intake of the source in `context`; the peer of a frame is its subject.
    fn intake(&self, context: &SourceContext) -> super::intake::Intake {
        let subject_key = self.subject_key.clone();
        let decorate: super::intake::Decorate = Box::new(move |record: &mut Value, peer| {
            if let Some(subject) = &peer.host {
                subject_key.fill(record, subject.clone());
            }
        });
        super::intake::Intake::new(context, "nats", self.decoding.clone(), decorate)
    }
}
