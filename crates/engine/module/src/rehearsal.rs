//! What the service would make of messages, without a bus: the module's code runs, in a worker of its own.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use resilmesh_relay::event::Event;
use resilmesh_relay::id;
use resilmesh_relay::rejected::{self, Origin, Reason};
use resilmesh_service::Stats;
use resilmesh_service::rehearsal::{Answer, Left, Lost, Part, Passed, Request};

use crate::config::{self, Config};
use crate::pool::{Fate, PROCESS, Pool};
use crate::service::{not_an_event, reason};
use crate::{Machine, result};

/// The one component at which messages come in.
const INPUT: &str = "input";
/// The component at which events leave.
const OUTPUT: &str = "output";
/// The component at which messages leave that the module made nothing of.
const REJECTED: &str = "rejected";

/// A module to be asked about.
pub struct Rehearsal {
    config: Config,
    pool: Arc<Pool>,
    file: String,
}

impl Rehearsal {
    /// Reads a configuration file and starts a worker.
    ///
    /// # Errors
    /// Every mistake, one a line.
    pub fn open(path: &Path, machine: &Machine) -> Result<Self, Vec<String>> {
        let config = Config { workers: 1, tries: 1, ..config::read(path)? };
        let pool = Pool::start(&config, crate::engine(&config, machine)?, &Stats::new());
        Ok(Self { config, pool, file: path.display().to_string() })
    }

    /// What it has in place of components.
    pub fn parts(&self) -> Vec<Part> {
        let part = |(id, section): (&str, &str)| Part {
            id: id.to_owned(),
            section: section.to_owned(),
            file: self.file.clone(),
        };
        [(INPUT, "source"), (PROCESS, "transform"), (OUTPUT, "sink"), (REJECTED, "sink")].map(part).to_vec()
    }

    /// Answers a question.
    pub async fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Feed { at, payloads } if at == INPUT => {
                let mut passed = Passed::default();
                for (payload, sequence) in payloads.into_iter().zip(1..) {
                    self.one(payload, sequence, &mut passed).await;
                }
                Answer::Passed(passed)
            }
            other => Answer::Refused(format!("a module has no answer to {other:?}")),
        }
    }

    /// Ends the worker.
    pub async fn end(self) {
        self.pool.stop().await;
    }

    async fn one(&self, payload: String, sequence: u64, passed: &mut Passed) {
        let origin = Origin { stream: self.config.input.stream.clone(), sequence, nanoseconds: 0 };
        let payload = Bytes::from(payload);
        match self.made(&payload, &origin).await {
            Ok(made) if made.is_empty() => {
                passed.lost.push(Lost { at: PROCESS.to_owned(), reason: "by the module".to_owned(), count: 1 });
            }
            Ok(made) => {
                let output = |own: result::Made| left(OUTPUT, &self.config.output.subject, &own.body);
                passed.left.extend(made.into_iter().map(output));
            }
            Err(reason) => {
                let rejected = rejected::document(&payload, &reason, &origin, &self.config.name);
                passed.left.push(left(REJECTED, &self.config.output.rejected, &rejected.body));
            }
        }
    }

    async fn made(&self, payload: &Bytes, origin: &Origin) -> Result<Vec<result::Made>, Reason> {
        let own = {
            let event = Event::parse(payload).map_err(|wrong| Reason::from(&wrong))?;
            id::of_event(&event).unwrap_or_else(|| origin.id("event"))
        };
        let fate = self.pool.give([(0, payload.clone())]).recv().await;
        let events = match fate {
            Some((_, Fate::Events(events))) => events,
            Some((_, Fate::Same)) => vec![payload.clone()],
            Some((_, Fate::Failed(why))) => return Err(reason(*why)),
            Some((_, Fate::Dropped)) | None => return Ok(Vec::new()),
        };
        result::made(&|| own.as_str(), &self.config.name, events).map_err(|wrong| not_an_event(&wrong))
    }
}

fn left(at: &str, to: &str, payload: &[u8]) -> Left {
    Left { at: at.to_owned(), to: Some(to.to_owned()), payload: String::from_utf8_lossy(payload).into_owned() }
}
