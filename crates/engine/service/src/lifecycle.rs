//! Readiness and shutdown of a service.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a service is told on its command line, besides its configuration.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Unix socket to serve the control protocol on; none = no control socket.
    pub control: Option<PathBuf>,
}

/// The state of a service's life, shared by its parts: whether it is ready, and whether it has
/// been asked to stop.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    stop: CancellationToken,
    waiting_for: Arc<Mutex<Option<String>>>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    /// A service that is starting.
    pub fn new() -> Self {
        Self { stop: CancellationToken::new(), waiting_for: Arc::new(Mutex::new(Some("starting".to_owned()))) }
    }

    /// Stops the service when the process gets SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn stop_on_signals(&self) -> std::io::Result<()> {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            tracing::info!("stopping");
            stop.cancel();
        });
        Ok(())
    }

    /// Says what the service waits for before it can do its work, such as `nats://127.0.0.1:4222`.
    pub fn waiting_for(&self, what: impl Into<String>) {
        *self.waiting_for.lock() = Some(what.into());
    }

    /// Says that the service now does its work.
    pub fn ready(&self) {
        *self.waiting_for.lock() = None;
        tracing::info!("ready");
    }

    /// None when ready, else what the service waits for.
    pub fn unready_because(&self) -> Option<String> {
        self.waiting_for.lock().clone()
    }

    /// The token that is cancelled when the service shall stop.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Asks the service to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Resolves when the service has been asked to stop.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}
