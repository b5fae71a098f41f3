//! The HTTP side of the Silent Push API: one bulk request and what can come back.

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use serde_json::{Map, Value, json};

use super::answer::{items, shortened};
use crate::indicator::{Indicator, IndicatorType};

/// The API's own limit for its bulk calls.
pub(super) const MOST_IN_A_REQUEST: usize = 100;
/// A hundred objects are about 1 MB; a body longer than this is not from that API.
const LONGEST_BODY: usize = 32 << 20;

/// Asks the API.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    explain: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// 401 or 403: the key does not count.
    Refused(u16),
    /// 429, and for how long the API wants to be left alone, if it says so.
    Limited(Option<Duration>),
    /// 400, 413, 422: something asked about is wrong, and asking again in the same words no use.
    BadRequest(String),
    /// Everything else, which may pass: time-outs, broken connections, other statuses, answers that
    /// make no sense.
    Passing(String),
}

impl Client {
    /// A client that presents the key in every request to `base`, and follows no redirect: the
    /// key is for that host alone.
    ///
    /// # Errors
    /// When the key cannot stand in a header, or TLS cannot be set up.
    pub(super) fn new(
        base: Url,
        key: &str,
        timeout: Duration,
        connect_timeout: Duration,
        explain: bool,
    ) -> Result<Self, String> {
        let mut key =
            HeaderValue::from_str(key).map_err(|_| "the API key holds characters that no key has".to_owned())?;
        key.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-api-key"), key);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("resilmesh-enrich/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .timeout(timeout)
            .connect_timeout(connect_timeout)
            .pool_max_idle_per_host(2);
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        // Whoever comes first in the process decides; there is only this one here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = builder.build().map_err(|error| format!("HTTPS cannot be set up: {}", whole(&error)))?;
        Ok(Self { http, base, explain })
    }

    /// Asks for the summaries of up to [`MOST_IN_A_REQUEST`] indicators of one type.
    pub(super) async fn summaries(
        &self,
        kind: IndicatorType,
        of: &[Indicator],
    ) -> Result<Vec<Map<String, Value>>, Trouble> {
        let mut url = self
            .base
            .join(&format!("explore/bulk/summary/{}", kind.name()))
            .map_err(|error| Trouble::BadRequest(error.to_string()))?;
        if self.explain {
            url.set_query(Some("explain=1"));
        }
        let key = if kind == IndicatorType::Domain { "domains" } else { "ips" };
        let values: Vec<String> = of.iter().map(ToString::to_string).collect();
        let sent = self.http.post(url).json(&json!({key: values})).send().await;
        let response = sent.map_err(|error| Trouble::Passing(whole(&error)))?;
        let status = response.status();
        if status.is_success() {
            return items(&body_of(response).await?).map_err(Trouble::Passing);
        }
        Err(trouble_of(response).await)
    }
}

/// Whether the host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn trouble_of(response: Response) -> Trouble {
    let status = response.status();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Trouble::Refused(status.as_u16()),
        StatusCode::TOO_MANY_REQUESTS => Trouble::Limited(retry_after(response.headers())),
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            let body = body_of(response).await.unwrap_or_default();
            let said = shortened(String::from_utf8_lossy(&body).trim());
            Trouble::BadRequest(format!("HTTP {}: {said}", status.as_u16()))
        }
        _ => Trouble::Passing(format!("HTTP {}", status.as_u16())),
    }
}

async fn body_of(mut response: Response) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| Trouble::Passing(whole(&error)))? {
        if body.len() + part.len() > LONGEST_BODY {
            return Err(Trouble::Passing("the answer is longer than 32 MiB".to_owned()));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(date.signed_duration_since(chrono::Utc::now()).to_std().unwrap_or_default())
}

/// An error with its causes, without the URL.
fn whole(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "no answer in time".to_owned() } else { "the connection failed".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).expect("a header"));
            retry_after(&headers)
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Fri, 01 Jan 2021 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn loopback_is_recognised() {
        for (url, loopback) in [
            ("http://127.0.0.1:9/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("https://app.silentpush.com/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).expect("a URL")), loopback, "{url}");
        }
    }
}
