//! The HTTP side: bulk requests, health, version.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::bulk::Bulk;
use crate::sink::SinkContext;
use crate::sink::complain::Complaints;
use crate::sink::retry::{Retry, wait};
use crate::sink::web::{Auth, Compression, chain};

/// Which bulk API the server has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ApiVersion {
    /// The server is asked.
    #[default]
    Auto,
    V6,
    V7,
    V8,
}

/// The servers, which take turns.
pub(super) struct Server {
    client: Client,
    endpoints: Vec<Url>,
    bulk: Vec<Url>,
    auth: Option<Auth>,
    headers: HeaderMap,
    compression: Compression,
    turn: AtomicUsize,
}

/// Why a bulk request as a whole was not carried out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may be the next time.
    Later(String),
    /// Something in it is too large or not understood; parts of it may be taken.
    InPart(String),
}

impl Server {
    pub(super) fn new(
        client: Client,
        endpoints: Vec<Url>,
        bulk: Vec<Url>,
        auth: Option<Auth>,
        mut headers: HeaderMap,
        compression: Compression,
    ) -> Self {
        headers.entry(CONTENT_TYPE).or_insert(http::HeaderValue::from_static("application/x-ndjson"));
        Self { client, endpoints, bulk, auth, headers, compression, turn: AtomicUsize::new(0) }
    }

    /// The addresses without credentials.
    pub(super) fn shown(&self) -> String {
        self.endpoints.iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// Sends a bulk request to the server whose turn it is.
    pub(super) async fn send(&self, bulk: &Bulk) -> Result<Answer, Trouble> {
        let later = |error: &dyn std::error::Error| Trouble::Later(chain(error));
        let url = self.next(&self.bulk).ok_or_else(|| Trouble::Later("no endpoint".to_owned()))?;
        let body = self.compression.compress(bulk.body()).map_err(|error| later(&error))?;
        let mut request = self.client.post(url.clone()).headers(self.headers.clone()).body(body);
        if let Some(encoding) = self.compression.header() {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        let answer = self.identify(request).send().await.map_err(|error| later(&error.without_url()))?;
        let status = answer.status();
        let text = answer.bytes().await.map_err(|error| later(&error.without_url()))?;
        if status.is_success() {
            return Answer::read(&text, bulk.len()).map_err(|error| later(&error));
        }
        let said = format!("{status}: {}", String::from_utf8_lossy(text.get(..500).unwrap_or(&text)));
        match status {
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Err(Trouble::InPart(said)),
            // Wrong credentials or a wrong address can be put right; what is sent is not at fault.
            _ => Err(Trouble::Later(said)),
        }
    }

    /// Whether the server wants to be told the type of documents, as those before 7 do. Asks until
    /// it answers if `api` does not say.
    pub(super) async fn wants_types(&self, api: ApiVersion, context: &SinkContext) -> bool {
        match api {
            ApiVersion::V6 => return true,
            ApiVersion::V7 | ApiVersion::V8 => return false,
            ApiVersion::Auto => {}
        }
        let (complaints, mut backoff) = (Complaints::default(), Retry::default().start());
        loop {
            match self.get("/").await {
                Ok(about) => return is_before_7(&about),
                Err(error) => {
                    context.counters.error();
                    complaints.retrying(&context.id, &format!("asking {} for its version", self.shown()), &error);
                }
            }
            // Whoever runs this ends it when the service stops.
            wait(&mut backoff, &CancellationToken::new()).await;
        }
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        let mut url = self.next(&self.endpoints).ok_or("no endpoint")?.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        let request = self.client.get(url).headers(self.headers.clone());
        let answer = self.identify(request).send().await.map_err(|error| chain(&error.without_url()))?;
        match answer.status() {
            status if status.is_success() => {
                answer.bytes().await.map(Vec::from).map_err(|error| chain(&error.without_url()))
            }
            status => Err(status.to_string()),
        }
    }

    fn identify(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.auth {
            Some(auth) => auth.apply(request),
            None => request,
        }
    }

    fn next<'a>(&self, urls: &'a [Url]) -> Option<&'a Url> {
        urls.get(self.turn.fetch_add(1, Ordering::Relaxed) % urls.len().max(1))
    }
}

/// Asks for the server's health until it answers, and says so.
pub(super) async fn wait_until_healthy(server: Arc<Server>, context: SinkContext) {
    let (complaints, mut backoff) = (Complaints::default(), Retry::default().start());
    let store = format!("store at {}", server.shown());
    context.readiness.waiting_for(store.as_str());
    while let Err(error) = server.get("/_cluster/health").await {
        context.readiness.waiting_for(format!("{store} ({error})"));
        complaints.retrying(&context.id, &format!("asking {} for its health", server.shown()), &error);
        wait(&mut backoff, &CancellationToken::new()).await;
    }
    context.readiness.ready();
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These fail for addresses that can have no credentials, which is as well.
    let _ = (url.set_username(""), url.set_password(None));
    url.as_str().trim_end_matches('/').to_owned()
}

/// Reads what a server says about itself. One that says nothing we understand is taken for new.
fn is_before_7(about: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct About {
        version: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        number: String,
        distribution: Option<String>,
    }
    let Ok(About { version }) = serde_json::from_slice(about) else { return false };
    // OpenSearch began again at 1, long after types had gone.
    let restarted = version.distribution.as_deref() == Some("opensearch");
    let major = version.number.split('.').next().and_then(|major| major.parse::<u32>().ok());
    !restarted && major.is_some_and(|major| major < 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (about, before) in [
            (r#"{"version":{"number":"6.8.0"}}"#, true),
            (r#"{"version":{"number":"7.17.1"}}"#, false),
            (r#"{"version":{"number":"8.11.0"}}"#, false),
            (r#"{"version":{"number":"2.11.0"}}"#, true),
            (r#"{"version":{"number":"2.11.0","distribution":"opensearch"}}"#, false),
            ("hello", false),
        ] {
            assert_eq!(is_before_7(about.as_bytes()), before, "{about}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        assert_eq!(shown(&Url::parse("http://u:p@h:9200/").unwrap()), "http://h:9200");
    }
}
