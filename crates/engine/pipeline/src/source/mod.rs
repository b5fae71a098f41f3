//! Sources: where events enter the pipeline.

use std::path::PathBuf;

use async_trait::async_trait;
use resilmesh_service::stats::Counters;
use tokio_util::sync::CancellationToken;

use crate::readiness::Part;
use crate::topology::Output;

/// Where events enter.
#[async_trait]
pub trait Source: Send {
    /// Takes what it needs of the machine (an address, a file), so that what cannot be had is
    /// known before anything flows.
    ///
    /// # Errors
    /// When it cannot be had: says what, where, why and what to do.
    async fn open(&mut self, _context: &SourceContext) -> Result<(), SourceError> {
        Ok(())
    }

    /// Reads and sends until told to stop, then sends what it has read already, waits until the
    /// fate of what it can acknowledge is known or `context.abandon` is cancelled, and returns.
    ///
    /// # Errors
    /// When it cannot go on for good.
    async fn run(self: Box<Self>, context: SourceContext) -> Result<(), SourceError>;
}

/// What a source works with.
#[derive(Debug, Clone)]
pub struct SourceContext {
    /// The id of the component.
    pub id: String,
    /// What it counts into.
    pub counters: Counters,
    /// Cancelled when it shall read no more.
    pub stop: CancellationToken,
    /// Cancelled when it shall not wait for fates any longer, and not believe any that comes later.
    pub abandon: CancellationToken,
    /// Where its events go.
    pub output: Output,
    /// Where it keeps its state.
    pub data_dir: PathBuf,
    /// Prefix of the inboxes on NATS.
    pub inbox_prefix: Option<String>,
    /// Says what it waits for.
    pub readiness: Part,
}

/// Why a source cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);
