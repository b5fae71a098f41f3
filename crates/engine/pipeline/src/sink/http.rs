//! Sends events to a web address, many in a request.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::{Client, Url};
use resilmesh_service::stats::Counters;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use vrl::value::Value;

use super::batch::{Added, BatchLimits, BatchOptions, Requests};
use super::common::{Buffer, Healthcheck};
use super::complain::Complaints;
use super::confine::{Route, RouteError};
use super::owed::Owed;
use super::refuse::Refusals;
use super::request::{Rate, RequestOptions};
use super::retry::{Next, Retry, wait};
use super::stream::Stream;
use super::web::{self, Auth, Compression, TlsOptions, chain};
use super::{Sink, SinkContext, SinkError};
use crate::codec::encode::{Codec, Encoding, Framing, NEWLINE};
use crate::codec::template::Template;
use crate::config::{ConfigError, Options};
use crate::event::{Event, Input};

/// How long a request may take, when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How many requests are under way at once, when nothing is said.
const CONCURRENCY: usize = 4;

/// When the service stops, an answer that is on its way gets this long.
const LAST_WORD: Duration = Duration::from_secs(3);

/// Events in a JSON list.
const COMMA: Framing = Framing::Delimiter(b',');

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpOptions {
    uri: Template,
    #[serde(default)]
    method: MethodOption,
    encoding: Encoding,
    framing: Option<Framing>,
    #[serde(default)]
    payload_prefix: String,
    #[serde(default)]
    payload_suffix: String,
    auth: Option<Auth>,
    tls: Option<TlsOptions>,
    #[serde(default)]
    compression: Compression,
    #[serde(default)]
    batch: BatchOptions,
    #[serde(default)]
    request: RequestOptions,
    #[serde(default, rename = "healthcheck")]
    _healthcheck: Healthcheck,
    #[serde(default, rename = "buffer")]
    _buffer: Buffer,
    #[serde(default)]
    dangerously_allow_unconfined_template_resolution: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MethodOption {
    Get,
    Head,
    #[default]
    Post,
    Put,
    Delete,
    Options,
    Trace,
    Patch,
}

impl From<MethodOption> for Method {
    fn from(option: MethodOption) -> Self {
        match option {
            MethodOption::Get => Self::GET,
            MethodOption::Head => Self::HEAD,
            MethodOption::Post => Self::POST,
            MethodOption::Put => Self::PUT,
            MethodOption::Delete => Self::DELETE,
            MethodOption::Options => Self::OPTIONS,
            MethodOption::Trace => Self::TRACE,
            MethodOption::Patch => Self::PATCH,
        }
    }
}

/// Makes the sink.
///
/// # Errors
/// Everything that is wrong with the options.
pub(super) fn build(options: &Options) -> Result<Box<dyn Sink>, Vec<ConfigError>> {
    let taken: HttpOptions = options.parse(&["headers", "proxy", "retry_strategy"])?;
    let mut errors = Vec::new();
    let mut wrong = |option: &str, message: String| errors.push(options.error(option, message));

    let https = taken.uri.source().starts_with("https:");
    let free = taken.dangerously_allow_unconfined_template_resolution;
    let route = Route::new(taken.uri, free).map_err(|message| wrong("uri", message)).ok();
    if let Some(fixed) = route.as_ref().and_then(Route::fixed)
        && let Err(message) = address(fixed)
    {
        wrong("uri", message);
    }
    if taken.request.headers.values().any(|value| value.contains("{{")) {
        wrong("request.headers", "headers with fields of events are something this engine does not have".to_owned());
    }
    let headers =
        web::headers(&taken.request.headers).map_err(|message| wrong("request.headers", message)).unwrap_or_default();
    let timeout = taken.request.timeout(TIMEOUT);
    let client = web::client(taken.tls.as_ref(), https, timeout).map_err(|message| wrong("tls", message)).ok();

    let framing = taken.framing.unwrap_or(match taken.encoding.codec() {
        Codec::Json { .. } => COMMA,
        Codec::Message => NEWLINE,
    });
    let body = Body {
        stream: Stream::new(taken.encoding, Some(framing)),
        prefix: taken.payload_prefix,
        suffix: taken.payload_suffix,
    };
    let (Some(route), Some(client), true) = (route, client, errors.is_empty()) else { return Err(errors) };
    Ok(Box::new(Http {
        route,
        wire: Wire { client, method: taken.method.into(), headers, auth: taken.auth, compression: taken.compression },
        body,
        batch: taken.batch.limits(),
        concurrency: taken.request.concurrency(CONCURRENCY),
        retry: taken.request.retry(),
        rate: taken.request.rate(),
    }))
}

fn address(text: &str) -> Result<Url, String> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| format!("`{text}` is no web address, such as `http://127.0.0.1:8080/in`"))
}

struct Http {
    route: Route,
    wire: Wire,
    body: Body,
    batch: BatchLimits,
    concurrency: usize,
    retry: Retry,
    rate: Option<Rate>,
}

/// How requests are sent.
struct Wire {
    client: Client,
    method: Method,
    headers: HeaderMap,
    auth: Option<Auth>,
    compression: Compression,
}

/// How events become the body of a request.
struct Body {
    stream: Stream,
    prefix: String,
    suffix: String,
}

impl Body {
    fn is_list(&self) -> bool {
        matches!(self.stream.codec(), Codec::Json { .. }) && self.stream.framing() == COMMA
    }

    fn begin(&self, out: &mut Vec<u8>) {
        if self.is_list() {
            out.extend_from_slice(self.prefix.as_bytes());
            out.push(b'[');
        }
    }

    fn end(&self, out: &mut Vec<u8>) {
        let json = matches!(self.stream.codec(), Codec::Json { .. });
        if json && matches!(self.stream.framing(), COMMA | NEWLINE) {
            out.pop();
        }
        if self.is_list() {
            out.push(b']');
            out.extend_from_slice(self.suffix.as_bytes());
        }
    }

    fn content_type(&self) -> Option<HeaderValue> {
        let name = match (self.stream.codec(), self.stream.framing()) {
            (Codec::Json { .. }, COMMA) => "application/json",
            (Codec::Json { .. }, NEWLINE) => "application/x-ndjson",
            (Codec::Message, _) => "text/plain",
            _ => return None,
        };
        Some(HeaderValue::from_static(name))
    }
}

#[async_trait]
impl Sink for Http {
    async fn run(self: Box<Self>, input: Input, context: SinkContext) -> Result<(), SinkError> {
        // There is nothing that any web address could be asked without consequences.
        context.readiness.ready();
        let Self { route, mut wire, body, batch, concurrency, retry, rate } = *self;
        if let Some(kind) = body.content_type() {
            wire.headers.entry(CONTENT_TYPE).or_insert(kind);
        }
        if let Some(encoding) = wire.compression.header() {
            wire.headers.insert(CONTENT_ENCODING, encoding);
        }
        let delivery = Delivery {
            route,
            wire,
            body,
            retry,
            rate,
            refusals: Refusals::new("http", &context),
            sink: context.id.clone(),
            counters: context.counters.clone(),
            stop: context.stop.clone(),
            complaints: Complaints::default(),
        };
        super::batch::run(Arc::new(delivery), input, batch, concurrency).await;
        Ok(())
    }
}

struct Delivery {
    route: Route,
    wire: Wire,
    body: Body,
    retry: Retry,
    rate: Option<Rate>,
    refusals: Refusals,
    sink: String,
    counters: Counters,
    stop: CancellationToken,
    complaints: Complaints,
}

/// A request in the making: all its events go to one address.
#[derive(Default)]
struct Draft {
    uri: String,
    body: Vec<u8>,
    events: Vec<(Value, Owed)>,
}

/// Why a request was not accepted.
enum Trouble {
    /// It may be the next time.
    Later(String),
    /// It never will be.
    Refused(String),
}

impl Requests for Delivery {
    type Request = Draft;

    async fn add(&self, event: Event, draft: &mut Draft) -> Added {
        let uri = match self.route.render(&event) {
            Ok(uri) => uri.into_owned(),
            Err(error) => {
                let reason = match error {
                    RouteError::Missing(_) => "uri lacks fields",
                    RouteError::Outside(..) => "uri outside of its prefix",
                };
                self.refusals.give_up(event.value, event.ack.into(), reason, &error.to_string()).await;
                return Added::Yes;
            }
        };
        if draft.events.is_empty() {
            draft.uri = uri;
            self.body.begin(&mut draft.body);
        } else if draft.uri != uri {
            return Added::NotHere(Box::new(event));
        }
        self.body.stream.write(&event.value, &mut draft.body);
        draft.events.push((self.refusals.keep(event.value), event.ack.into()));
        Added::Yes
    }

    fn size(draft: &Draft) -> (usize, usize) {
        (draft.events.len(), draft.body.len())
    }

    async fn send(&self, mut draft: Draft) {
        self.body.end(&mut draft.body);
        let body = Bytes::from(std::mem::take(&mut draft.body));
        let mut backoff = self.retry.start();
        loop {
            if let Some(rate) = &self.rate {
                rate.permit().await;
            }
            let sent = tokio::select! {
                sent = self.wire.send(&draft.uri, &body) => sent,
                () = self.stopped() => return,
            };
            let why = match sent {
                Ok(()) => return self.delivered(draft),
                Err(Trouble::Refused(why)) => return self.give_up(draft, "refused by the server", &why).await,
                Err(Trouble::Later(why)) => why,
            };
            self.counters.error();
            self.complaints.retrying(&self.sink, "sending", &why);
            match wait(&mut backoff, &self.stop).await {
                Next::Again => {}
                Next::Stopping => return,
                Next::Enough => return self.give_up(draft, "retries exhausted", &why).await,
            }
        }
    }
}

impl Delivery {
    fn delivered(&self, draft: Draft) {
        self.counters.sent(draft.events.len() as u64);
        draft.events.into_iter().for_each(|(_, owed)| owed.delivered());
    }

    async fn give_up(&self, draft: Draft, reason: &'static str, why: &str) {
        for (event, owed) in draft.events {
            self.refusals.give_up(event, owed, reason, why).await;
        }
    }

    async fn stopped(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(LAST_WORD).await;
    }
}

impl Wire {
    async fn send(&self, uri: &str, body: &Bytes) -> Result<(), Trouble> {
        let url = address(uri).map_err(Trouble::Refused)?;
        let body = self.compression.compress(body).map_err(|error| Trouble::Later(error.to_string()))?;
        let mut request = self.client.request(self.method.clone(), url).headers(self.headers.clone()).body(body);
        if let Some(auth) = &self.auth {
            request = auth.apply(request);
        }
        let answer = request.send().await.map_err(|error| Trouble::Later(chain(&error.without_url())))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) => {
                Err(Trouble::Later(status.to_string()))
            }
            status if status.is_server_error() => Err(Trouble::Later(status.to_string())),
            status => Err(Trouble::Refused(status.to_string())),
        }
    }
}
