//! `http_server`: events in the bodies of HTTP requests, answered when they are delivered.

use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vrl::value::Value;

use super::fields::FieldKey;
use super::intake::{Decorate, Intake, Peer};
use super::net::{self, ListenAddress};
use super::{Source, SourceContext, SourceError};
use crate::codec::decode::DecodingOptions;
use crate::codec::framing::{Frame, Framer, FramingOptions};
use crate::config::{ConfigError, Options};
use crate::event::{Ack, Batch, Fate};
use crate::topology::Output;

/// The longest body that is taken, packed or unpacked.
const MAX_BODY: usize = 100 * 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpOptions {
    address: ListenAddress,
    #[serde(default = "root")]
    path: String,
    path_key: Option<FieldKey>,
    #[serde(default = "yes")]
    strict_path: bool,
    #[serde(default)]
    method: Method,
    #[serde(default = "ok")]
    response_code: u16,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    query_parameters: Vec<String>,
    host_key: Option<FieldKey>,
    auth: Option<AuthOptions>,
    framing: Option<FramingOptions>,
    #[serde(default)]
    decoding: DecodingOptions,
}

fn root() -> String {
    "/".to_owned()
}

fn yes() -> bool {
    true
}

fn ok() -> u16 {
    200
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Head,
    Get,
    #[default]
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    fn is(self, method: &http::Method) -> bool {
        *method
            == match self {
                Self::Head => http::Method::HEAD,
                Self::Get => http::Method::GET,
                Self::Post => http::Method::POST,
                Self::Put => http::Method::PUT,
                Self::Patch => http::Method::PATCH,
                Self::Delete => http::Method::DELETE,
                Self::Options => http::Method::OPTIONS,
            }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case", deny_unknown_fields)]
enum AuthOptions {
    Basic {
        #[serde(alias = "user")]
        username: String,
        password: String,
    },
}

struct HttpServer {
    options: HttpOptions,
    status: StatusCode,
    framer: Framer,
    listener: Option<TcpListener>,
}

/// Makes an `http_server` source.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options) -> Result<Box<dyn Source>, Vec<ConfigError>> {
    let http: HttpOptions =
        options.parse(&["tls", "encoding", "keepalive", "custom_response_header", "log_namespace"])?;
    let framing = http.framing.clone().unwrap_or_else(|| match http.decoding {
        DecodingOptions::Json { .. } => FramingOptions::Bytes {},
        DecodingOptions::Bytes | DecodingOptions::Syslog { .. } => FramingOptions::lines(),
    });
    let mut errors = Vec::new();
    let framer = framing.framer(usize::MAX).map_err(|message| errors.push(options.error("framing", message)));
    let status = StatusCode::from_u16(http.response_code)
        .map_err(|_| errors.push(options.error("response_code", "is no HTTP status code")));
    match (framer, status) {
        (Ok(framer), Ok(status)) => Ok(Box::new(HttpServer { options: http, status, framer, listener: None })),
        _ => Err(errors),
    }
}

#[async_trait]
impl Source for HttpServer {
    fn resources(&self) -> Vec<String> {
        let address = self.options.address.0;
        if address.port() == 0 { Vec::new() } else { vec![format!("tcp {address}")] }
    }

    async fn open(&mut self, context: &SourceContext) -> Result<(), SourceError> {
        let listener = net::tcp(self.options.address.0, None).await?;
        if let Ok(address) = listener.local_addr() {
            tracing::info!(component = %context.id, "listening on http://{address}");
        }
        self.listener = Some(listener);
        Ok(())
    }

    async fn run(self: Box<Self>, context: SourceContext) -> Result<(), SourceError> {
        let Self { options, status, framer, listener } = *self;
        let Some(listener) = listener else { return Err(SourceError("was not opened before it was run".to_owned())) };
        let intake = intake(&context, &options);
        let path_key = options.path_key.clone().unwrap_or_else(|| FieldKey::at("path"));
        let (stop, abandon) = (context.stop.clone(), context.abandon.clone());
        context.readiness.ready();
        let endpoint = Arc::new(Endpoint {
            options,
            status,
            framer,
            intake,
            path_key,
            output: context.output,
            abandon: abandon.clone(),
        });
        let app = Router::new().fallback(move |request: Request| {
            let endpoint = Arc::clone(&endpoint);
            async move { endpoint.answer(request).await }
        });
        let service = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
        // Requests under way are answered before the server ends.
        let serving = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
        tokio::select! {
            served = serving => served.map_err(|error| SourceError(format!("the HTTP server broke: {error}"))),
            () = abandon.cancelled() => Ok(()),
        }
    }

    /// The bodies of requests without headers or a query.
    fn rehearse(self: Box<Self>, context: &SourceContext, payloads: Vec<Bytes>) -> Result<Batch, SourceError> {
        let path_key = self.options.path_key.clone().unwrap_or_else(|| FieldKey::at("path"));
        let mut batch = intake(context, &self.options).all(&self.framer, &Peer::rehearsed(), payloads);
        batch.iter_mut().for_each(|event| path_key.fill(&mut event.value, self.options.path.as_str()));
        Ok(batch)
    }
}

fn intake(context: &SourceContext, options: &HttpOptions) -> Intake {
    let host_key = options.host_key.clone();
    let decorate: Decorate = Box::new(move |record, peer| {
        if let (Some(key), Some(host)) = (&host_key, &peer.host) {
            key.fill(record, host.clone());
        }
    });
    Intake::new(context, "http_server", options.decoding.clone(), decorate)
}

/// What answers requests.
struct Endpoint {
    options: HttpOptions,
    status: StatusCode,
    framer: Framer,
    intake: Intake,
    path_key: FieldKey,
    output: Output,
    abandon: CancellationToken,
}

type Refusal = (StatusCode, String);

impl Endpoint {
    async fn answer(&self, request: Request) -> Response {
        match self.take(request).await {
            Ok(status) => status.into_response(),
            Err((status, message)) => {
                let body = json!({"code": status.as_u16(), "message": message}).to_string();
                let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
                if status == StatusCode::UNAUTHORIZED {
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic"));
                }
                response
            }
        }
    }

    async fn take(&self, request: Request) -> Result<StatusCode, Refusal> {
        let (parts, body) = request.into_parts();
        self.check(&parts)?;
        let body = axum::body::to_bytes(Body::new(body), MAX_BODY)
            .await
            .map_err(|error| (StatusCode::PAYLOAD_TOO_LARGE, format!("the body cannot be read: {error}")))?;
        let body = unpack(&parts.headers, body)?;
        let host = parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>().map(|info| net::host(info.0.ip()));
        let peer = Peer { host: host.map(Value::from), port: None };
        let (ack, fate) = Ack::pair();
        let mut batch = self.decode(body, &peer, &ack)?;
        for event in &mut batch {
            self.add_request(&mut event.value, &parts);
        }
        drop(ack);
        let gone = (StatusCode::SERVICE_UNAVAILABLE, "the pipeline is stopping; send it again".to_owned());
        let delivered = async {
            self.output.send(batch).await.ok()?;
            Some(fate.await)
        };
        let fate = tokio::select! {
            fate = delivered => fate,
            () = self.abandon.cancelled() => None,
        };
        match fate {
            Some(Fate::Delivered) => Ok(self.status),
            Some(Fate::Rejected) => Err((StatusCode::BAD_REQUEST, "the events were refused for good".to_owned())),
            Some(Fate::Errored) => {
                Err((StatusCode::SERVICE_UNAVAILABLE, "the events could not be delivered; send them again".to_owned()))
            }
            None => Err(gone),
        }
    }

    fn check(&self, parts: &http::request::Parts) -> Result<(), Refusal> {
        let path = parts.uri.path();
        let right_path =
            if self.options.strict_path { path == self.options.path } else { path.starts_with(&self.options.path) };
        if !right_path {
            return Err((StatusCode::NOT_FOUND, "nothing takes events at this path".to_owned()));
        }
        if !self.options.method.is(&parts.method) {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "another method is expected".to_owned()));
        }
        match &self.options.auth {
            Some(AuthOptions::Basic { username, password }) if !is_user(&parts.headers, username, password) => {
                Err((StatusCode::UNAUTHORIZED, "user and password are needed".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn decode(&self, body: Bytes, peer: &Peer, ack: &Ack) -> Result<Batch, Refusal> {
        let (mut framer, mut rest, mut batch) = (self.framer.clone(), BytesMut::from(body), Batch::new());
        while let Some(frame) = framer.last(&mut rest) {
            let decoded = match frame {
                Frame::Whole(frame) => self.intake.decode(frame, peer, ack, &mut batch).map_err(|e| e.to_string()),
                Frame::TooLong => Err("a frame is longer than allowed".to_owned()),
                Frame::Incomplete => Err("a frame is cut short".to_owned()),
            };
            if let Err(message) = decoded {
                // The sender is told and keeps it: nothing is lost.
                self.intake.complain(&message);
                return Err((StatusCode::BAD_REQUEST, message));
            }
        }
        Ok(batch)
    }

    /// Adds path, headers and query parameters to a record.
    fn add_request(&self, record: &mut Value, parts: &http::request::Parts) {
        self.path_key.fill(record, parts.uri.path());
        let Some(fields) = record.as_object_mut() else { return };
        for name in &self.options.headers {
            let value = parts.headers.get(name).map(|value| Bytes::copy_from_slice(value.as_bytes()));
            fields.entry(name.as_str().into()).or_insert_with(|| value.map_or(Value::Null, Value::from_utf8_or_bytes));
        }
        for name in &self.options.query_parameters {
            let value = query_parameter(parts.uri.query().unwrap_or_default(), name);
            fields.insert(name.as_str().into(), value.map_or(Value::Null, Value::from));
        }
    }
}

fn query_parameter(query: &str, name: &str) -> Option<String> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find_map(|(key, value)| (decode(key) == name).then(|| decode(value)))
}

fn unpack(headers: &HeaderMap, mut body: Bytes) -> Result<Bytes, Refusal> {
    let encodings = headers.get_all(header::CONTENT_ENCODING);
    let names: Vec<String> = encodings
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    // What was applied last is taken off first.
    for name in names.iter().rev() {
        let mut unpacked = Vec::new();
        let limit = MAX_BODY as u64 + 1;
        let result = match name.as_str() {
            "identity" => continue,
            "gzip" => MultiGzDecoder::new(body.as_ref()).take(limit).read_to_end(&mut unpacked),
            "deflate" => ZlibDecoder::new(body.as_ref()).take(limit).read_to_end(&mut unpacked),
            other => return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("content encoding `{other}`"))),
        };
        result.map_err(|error| (StatusCode::BAD_REQUEST, format!("the body cannot be unpacked: {error}")))?;
        if unpacked.len() > MAX_BODY {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large".to_owned()));
        }
        body = unpacked.into();
    }
    Ok(body)
}

/// Whether the request names this user and password; takes equally long however much is right.
fn is_user(headers: &HeaderMap, user: &str, password: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(given) = given.and_then(|value| value.strip_prefix("Basic ")) else { return false };
    let expected = base64(format!("{user}:{password}").as_bytes());
    let given = given.trim().as_bytes();
    let differences = given.iter().zip(expected.as_bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == expected.len() && differences == 0
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let three = [chunk[0], chunk.get(1).copied().unwrap_or(0), chunk.get(2).copied().unwrap_or(0)];
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads() {
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|t| base64(t.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }

    #[test]
    fn only_the_right_user_passes() {
        let mut headers = HeaderMap::new();
        assert!(!is_user(&headers, "u", "p"));
        headers.insert(header::AUTHORIZATION, format!("Basic {}", base64(b"u:p")).parse().unwrap());
        assert!(is_user(&headers, "u", "p") && !is_user(&headers, "u", "q") && !is_user(&headers, "u", "pp"));
    }

    #[test]
    fn query_parameters_are_decoded() {
        assert_eq!(query_parameter("a=1&b=x%20y+z&c", "b").as_deref(), Some("x y z"));
        assert_eq!(query_parameter("a=1&c", "c").as_deref(), Some(""));
        assert_eq!(query_parameter("a=1", "d"), None);
    }
}
