//! Sinks: where events leave the pipeline.
//!
//! | module | what it holds |
//! |---|---|
//! | [`batch`] | collects events into requests, and keeps a few requests under way |
//! | [`common`] | options that every sink has |
//! | [`complain`] | says what goes wrong again and again, without filling the log |
//! | [`confine`] | keeps templates that say where events go to their literal beginning |
//! | [`owed`] | an event's share in its source's input while a sink works on it |
//! | [`refuse`] | events that can never be delivered |
//! | [`request`], [`retry`] | how many at once, how fast, how long, how often again |
//! | [`stream`] | events as a stream of bytes |
//! | [`web`] | what sinks that speak HTTP share |

pub mod batch;
mod blackhole;
pub mod common;
pub mod complain;
pub mod confine;
mod console;
mod elasticsearch;
mod file;
mod http;
mod nats;
pub mod owed;
pub mod refuse;
pub mod request;
pub mod retry;
mod socket;
pub mod stream;
#[cfg(test)]
mod testing;
pub mod web;

use std::path::PathBuf;

use async_trait::async_trait;
use resilmesh_service::stats::Counters;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::codec::encode;
use crate::config::{ConfigError, Options};
use crate::event::{Batch, Event, Input};
use crate::readiness::Part;

/// Where events leave.
#[async_trait]
pub trait Sink: Send {
    /// Takes events until `input` ends, delivers them, and returns when the fate of each is told:
    /// delivered, refused for good, or (once `context.stop` is cancelled) to be offered again.
    ///
    /// # Errors
    /// When it cannot go on for good. What it held then counts as not delivered.
    async fn run(self: Box<Self>, input: Input, context: SinkContext) -> Result<(), SinkError>;

    /// What it would send of an event, for a rehearsal.
    ///
    /// # Errors
    /// Why it would refuse the event.
    fn offer(&self, event: Event) -> Result<Offer, String> {
        let mut payload = Vec::new();
        encode::json(&event.value, &mut payload);
        Ok(Offer { to: None, payload })
    }
}

/// What a sink would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Where to: a subject, an index; none if every event goes to the same place.
    pub to: Option<String>,
    /// The message or document.
    pub payload: Vec<u8>,
}

/// What a sink works with.
#[derive(Debug, Clone)]
pub struct SinkContext {
    /// The id of the component.
    pub id: String,
    /// What it counts into: `sent` = delivered, `dropped` = refused for good, `error` = tried again.
    pub counters: Counters,
    /// Cancelled when it shall try no longer to deliver what cannot be delivered at once: such
    /// events then count as not delivered, and their sources offer them again after the next start.
    pub stop: CancellationToken,
    /// Where it keeps its state.
    pub data_dir: PathBuf,
    /// Prefix of the inboxes on NATS.
    pub inbox_prefix: Option<String>,
    /// The other sink that takes what this one's target refuses for good.
    pub refused: Option<mpsc::Sender<Batch>>,
    /// Says what it waits for.
    pub readiness: Part,
}

/// Why a sink cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);

/// The types of sinks that [`build`] knows, sorted.
pub const KINDS: &[&str] = &["blackhole", "console", "elasticsearch", "file", "http", "nats", "socket"];

/// Makes the sink that `options` describe. None = there is no sink of that type here.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options) -> Option<Result<Box<dyn Sink>, Vec<ConfigError>>> {
    Some(match options.kind.as_str() {
        "blackhole" => blackhole::build(options),
        "console" => console::build(options),
        "elasticsearch" => elasticsearch::build(options),
        "file" => file::build(options),
        "http" => http::build(options),
        "nats" => nats::build(options),
        "socket" => socket::build(options),
        _ => return None,
    })
}
