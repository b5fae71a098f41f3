//! A pipeline in a test: real sources and transforms, and a sink that hands its events to the test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use resilmesh_service::{Lifecycle, Stats};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::RunError;
use crate::config::globals::Engine;
use crate::config::{self, SecretMode};
use crate::event::{Ack, Event, Input};
use crate::sink::{Sink, SinkContext, SinkError};
use crate::source::{self, Source, SourceContext, SourceError};
use crate::topology::build::{Makers, build_with};
use crate::topology::run::{Environment, run};
use crate::topology::tap::Taps;

/// How long a test waits for what must come.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running pipeline.
pub(crate) struct Running {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) stats: Stats,
    pub(crate) taps: Taps,
    events: mpsc::UnboundedReceiver<(String, Event)>,
    task: JoinHandle<Result<(), RunError>>,
    _folder: tempfile::TempDir,
}

/// An event that came out, as JSON, with the id of the sink.
#[derive(Debug)]
pub(crate) struct Out {
    pub(crate) sink: String,
    pub(crate) value: Value,
    pub(crate) metadata: Value,
    pub(crate) ack: Ack,
}

impl Running {
    /// Starts what `yaml` says, with its state in a fresh folder. Sinks of any type hand their
    /// events to the test; a source of type `given` gives `given`.
    pub(crate) fn start(yaml: &str, given: Vec<Event>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_owned();
        Self::start_in(yaml, given, folder, &data)
    }

    /// As [`Running::start`], with its state in `data`.
    pub(crate) fn start_with(yaml: &str, data: &Path) -> Self {
        Self::start_in(yaml, Vec::new(), tempfile::tempdir().unwrap(), data)
    }

    fn start_in(yaml: &str, given: Vec<Event>, folder: tempfile::TempDir, data: &Path) -> Self {
        let file = folder.path().join("vector.yaml");
        std::fs::write(&file, yaml).unwrap();
        let (config, errors) = config::load(&file, SecretMode::PutIn);
        assert!(errors.is_empty(), "{errors:#?}");
        let (lifecycle, stats, taps) = (Lifecycle::new(), Stats::new(), Taps::default());
        let (sender, events) = mpsc::unbounded_channel();
        let given = Arc::new(Mutex::new(given));
        let makers = Makers {
            source: Box::new(move |options| {
                if options.kind == "given" {
                    return Some(Ok(Box::new(Given(std::mem::take(&mut given.lock())))));
                }
                source::build(options)
            }),
            sink: Box::new(move |_| Some(Ok(Box::new(HandOver(sender.clone()))))),
        };
        let parts = build_with(&config, &stats, &makers).unwrap_or_else(|errors| panic!("{errors:#?}"));
        drop(makers);
        let environment = Environment {
            lifecycle: lifecycle.clone(),
            stats: stats.clone(),
            taps: taps.clone(),
            data_dir: Some(PathBuf::from(data)),
            engine: Engine { inbox_prefix: Some("_INBOX_indexer".to_owned()), ..config.engine },
        };
        let task = tokio::spawn(async move {
            let ended = run(parts, &environment).await;
            if let Err(error) = &ended {
                eprintln!("{error}");
            }
            ended
        });
        Self { lifecycle, stats, taps, events, task, _folder: folder }
    }

    /// Waits until all components are ready.
    pub(crate) async fn ready(&self) {
        wait_for(|| {
            assert!(!self.task.is_finished(), "it has ended before it was ready");
            self.lifecycle.unready_because().is_none()
        })
        .await;
    }

    /// The next event that comes out.
    pub(crate) async fn next(&mut self) -> Out {
        timeout(DEADLINE, self.try_next()).await.expect("an event in time").expect("an event before the end")
    }

    async fn try_next(&mut self) -> Option<Out> {
        let (sink, event) = self.events.recv().await?;
        let json = |value| serde_json::to_value(value).unwrap();
        Some(Out { sink, value: json(&event.value), metadata: json(&event.metadata), ack: event.ack })
    }

    /// Whether an event has come out already.
    pub(crate) fn is_idle(&self) -> bool {
        self.events.is_empty()
    }

    /// Stops, and gives what still came out, all of it delivered.
    pub(crate) async fn stop(self) -> Vec<Out> {
        self.lifecycle.stop();
        self.end().await
    }

    /// Waits for the end, and gives what still came out, all of it delivered.
    pub(crate) async fn end(mut self) -> Vec<Out> {
        let mut all = Vec::new();
        let drained = async {
            while let Some(mut out) = self.try_next().await {
                out.ack = Ack::none();
                all.push(out);
            }
        };
        timeout(DEADLINE, drained).await.expect("an end in time");
        timeout(DEADLINE, self.task).await.expect("an end in time").unwrap().unwrap();
        all
    }

    /// Ends at once, as a kill does: nothing is told, written or waited for any more.
    pub(crate) async fn kill(self) {
        self.task.abort();
        // The events that the test holds are gone too, but nobody hears of it.
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }
}

/// Waits until `condition` holds.
pub(crate) async fn wait_for(mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, waiting).await.expect("the condition in time");
}

/// A port that nothing uses at this moment.
pub(crate) fn free_port() -> u16 {
    loop {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

struct HandOver(mpsc::UnboundedSender<(String, Event)>);

#[async_trait]
impl Sink for HandOver {
    async fn run(self: Box<Self>, mut input: Input, context: SinkContext) -> Result<(), SinkError> {
        context.readiness.ready();
        while let Some(batch) = input.recv().await {
            for event in batch {
                self.0.send((context.id.clone(), event)).unwrap();
            }
        }
        Ok(())
    }
}

struct Given(Vec<Event>);

#[async_trait]
impl Source for Given {
    async fn run(self: Box<Self>, context: SourceContext) -> Result<(), SourceError> {
        context.readiness.ready();
        for event in self.0 {
            context.output.send(vec![event]).await.unwrap();
        }
        Ok(())
    }
}
