//! Starting a pipeline, watching over it, and stopping it without losing anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use resilmesh_service::stats::{Counters, Kind};
use resilmesh_service::{Lifecycle, Stats};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::build::Parts;
use super::output::{Output, Target};
use super::tap::Taps;
use crate::RunError;
use crate::config::globals::Engine;
use crate::event::{Batch, Input, channel};
use crate::readiness::Readiness;
use crate::sink::SinkContext;
use crate::source::SourceContext;
use crate::transform::{Outputs, Transform};

/// How long after the wish to stop sinks try to deliver what is under way.
const DELIVER: Duration = Duration::from_secs(8);
/// How long after that everything has time to end by itself.
const END: Duration = Duration::from_millis(1500);

/// What a pipeline runs with.
#[derive(Debug)]
pub struct Environment {
    /// Whether it is ready, and the wish to stop.
    pub lifecycle: Lifecycle,
    /// What all components count into.
    pub stats: Stats,
    /// What can be watched.
    pub taps: Taps,
    /// Where components keep their state.
    pub data_dir: Option<PathBuf>,
    /// What our engine knows beyond Vector's configuration.
    pub engine: Engine,
}

/// Runs the pipeline until it has been asked to stop, all sources have ended, or a component fails
/// for good; then lets everything under way be delivered, for ten seconds at most.
///
/// # Errors
/// When a component cannot start or go on.
pub async fn run(parts: Parts, environment: &Environment) -> Result<(), RunError> {
    let Parts { mut sources, transforms, sinks, graph, .. } = parts;
    let (sink_stop, abandon) = (CancellationToken::new(), CancellationToken::new());
    let readiness = Readiness::new(environment.lifecycle.clone());
    let wiring = Wiring::new(environment, &graph.takers, transforms.keys(), sinks.keys());
    let Wired { outputs, mut inputs, senders } = wiring.connect();

    let mut starting = Vec::new();
    for (id, source) in &mut sources {
        let context = SourceContext {
            id: id.clone(),
            counters: environment.stats.component(id, Kind::Source),
            stop: environment.lifecycle.stop_token(),
            abandon: abandon.clone(),
            output: outputs.of(id),
            data_dir: environment.data_dir.as_ref().map(|folder| folder.join(id)),
            inbox_prefix: environment.engine.inbox_prefix.clone(),
            readiness: readiness.part(id),
        };
        source.open(&context).await.map_err(|error| RunError::component("source", id, error))?;
        starting.push(context);
    }

    let mut tasks = Tasks::default();
    for (id, sink) in sinks {
        let context = SinkContext {
            id: id.clone(),
            counters: environment.stats.component(&id, Kind::Sink),
            stop: sink_stop.clone(),
            data_dir: environment.data_dir.clone().unwrap_or_default().join(&id),
            inbox_prefix: environment.engine.inbox_prefix.clone(),
            refused: environment.engine.refused.get(&id).and_then(|to| senders.get(to)).cloned(),
            readiness: readiness.part(&id),
        };
        let Some(input) = inputs.remove(&id) else { continue };
        tasks.spawn("sink", id, async move { sink.run(input, context).await.map_err(|error| error.to_string()) });
    }
    // Only outputs may keep the ways into components open, so that their ends are noticed.
    drop(senders);
    for (id, transform) in transforms {
        let Some(input) = inputs.remove(&id) else { continue };
        let counters = environment.stats.component(&id, Kind::Transform);
        let main = transform.has_main_output().then(|| outputs.of(&id));
        let ports = transform.ports().iter().map(|port| outputs.of(&format!("{id}.{port}"))).collect();
        tasks.spawn("transform", id, transform_all(transform, input, main, ports, counters));
    }
    drop(outputs);
    for ((id, source), context) in sources.into_iter().zip(starting) {
        tasks.spawn("source", id, async move { source.run(context).await.map_err(|error| error.to_string()) });
    }
    tasks.watch_over(environment, &sink_stop, &abandon).await
}

/// The ways between components.
struct Wiring<'a> {
    environment: &'a Environment,
    takers: &'a BTreeMap<String, Vec<String>>,
    ends: Vec<(&'a String, bool)>,
}

struct Wired {
    outputs: AllOutputs,
    inputs: BTreeMap<String, Input>,
    senders: BTreeMap<String, mpsc::Sender<Batch>>,
}

struct AllOutputs {
    outputs: BTreeMap<String, Output>,
    stats: Stats,
    taps: Taps,
}

impl AllOutputs {
    fn of(&self, name: &str) -> Output {
        self.outputs.get(name).cloned().unwrap_or_else(|| {
            Output::new(self.stats.component(name, Kind::Transform), self.taps.point(name), Vec::new())
        })
    }
}

impl<'a> Wiring<'a> {
    fn new(
        environment: &'a Environment,
        takers: &'a BTreeMap<String, Vec<String>>,
        transforms: impl Iterator<Item = &'a String>,
        sinks: impl Iterator<Item = &'a String>,
    ) -> Self {
        let ends = transforms.map(|id| (id, false)).chain(sinks.map(|id| (id, true))).collect();
        Self { environment, takers, ends }
    }

    fn connect(self) -> Wired {
        let (mut inputs, mut senders, mut targets) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (id, is_sink) in self.ends {
            let (sender, input) = channel();
            let point = is_sink.then(|| self.environment.taps.point(id));
            inputs.insert(id.clone(), input);
            senders.insert(id.clone(), sender.clone());
            targets.insert(id.as_str(), Target { sender, point });
        }
        let outputs = self
            .takers
            .iter()
            .map(|(name, takers)| {
                let targets = takers.iter().filter_map(|id| targets.get(id.as_str()).cloned()).collect();
                let component = name.split_once('.').map_or(name.as_str(), |(component, _)| component);
                // The kind was settled when the component was made.
                let counters = self.environment.stats.component(component, Kind::Source);
                (name.clone(), Output::new(counters, self.environment.taps.point(name), targets))
            })
            .collect();
        let outputs =
            AllOutputs { outputs, stats: self.environment.stats.clone(), taps: self.environment.taps.clone() };
        Wired { outputs, inputs, senders }
    }
}

async fn transform_all(
    mut transform: Box<dyn Transform>,
    mut input: Input,
    main: Option<Output>,
    ports: Vec<Output>,
    counters: Counters,
) -> Result<(), String> {
    let mut out = Outputs::new(ports.len());
    while let Some(batch) = input.recv().await {
        counters.received(batch.len() as u64);
        transform.transform(batch, &mut out);
        let mut result = Ok(());
        if let Some(main) = &main {
            result = main.send(std::mem::take(&mut out.main)).await;
        }
        for (port, batch) in ports.iter().zip(&mut out.ports) {
            result = port.send(std::mem::take(batch)).await.and(result);
        }
        result.map_err(|closed| closed.to_string())?;
    }
    Ok(())
}

/// The running components.
#[derive(Default)]
struct Tasks {
    running: JoinSet<Ended>,
    names: BTreeMap<tokio::task::Id, (&'static str, String)>,
}

type Ended = Result<(), String>;

impl Tasks {
    fn spawn(&mut self, section: &'static str, id: String, task: impl Future<Output = Ended> + Send + 'static) {
        let handle = self.running.spawn(task);
        self.names.insert(handle.id(), (section, id));
    }

    async fn watch_over(
        mut self,
        environment: &Environment,
        sink_stop: &CancellationToken,
        abandon: &CancellationToken,
    ) -> Result<(), RunError> {
        let mut failed = None;
        let mut deadline = None;
        loop {
            let next_deadline = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                ended = self.running.join_next_with_id() => match ended {
                    None => break,
                    Some(ended) => if let Some(error) = self.failure(ended) {
                        tracing::error!("{error}");
                        failed.get_or_insert(error);
                        environment.lifecycle.stop();
                    },
                },
                () = environment.lifecycle.stopping(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + DELIVER);
                }
                () = tokio::time::sleep_until(next_deadline), if deadline.is_some() => {
                    if abandon.is_cancelled() {
                        break;
                    }
                    deadline = Some(Instant::now() + END);
                    if sink_stop.is_cancelled() {
                        abandon.cancel();
                    } else {
                        sink_stop.cancel();
                    }
                }
            }
        }
        if !self.running.is_empty() {
            let left: Vec<&str> = self.names.values().map(|(_, id)| id.as_str()).collect();
            tracing::warn!("stopped before all was delivered; still at work: {}", left.join(", "));
            self.running.shutdown().await;
        }
        failed.map_or(Ok(()), Err)
    }

    fn failure(&mut self, ended: Result<(tokio::task::Id, Ended), tokio::task::JoinError>) -> Option<RunError> {
        let (id, reason) = match ended {
            Ok((id, result)) => (id, result.err()),
            Err(error) => (error.id(), Some(format!("ended by a mistake of this program: {error}"))),
        };
        let (section, name) = self.names.remove(&id)?;
        reason.map(|reason| RunError::component(section, &name, reason))
    }
}

/// Checks that the folder for state is there, and takes it for this process.
///
/// # Errors
/// When it is missing, cannot be written to, or another process has it.
pub fn lock_data_dir(path: &Path) -> Result<std::fs::File, String> {
    let lock = path.join(".lock");
    let file = std::fs::File::options().create(true).truncate(false).write(true).open(&lock).map_err(|error| {
        format!(
            "the folder for state `{}` (`data_dir`) cannot be used: {error}; make it, writable for this user",
            path.display()
        )
    })?;
    file.try_lock().map_err(|_| {
        format!(
            "the folder for state `{}` (`data_dir`) is in use by another pipeline; stop that one first",
            path.display()
        )
    })?;
    Ok(file)
}
