//! What the tests share: a sink that runs, a nats-server, an HTTP server, waiting.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use resilmesh_pipeline::config::{Options, Section};
use resilmesh_pipeline::event::{Ack, AckReceiver, Batch, Event, Fate, Input, channel};
use resilmesh_pipeline::readiness::Readiness;
use resilmesh_pipeline::sink::{self, SinkContext};
use resilmesh_service::stats::{ComponentSnapshot, Kind};
use resilmesh_service::{Lifecycle, Stats};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vrl::value::Value;

/// How long anything may take on a machine that is busy with other tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What `future` gives, which must be before long.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("it should have come by now")
}

/// Waits until `is` holds.
pub(crate) async fn until(mut is: impl FnMut() -> bool) {
    soon(async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// A sink at work.
pub(crate) struct Running {
    pub(crate) sender: mpsc::Sender<Batch>,
    /// What the sink hands over as refused.
    pub(crate) refused: Input,
    pub(crate) stop: CancellationToken,
    pub(crate) lifecycle: Lifecycle,
    stats: Stats,
    task: JoinHandle<()>,
}

/// Starts the sink of type `kind` that `yaml` describes.
pub(crate) fn start(kind: &str, yaml: &str) -> Running {
    start_with(kind, yaml, true, None)
}

/// As [`start`]; `hand_over` = refused events go to [`Running::refused`].
pub(crate) fn start_with(kind: &str, yaml: &str, hand_over: bool, inbox_prefix: Option<&str>) -> Running {
    let values = serde_yaml::from_str(yaml).expect("YAML");
    let options = Options::new(Path::new("test.yaml"), Section::Sink, "out", kind, values, BTreeMap::new(), None);
    let sink = match sink::build(&options).expect("a known type") {
        Ok(sink) => sink,
        Err(errors) => panic!("{yaml}: {}", errors[0]),
    };
    let ((sender, input), (to_refused, refused)) = (channel(), channel());
    let (stats, lifecycle, stop) = (Stats::new(), Lifecycle::new(), CancellationToken::new());
    let context = SinkContext {
        id: "out".to_owned(),
        counters: stats.component("out", Kind::Sink),
        stop: stop.clone(),
        data_dir: std::env::temp_dir(),
        inbox_prefix: inbox_prefix.map(str::to_owned),
        refused: hand_over.then_some(to_refused),
        readiness: Readiness::new(lifecycle.clone()).part("out"),
    };
    let task = tokio::spawn(async move { sink.run(input, context).await.expect("the sink ends well") });
    Running { sender, refused, stop, lifecycle, stats, task }
}

impl Running {
    /// Sends events; gives what tells their fates.
    pub(crate) async fn send(&self, values: Vec<Value>) -> Vec<AckReceiver> {
        let (acks, told): (Vec<_>, Vec<_>) = values.iter().map(|_| Ack::pair()).unzip();
        let batch = values.into_iter().zip(acks).map(|(value, ack)| Event::new(value, ack)).collect();
        self.sender.send(batch).await.expect("the sink takes events");
        told
    }

    pub(crate) fn counters(&self) -> ComponentSnapshot {
        self.stats.snapshot().components["out"].clone()
    }

    /// Ends the input and waits until the sink has ended; gives its counters.
    pub(crate) async fn finish(self) -> ComponentSnapshot {
        drop(self.sender);
        soon(self.task).await.expect("the sink does not panic");
        self.stats.snapshot().components["out"].clone()
    }
}

/// The fates of all.
pub(crate) async fn fates(told: Vec<AckReceiver>) -> Vec<Fate> {
    soon(futures::future::join_all(told)).await
}

/// A nats-server of our own, killed at the end.
pub(crate) struct Nats {
    pub(crate) port: u16,
    dir: tempfile::TempDir,
    child: Child,
}

impl Nats {
    /// Starts one with JetStream; `more` is further configuration.
    pub(crate) async fn start(more: &str) -> Self {
        let dir = tempfile::tempdir().expect("temporary folder");
        // Free now; nobody else is likely to take it before the server does.
        let port = TcpListener::bind("127.0.0.1:0").await.expect("port").local_addr().expect("address").port();
        let config = format!(
            "listen: 127.0.0.1:{port}\njetstream {{ store_dir: {:?}, sync_interval: \"1s\" }}\n{more}\n",
            dir.path().join("store")
        );
        std::fs::write(dir.path().join("nats.conf"), config).expect("write");
        let child = Self::spawn(dir.path());
        let server = Self { port, dir, child };
        server.ready().await;
        server
    }

    fn spawn(dir: &Path) -> Child {
        let program = std::env::var_os("NATS_SERVER").map_or_else(|| PathBuf::from("nats-server"), PathBuf::from);
        Command::new(&program)
            .arg("-c")
            .arg(dir.join("nats.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("`{}` cannot be started: {error}; put nats-server on PATH or set NATS_SERVER", program.display())
            })
    }

    async fn ready(&self) {
        soon(async {
            while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills it without a word and starts it again on what it had stored.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.child.kill().await.expect("kill");
        self.child = Self::spawn(self.dir.path());
        self.ready().await;
    }

    /// A client.
    pub(crate) async fn client(&self) -> async_nats::Client {
        soon(async_nats::connect(self.url())).await.expect("connect")
    }
}

/// What an HTTP server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }
}

/// How an HTTP server answers.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// With this.
    With(u16, String),
    /// Takes everything: a bulk answer without errors.
    Fine,
    /// Not at all: the connection is closed.
    HangUp,
}

/// An HTTP server that answers requests with a body as told, one reply each, then [`Reply::Fine`].
pub(crate) struct Web {
    pub(crate) port: u16,
    state: Arc<Mutex<WebState>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct WebState {
    replies: VecDeque<Reply>,
    asked: Vec<Asked>,
    about: String,
}

impl Web {
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_as(r#"{"version":{"number":"8.11.0"}}"#, 0, replies).await
    }

    /// `about` = the answer to `GET /`; `port` 0 = any.
    pub(crate) async fn start_as(about: &str, port: u16, replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("port");
        let port = listener.local_addr().expect("address").port();
        let state = WebState { replies: replies.into_iter().collect(), asked: Vec::new(), about: about.to_owned() };
        let state = Arc::new(Mutex::new(state));
        let app = axum::Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::max(64 * 1024 * 1024))
            .with_state(Arc::clone(&state));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("serve") });
        Self { port, state, task }
    }

    /// Gives its port back; what it was asked can still be read.
    pub(crate) async fn close(&mut self) {
        self.task.abort();
        assert!((&mut self.task).await.is_err_and(|ended| ended.is_cancelled()));
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was sent to it, in order.
    pub(crate) fn sent(&self) -> Vec<Asked> {
        self.state.lock().asked.iter().filter(|asked| asked.method != Method::GET).cloned().collect()
    }

    /// The paths of what it was asked besides.
    pub(crate) fn looked_at(&self) -> Vec<String> {
        let state = self.state.lock();
        state.asked.iter().filter(|asked| asked.method == Method::GET).map(|asked| asked.path.clone()).collect()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(state): State<Arc<Mutex<WebState>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = state.lock();
    let asked = Asked { method: method.clone(), path: uri.to_string(), headers, body: body.to_vec() };
    state.asked.push(asked);
    if method == Method::GET {
        return state.about.clone().into_response();
    }
    match state.replies.pop_front().unwrap_or(Reply::Fine) {
        Reply::With(status, text) => (StatusCode::from_u16(status).expect("status"), text).into_response(),
        Reply::Fine => r#"{"took":1,"errors":false,"items":[]}"#.into_response(),
        // An answer that breaks off closes the connection.
        Reply::HangUp => {
            let broken = futures::stream::iter([Ok("{"), Err(std::io::Error::other("hang up"))]);
            Response::new(axum::body::Body::from_stream(broken))
        }
    }
}
