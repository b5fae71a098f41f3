//! A stand-in of the Silent Push API: answers as its public documentation says, or misbehaves as
//! told. There is nothing else to test against.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

/// What the stand-in does with one request.
#[derive(Clone)]
pub(crate) enum Behave {
    Well,
    Status(u16),
    RetryAfter(&'static str),
    Slowly(Duration),
    Say(&'static str),
    /// Answers about the first indicator only.
    Partially,
    /// 400 if this one is asked about.
    CannotStand(&'static str),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) kind: String,
    pub(crate) key: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) indicators: Vec<String>,
}

#[derive(Clone, Default)]
pub(crate) struct Api {
    script: Arc<Mutex<VecDeque<Behave>>>,
    always: Arc<Mutex<Option<Behave>>>,
    requests: Arc<Mutex<Vec<Request>>>,
    address: Option<SocketAddr>,
}

impl Api {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let api = Self { address: listener.local_addr().ok(), ..Self::default() };
        let router = Router::new().route("/base/explore/bulk/summary/{kind}", post(answer)).with_state(api.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        api
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/base/", self.address.expect("an address"))
    }

    /// The next requests are treated so, one each; then well.
    pub(crate) fn script(&self, behaviours: impl IntoIterator<Item = Behave>) {
        self.script.lock().expect("lock").extend(behaviours);
    }

    /// All requests beyond the script are treated so.
    pub(crate) fn always(&self, behaviour: Behave) {
        *self.always.lock().expect("lock") = Some(behaviour);
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("lock").clone()
    }

    /// Everything that was ever asked about.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked: Vec<String> = self.requests().into_iter().flat_map(|request| request.indicators).collect();
        asked.sort();
        asked
    }

    fn next(&self) -> Behave {
        let scripted = self.script.lock().expect("lock").pop_front();
        scripted.or_else(|| self.always.lock().expect("lock").clone()).unwrap_or(Behave::Well)
    }
}

async fn answer(State(api): State<Api>, Path(kind): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).expect("a JSON body");
    let list = if kind == "domain" { &body["domains"] } else { &body["ips"] };
    let indicators: Vec<String> = serde_json::from_value(list.clone()).expect("a list");
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    api.requests.lock().expect("lock").push(Request {
        kind: kind.clone(),
        key: header("x-api-key"),
        agent: header("user-agent"),
        indicators: indicators.clone(),
    });
    match api.next() {
        Behave::Well => good(&kind, &indicators),
        Behave::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Behave::RetryAfter(after) => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", after)]).into_response(),
        Behave::Slowly(time) => {
            tokio::time::sleep(time).await;
            good(&kind, &indicators)
        }
        Behave::Say(text) => text.into_response(),
        Behave::Partially => good(&kind, &indicators[..1]),
        Behave::CannotStand(one) if indicators.iter().any(|indicator| indicator == one) => {
            (StatusCode::BAD_REQUEST, "bad indicator").into_response()
        }
        Behave::CannotStand(_) => good(&kind, &indicators),
    }
}

fn good(kind: &str, indicators: &[String]) -> Response {
    let item = |indicator: &String| match kind {
        "domain" => {
            json!({"domaininfo": {"domain": indicator, "zone": "UNKNOWN", "is_new": false}, "sp_risk_score": 80})
        }
        _ => json!({"ip": indicator, "sp_risk_score": 13, "malscore": "UNKNOWN", "ip2asn": [{"asn": 64500,
            "asname": "EXAMPLE", "ip_location": {"country_code": "DE", "country_name": "Germany",
            "continent_code": "EU", "continent_name": "Europe"}}]}),
    };
    let items: Vec<Value> = indicators.iter().map(item).collect();
    json!({"status_code": 200, "error": null, "response": items}).to_string().into_response()
}
