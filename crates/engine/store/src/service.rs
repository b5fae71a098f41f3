//! The life of the service.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use resilmesh_service::control::{self, NoVerbs};
use resilmesh_service::stats::Kind;
use resilmesh_service::{Lifecycle, RunOptions, Stats};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::disk::RealDisk;
use crate::index::Store;
use crate::index::store::{Meters, OpenError};
use crate::rest::{Api, server};

/// How often it is looked whether something is to be committed.
const TICK: Duration = Duration::from_millis(200);
/// How often written operations are synced to the disk.
const SYNC: Duration = Duration::from_secs(1);
/// How often retention is checked, and what idles given back.
const TIDY: Duration = Duration::from_secs(30);
/// How long requests that are being answered may take when the service stops.
const GRACE: Duration = Duration::from_secs(10);

/// Why the store ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration has mistakes: all of them.
    #[error("{}", .0.join("\n"))]
    Config(Vec<String>),
    /// The data folder cannot be used: locked, damaged, or written by a newer program.
    #[error("{0}")]
    Data(String),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; is another program using the port? `listen` in store.yaml chooses it"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The control socket, the signal handlers or the server failed.
    #[error("{what}: {source}")]
    Io {
        /// What failed.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl RunError {
    /// The exit code of the process: 78 for mistakes in the configuration, as Vector has it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 78,
            Self::Data(_) | Self::Listen { .. } | Self::Io { .. } => 1,
        }
    }
}

impl From<OpenError> for RunError {
    fn from(error: OpenError) -> Self {
        Self::Data(error.to_string())
    }
}

/// Checks a configuration without starting anything.
///
/// # Errors
/// All mistakes in it.
pub fn validate(config: &Path) -> Result<(), Vec<String>> {
    config::load(config).map(|_| ())
}

/// Runs the store until the process is asked to stop.
///
/// # Errors
/// When it cannot start, or fails for good.
pub async fn run(config: &Path, options: RunOptions) -> Result<(), RunError> {
    let config = config::load(config).map_err(RunError::Config)?;
    let (lifecycle, stats) = (Lifecycle::new(), Stats::new());
    lifecycle.stop_on_signals().map_err(|source| RunError::Io { what: "signal handlers", source })?;
    let _control = options
        .control
        .map(|socket| control::serve(&socket, lifecycle.clone(), stats.clone(), Arc::new(NoVerbs)))
        .transpose()
        .map_err(|source| RunError::Io { what: "control socket", source })?;
    serve(config, &lifecycle, &stats).await
}

async fn serve(config: Config, lifecycle: &Lifecycle, stats: &Stats) -> Result<(), RunError> {
    if !config.listen.ip().is_loopback() {
        tracing::warn!(listen = %config.listen, "the store listens on more than this machine, and asks nobody for a password");
    }
    // First the port: a taken one is to be known before a long replay.
    let listener =
        TcpListener::bind(config.listen).await.map_err(|source| RunError::Listen { address: config.listen, source })?;
    let meters =
        Meters { received: stats.component("http", Kind::Source), stored: stats.component("bulk", Kind::Sink) };
    lifecycle.waiting_for(format!("replay of the write-ahead log in {}", config.data_dir.display()));
    let (data_dir, options) = (config.data_dir.clone(), config.options.clone());
    let store = tokio::task::spawn_blocking(move || Store::open(&data_dir, options, Arc::new(RealDisk), meters))
        .await
        .map_err(|error| RunError::Data(error.to_string()))??;
    let store = Arc::new(store);
    let api = Arc::new(Api {
        store: store.clone(),
        scrolls: Default::default(),
        cluster_name: config.cluster_name,
        node_name: config.node_name,
    });
    let stop = lifecycle.stop_token();
    let chores = [
        every(TICK, &stop, &api, |api| api.store.tick()),
        every(SYNC, &stop, &api, |api| api.store.sync()),
        every(TIDY, &stop, &api, tidy),
    ];
    let address = listener.local_addr().map_err(|source| RunError::Io { what: "listener", source })?;
    tracing::info!(%address, "answering");
    lifecycle.ready();
    let mut server = tokio::spawn(
        axum::serve(listener, server::router(api)).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future(),
    );
    let served = tokio::select! {
        ended = &mut server => ended,
        () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => {
            server.abort();
            Ok(Ok(()))
        }
    };
    stop.cancel();
    for chore in chores {
        // A chore that failed has nothing left to do.
        let _ = chore.await;
    }
    let closed = tokio::task::spawn_blocking(move || store.close()).await;
    if let Ok(Err(error)) = closed {
        tracing::warn!(%error, "could not commit at the end; what was accepted is in the log");
    }
    match served {
        Ok(Err(source)) => Err(RunError::Io { what: "server", source }),
        _ => Ok(()),
    }
}

fn tidy(api: &Api) {
    api.scrolls.expire();
    if let Err(error) = api.store.retain(chrono::Utc::now().timestamp_millis()) {
        tracing::warn!(%error, "cannot let go of old documents now; it is tried again");
    }
    api.store.release_idle();
}

/// Does something again and again, on a thread that may wait for the disk.
fn every(time: Duration, stop: &CancellationToken, api: &Arc<Api>, work: fn(&Api)) -> tokio::task::JoinHandle<()> {
    let (stop, api) = (stop.clone(), api.clone());
    tokio::spawn(async move {
        let mut timer = tokio::time::interval(time);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        timer.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = timer.tick() => {}
            }
            let api = api.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || work(&api)).await {
                tracing::error!(%error, "a chore of the store failed unexpectedly");
            }
        }
    })
}
