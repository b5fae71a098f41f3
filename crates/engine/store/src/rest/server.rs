//! HTTP: bodies, headers, errors.

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use tokio::sync::Semaphore;

use super::params::{Params, decode};
use super::{Answer, Api, Body, Request, routes};
use crate::error::ApiError;
use crate::json::Json;
use crate::search::filter::filter_path;

/// Longest body, unpacked: `http.max_content_length` of Elasticsearch.
const MAX_BODY_BYTES: usize = 100 << 20;
/// Requests that are worked on at the same time; others wait.
const MAX_AT_ONCE: usize = 8;

#[derive(Debug)]
struct Server {
    api: Arc<Api>,
    at_once: Semaphore,
}

/// The service, to be given to [`axum::serve`].
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(Server { api, at_once: Semaphore::new(MAX_AT_ONCE) }))
}

/// How an answer is written.
#[derive(Debug, Default)]
struct Style {
    pretty: bool,
    filter_path: Option<String>,
    content_type: String,
}

async fn answer(State(server): State<Arc<Server>>, http: HttpRequest) -> Response {
    let mut style = Style { content_type: content_type(http.headers()), ..Style::default() };
    let head = http.method() == Method::HEAD;
    let answer = match read(&server, http, &mut style).await {
        Ok(answer) => answer,
        Err(error) => error.into(),
    };
    respond(answer, &style, head)
}

async fn read(server: &Server, http: HttpRequest, style: &mut Style) -> Result<Answer, ApiError> {
    let _turn = server.at_once.acquire().await.map_err(ApiError::internal)?;
    let (parts, body) = http.into_parts();
    let mut params = Params::parse(parts.uri.query().unwrap_or_default())?;
    style.pretty = params.flag("pretty")?.unwrap_or(false);
    style.filter_path = params.take("filter_path");
    params.ignore(&["human", "error_trace"]);
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| {
        ApiError::new(
            413,
            "content_too_long_exception",
            format!("the body cannot be read, it may have {MAX_BODY_BYTES} bytes: {error}"),
        )
    })?;
    let body = unpack(&parts.headers, body)?;
    check_content_type(&parts.headers, &body)?;
    let path = parts.uri.path().to_owned();
    let segments: Vec<String> =
        path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect::<Result<_, _>>()?;
    let api = server.api.clone();
    let request = Request { method: parts.method, path, params, body };
    // Everything behind this line may wait for the disk.
    tokio::task::spawn_blocking(move || routes::answer(&api, request, &segments))
        .await
        .map_err(|error| ApiError::internal(format!("the request failed unexpectedly: {error}")))
}

fn unpack(headers: &HeaderMap, body: Bytes) -> Result<Bytes, ApiError> {
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("identity");
    match encoding.to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(body),
        "gzip" => {
            let mut unpacked = Vec::with_capacity(body.len() * 4);
            let mut reader = flate2::read::MultiGzDecoder::new(&*body).take(MAX_BODY_BYTES as u64 + 1);
            reader
                .read_to_end(&mut unpacked)
                .map_err(|error| ApiError::parsing(format!("the body is not valid gzip: {error}")))?;
            if unpacked.len() > MAX_BODY_BYTES {
                return Err(ApiError::new(
                    413,
                    "content_too_long_exception",
                    format!("the unpacked body has more than {MAX_BODY_BYTES} bytes"),
                ));
            }
            Ok(unpacked.into())
        }
        other => Err(ApiError::new(
            415,
            "media_type_header_exception",
            format!("Content-Encoding [{other}] is not supported, send gzip or none"),
        )),
    }
}

fn check_content_type(headers: &HeaderMap, body: &Bytes) -> Result<(), ApiError> {
    if body.is_empty() {
        return Ok(());
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let known = [
        "application/json",
        "application/x-ndjson",
        "application/vnd.elasticsearch+json",
        "application/vnd.elasticsearch+x-ndjson",
    ];
    let media_type = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if known.contains(&media_type.as_str()) {
        return Ok(());
    }
    Err(ApiError::new(
        406,
        "media_type_header_exception",
        format!("Content-Type header [{given}] is not supported, send application/json or application/x-ndjson"),
    ))
}

/// The content type of the answer: versioned if the client asks for that. Versions 8 and 9 of the
/// API are the same as far as this store goes.
fn content_type(headers: &HeaderMap) -> String {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept
        .split(',')
        .map(str::trim)
        .filter(|wanted| wanted.starts_with("application/vnd.elasticsearch+json"))
        .find_map(|wanted| wanted.split("compatible-with=").nth(1))
        .map(|version| version.trim())
        .filter(|version| matches!(*version, "7" | "8" | "9"))
        .map_or_else(
            || "application/json".to_owned(),
            |version| format!("application/vnd.elasticsearch+json;compatible-with={version}"),
        )
}

fn respond(answer: Answer, style: &Style, head: bool) -> Response {
    let Answer { status, body } = answer;
    let (content_type, mut text) = match body {
        Body::Json(text) => {
            let filtered = match &style.filter_path {
                Some(patterns) if status < 300 => filter_path(&text, patterns).unwrap_or(text),
                _ => text,
            };
            let pretty = if style.pretty {
                Json::parse(filtered.as_bytes()).ok().map(|json| json.to_pretty() + "\n")
            } else {
                None
            };
            (style.content_type.clone(), pretty.unwrap_or(filtered))
        }
        Body::Text(text) => ("text/plain; charset=UTF-8".to_owned(), text),
        Body::Empty => (style.content_type.clone(), String::new()),
    };
    if head {
        text.clear();
    }
    let mut response = Response::new(axum::body::Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("x-elastic-product", header::HeaderValue::from_static("Elasticsearch"));
    if let Ok(value) = header::HeaderValue::from_str(&content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    response
}
