//! A real nats-server with exactly the permissions that a mesh gives to a service between two streams, and such a
//! service in this process: for the tests of the services that are built on this crate.
use std::collections::HashMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, consumer, stream};
use futures::StreamExt;
use resilmesh_relay::RunError;
use resilmesh_service::{Lifecycle, control};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Long enough for a loaded machine; nothing waits this long when it works.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until `what` gives something.
pub async fn until<T>(label: &str, mut what: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = what().await {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "waited in vain for: {label}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A nats-server that can be killed and started again on its port and store.
pub struct Bus {
    pub dir: TempDir,
    pub port: u16,
    max_payload: usize,
    child: Option<Child>,
}

impl Bus {
    pub fn reserve() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        Self { dir: tempfile::tempdir().expect("a folder"), port, max_payload: 8 << 20, child: None }
    }

    pub fn with_max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    pub fn start(&mut self) {
        let conf = self.dir.path().join("nats.conf");
        std::fs::write(&conf, self.conf()).expect("write nats.conf");
        let program = std::env::var_os("NATS_SERVER").unwrap_or_else(|| "nats-server".into());
        let child = Command::new(&program)
            .arg("-c")
            .arg(&conf)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("nats-server ({program:?}; set NATS_SERVER or PATH) cannot be run: {error}")
            });
        self.child = Some(child);
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kill");
            child.wait().expect("wait");
        }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    fn conf(&self) -> String {
        format!(
            r#"listen: 127.0.0.1:{port}
max_payload: {max_payload}
jetstream {{ store_dir: "{store}", max_file_store: 1GB, sync_interval: "1s" }}
authorization {{ users: [
  {{ user: resilmesh, password: all, permissions: {{ publish: ">", subscribe: ">" }} }}
  {{ user: enrichment, password: secret, permissions: {{
     publish: ["enriched_events", "ecs_events.rejected", "$JS.API.STREAM.INFO.ecs_events",
       "$JS.API.CONSUMER.INFO.ecs_events.enrichment", "$JS.API.CONSUMER.MSG.NEXT.ecs_events.enrichment",
       "$JS.ACK.ecs_events.enrichment.>"],
     subscribe: ["_INBOX_enrichment.>"] }} }}
] }}
"#,
            port = self.port,
            max_payload = self.max_payload,
            store = self.dir.path().join("store").display(),
        )
    }

    /// The administrator's view.
    pub async fn admin(&self) -> Admin {
        let client = until("nats-server", async || {
            async_nats::ConnectOptions::with_user_and_password("resilmesh".into(), "all".into())
                .max_reconnects(None)
                .reconnect_delay_callback(|_| Duration::from_millis(50))
                .connect(self.url())
                .await
                .ok()
        })
        .await;
        Admin { jetstream: jetstream::new(client.clone()), client }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A started bus with the streams and the consumer of the example mesh.
pub async fn mesh() -> (Bus, Admin) {
    mesh_on(Bus::reserve()).await
}

pub async fn mesh_on(mut bus: Bus) -> (Bus, Admin) {
    bus.start();
    let admin = bus.admin().await;
    admin.add_streams().await;
    admin.add_consumer(Duration::from_secs(30)).await;
    (bus, admin)
}

#[derive(Clone)]
pub struct Admin {
    pub client: async_nats::Client,
    pub jetstream: jetstream::Context,
}

impl Admin {
    pub async fn add_streams(&self) {
        for (name, subject) in [
            ("ecs_events", "ecs_events"),
            ("ecs_events_rejected", "ecs_events.rejected"),
            ("enriched_events", "enriched_events"),
        ] {
            self.jetstream.create_stream(stream_config(name, subject)).await.expect("a stream");
        }
    }

    pub async fn add_consumer(&self, ack_wait: Duration) {
        let config = consumer::pull::Config {
            durable_name: Some("enrichment".into()),
            ack_policy: consumer::AckPolicy::Explicit,
            ack_wait,
            max_ack_pending: 20_000,
            ..Default::default()
        };
        let stream = self.jetstream.get_stream("ecs_events").await.expect("the stream");
        stream.create_consumer(config).await.expect("a consumer");
    }

    /// Makes the consumer anew, with another time after which it delivers again.
    pub async fn add_consumer_patience(&self, ack_wait: Duration) {
        let stream = self.jetstream.get_stream("ecs_events").await.expect("the stream");
        stream.delete_consumer("enrichment").await.expect("deleted");
        self.add_consumer(ack_wait).await;
    }

    /// Publishes events, and waits until all are stored.
    pub async fn publish(&self, payloads: impl IntoIterator<Item = String>) {
        let mut acks = Vec::new();
        for payload in payloads {
            acks.push(self.jetstream.publish("ecs_events", payload.into()).await.expect("publish"));
            if acks.len() == 500 {
                for ack in acks.drain(..) {
                    ack.await.expect("stored");
                }
            }
        }
        for ack in acks {
            ack.await.expect("stored");
        }
    }

    pub async fn count(&self, stream: &str) -> u64 {
        match self.jetstream.get_stream(stream).await {
            Ok(stream) => stream.cached_info().state.messages,
            Err(_) => 0,
        }
    }

    /// Everything in a stream: message id and payload.
    pub async fn read(&self, stream: &str) -> Vec<(Option<String>, Vec<u8>)> {
        let stream = self.jetstream.get_stream(stream).await.expect("the stream");
        let mut left = stream.cached_info().state.messages;
        let config = consumer::pull::Config { ack_policy: consumer::AckPolicy::None, ..Default::default() };
        let consumer = stream.create_consumer(config).await.expect("a consumer");
        let mut messages = consumer.messages().await.expect("messages");
        let mut all = Vec::new();
        while left > 0 {
            let message =
                tokio::time::timeout(DEADLINE, messages.next()).await.expect("in time").expect("one").expect("good");
            let id = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id")).map(ToString::to_string);
            all.push((id, message.payload.to_vec()));
            left -= 1;
        }
        all
    }

    /// The events in a stream by message id; fails if two share one.
    pub async fn read_by_id(&self, stream: &str) -> HashMap<String, Value> {
        let mut by_id = HashMap::new();
        for (id, payload) in self.read(stream).await {
            let id = id.expect("a message id");
            let event = serde_json::from_slice(&payload).expect("JSON");
            assert!(by_id.insert(id.clone(), event).is_none(), "{id} came twice");
        }
        by_id
    }

    pub async fn wait_for_count(&self, stream: &str, count: u64) {
        until(&format!("{count} messages in {stream}"), async || (self.count(stream).await >= count).then_some(()))
            .await;
    }

    pub async fn consumer_info(&self) -> consumer::Info {
        let stream = self.jetstream.get_stream("ecs_events").await.expect("the stream");
        stream.consumer_info("enrichment").await.expect("the consumer")
    }

    /// Waits until every message of the consumer is acknowledged.
    pub async fn wait_until_all_is_acknowledged(&self) {
        until("all acknowledged", async || {
            let info = self.consumer_info().await;
            (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
        })
        .await;
    }
}

pub fn stream_config(name: &str, subject: &str) -> stream::Config {
    stream::Config {
        name: name.into(),
        subjects: vec![subject.into()],
        discard: stream::DiscardPolicy::New,
        max_bytes: 256 << 20,
        duplicate_window: Duration::from_secs(120),
        ..Default::default()
    }
}

pub fn event(id: &str, source: &str) -> String {
    json!({"event": {"id": id, "original": "a line"}, "source": {"ip": source}, "message": "x"}).to_string()
}

/// The service, running in this process.
pub struct Service {
    lifecycle: Lifecycle,
    control: PathBuf,
    running: tokio::task::JoinHandle<Result<(), RunError>>,
}

impl Service {
    /// Runs a service that is controlled by this socket.
    pub fn run<F>(control: PathBuf, run: impl FnOnce(Lifecycle) -> F) -> Self
    where
        F: Future<Output = Result<(), RunError>> + Send + 'static,
    {
        let lifecycle = Lifecycle::new();
        let running = tokio::spawn(run(lifecycle.clone()));
        Self { lifecycle, control, running }
    }

    /// None while the socket is not there yet.
    pub async fn ask(&self, verb: &str) -> Option<Value> {
        control::ask(&self.control, verb, Value::Null).await.ok()
    }

    pub async fn wait_for(&self, verb: &str, condition: impl Fn(&Value) -> bool) -> Value {
        until(verb, async || self.ask(verb).await.filter(|answer| condition(answer))).await
    }

    pub async fn wait_until_ready(&self) {
        self.wait_for("health", |health| health["ready"] == true).await;
    }

    /// Ends it as a crash would: in the middle of whatever it does.
    pub async fn crash(self) {
        self.running.abort();
        assert!(self.running.await.is_err_and(|error| error.is_cancelled()), "it had ended before");
    }

    /// Stops it; answers how long that took.
    pub async fn stop(self) -> Duration {
        let start = Instant::now();
        self.lifecycle.stop();
        tokio::time::timeout(DEADLINE, self.running).await.expect("in time").expect("no panic").expect("no error");
        start.elapsed()
    }
}
