//! How a service between two streams begins, and why it ends.

use std::path::PathBuf;
use std::sync::Arc;

use resilmesh_service::control::{self, Handler, Socket};
use resilmesh_service::{Lifecycle, RunOptions, Stats};

/// Why the service ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration is wrong, or what it names: every mistake, one a line.
    #[error("{}", .0.join("\n"))]
    Configuration(Vec<String>),
    /// The control socket cannot be made.
    #[error("control socket `{}` cannot be made: {source}", .path.display())]
    Control {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Signals cannot be received.
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
}

/// A life that ends upon SIGTERM or SIGINT.
///
/// # Errors
/// When signals cannot be received.
pub fn until_signalled() -> Result<Lifecycle, RunError> {
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signals().map_err(RunError::Signals)?;
    Ok(lifecycle)
}

/// Serves the control socket, if one is asked for, until what is returned is dropped.
///
/// # Errors
/// When it cannot be made.
pub fn serve_control(
    options: RunOptions,
    lifecycle: &Lifecycle,
    stats: &Stats,
    verbs: Arc<dyn Handler>,
) -> Result<Option<Socket>, RunError> {
    let serve = |path: PathBuf| {
        let socket = control::serve(&path, lifecycle.clone(), stats.clone(), verbs);
        socket.map_err(|source| RunError::Control { path, source })
    };
    options.control.map(serve).transpose()
}
