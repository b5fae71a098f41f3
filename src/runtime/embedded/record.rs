//! What is kept on disk about a service, so that a new supervisor can take it over.

use std::io;

use chrono::{SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::layout::{Layout, write_atomically};
use super::process::{Family, Process};
use super::vouch;
use crate::runtime::{ServiceSpec, ServiceStatus, State};

/// Version of the file.
const SCHEMA: u32 = 1;

/// A service as the supervisor last knew it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    schema: u32,
    /// How it shall run.
    pub(crate) spec: ServiceSpec,
    /// What it was doing.
    pub(crate) state: State,
    /// Since when, RFC 3339 UTC.
    pub(crate) since: String,
    /// How often it was started again.
    pub(crate) restarts: u32,
    /// Why it is not ready.
    pub(crate) because: Option<String>,
    /// Services with a lower number were started earlier.
    pub(crate) order: u64,
    /// Its last main process, which may have ended.
    pub(crate) process: Option<Process>,
}

impl Record {
    /// A service that is about to be started for the first time.
    pub(crate) fn new(spec: ServiceSpec, order: u64) -> Self {
        Self {
            schema: SCHEMA,
            spec,
            state: State::Starting,
            since: now(),
            restarts: 0,
            because: None,
            order,
            process: None,
        }
    }

    /// Changes the state, with the reason for it.
    pub(crate) fn enter(&mut self, state: State, because: Option<String>) {
        if self.state != state {
            self.since = now();
        }
        self.state = state;
        self.because = because;
    }

    /// It was ready and does not answer any more.
    pub(crate) fn fall_silent(&mut self, why: Option<&str>) {
        let since = Utc::now().format("%Y-%m-%d %H:%M:%S");
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        self.enter(State::Silent, Some(format!("does not answer since {since} UTC{why}")));
    }

    /// The processes that belong to the service.
    pub(crate) fn family(&self, layout: &Layout) -> Family {
        Family::new(layout.mark(&self.spec.instance), self.process.clone())
    }

    /// The service as others see it.
    pub(crate) fn status(&self) -> ServiceStatus {
        let running = matches!(self.state, State::Starting | State::Ready | State::Silent);
        ServiceStatus {
            spec: self.spec.clone(),
            state: self.state,
            pid: self.process.as_ref().filter(|_| running).map(|process| process.pid),
            since: self.since.clone(),
            restarts: self.restarts,
            because: self.because.clone(),
        }
    }

    /// Writes the record.
    pub(crate) fn save(&self, layout: &Layout) -> io::Result<()> {
        let proof = vouch::key()?.proof(&serde_json::to_vec(self)?);
        let document = serde_json::to_vec_pretty(&Vouched { record: self, proof })?;
        write_atomically(&layout.record(&self.spec.instance), &document)
    }

    /// Reads one record; none = the service is not known.
    pub(crate) fn load(layout: &Layout, instance: &str) -> Option<Self> {
        parse(&std::fs::read(layout.record(instance)).ok()?)
    }

    /// Reads all records, in the order in which the services were started.
    pub(crate) fn load_all(layout: &Layout) -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir(layout.records()) else { return Vec::new() };
        let mut records: Vec<Self> = entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "json"))
            .filter_map(|entry| parse(&std::fs::read(entry.path()).ok()?))
            .collect();
        records.sort_by_key(|record| record.order);
        records
    }

    /// Forgets a service.
    pub(crate) fn remove(layout: &Layout, instance: &str) -> io::Result<()> {
        match std::fs::remove_file(layout.record(instance)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// A record as it is written: what it tells a supervisor to start, only we may have written.
#[derive(Debug, Serialize, Deserialize)]
struct Vouched<R> {
    record: R,
    proof: String,
}

fn parse(bytes: &[u8]) -> Option<Record> {
    let why = match serde_json::from_slice::<Vouched<Record>>(bytes) {
        Ok(Vouched { record, .. }) if record.schema != SCHEMA => format!("version {} is not known", record.schema),
        Ok(Vouched { record, proof }) => match is_ours(&record, &proof) {
            Ok(true) => return Some(record),
            Ok(false) => "it was not written by resilmesh for this user on this machine".to_owned(),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    tracing::warn!(why, "the state of a service is not used");
    None
}

fn is_ours(record: &Record, proof: &str) -> io::Result<bool> {
    Ok(vouch::key()?.proof(&serde_json::to_vec(record)?) == proof)
}

/// The present moment, RFC 3339 UTC.
pub(crate) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}
