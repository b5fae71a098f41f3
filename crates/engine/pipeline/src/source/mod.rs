//! Sources: where events enter the pipeline.
//!
//! | module | what it holds |
//! |---|---|
//! | [`demo_logs`], [`file`], [`http_server`], [`nats`], [`socket`], [`stdin`], [`syslog`] | one source each |
//! | [`stream`], [`datagram`], [`net`] | what those that listen have in common |
//! | [`intake`], [`fields`] | what those that decode have in common |

pub mod datagram;
pub mod demo_logs;
pub mod fields;
pub mod file;
pub mod http_server;
pub mod intake;
pub mod nats;
pub mod net;
pub mod socket;
pub mod stdin;
pub mod stream;
pub mod syslog;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use resilmesh_service::stats::Counters;
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, Options};
use crate::event::Batch;
use crate::readiness::Part;
use crate::topology::Output;

/// Where events enter.
#[async_trait]
pub trait Source: Send {
    /// What of the machine only one source can have, in words such as `tcp 127.0.0.1:514`.
    fn resources(&self) -> Vec<String> {
        Vec::new()
    }

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

    /// The events it makes of messages, without the machine they come over. What does not decode is
    /// counted.
    ///
    /// # Errors
    /// When nothing comes to a source of this type: it makes its events itself.
    fn rehearse(self: Box<Self>, context: &SourceContext, _payloads: Vec<Bytes>) -> Result<Batch, SourceError> {
        Err(SourceError(format!("source `{}` makes its events itself: nothing can be given to it", context.id)))
    }
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
    /// Where it keeps its state; none if `data_dir` is not set.
    pub data_dir: Option<PathBuf>,
    /// Prefix of the inboxes on NATS.
    pub inbox_prefix: Option<String>,
    /// Says what it waits for.
    pub readiness: Part,
}

/// Why a source cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

type Builder = fn(&Options) -> Result<Box<dyn Source>, Vec<ConfigError>>;

/// The types of sources there are, sorted.
pub const KINDS: [(&str, Builder); 7] = [
    ("demo_logs", demo_logs::build),
    ("file", file::build),
    ("http_server", http_server::build),
    ("nats", nats::build),
    ("socket", socket::build),
    ("stdin", stdin::build),
    ("syslog", syslog::build),
];

/// Makes the source that `options` describe. None = there is no source of that type here.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options) -> Option<Result<Box<dyn Source>, Vec<ConfigError>>> {
    let (_, build) = KINDS.iter().find(|(kind, _)| *kind == options.kind)?;
    Some(build(options))
}
