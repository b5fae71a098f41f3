//! Modules in VRL: the program runs in threads of the service.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use resilmesh_hook_api::Failure;
use resilmesh_pipeline::codec::encode;
use resilmesh_pipeline::event::{Ack, Event};
use resilmesh_pipeline::transform::program::Compiled;
use serde_json::{Value as Json, json};
use vrl::compiler::runtime::Terminate;
use vrl::value::Value;

use super::crew::Member;
use super::queue::{Given, Job};
use super::{Fate, Pace};
use crate::config::Config;

/// The text of a program that compiles, and what it sees besides the event.
#[derive(Debug)]
pub(crate) struct Program {
    file: std::path::PathBuf,
    text: String,
    /// VRL's `%`: `settings` and `instance`.
    metadata: Value,
}

impl Program {
    /// Reads a program.
    ///
    /// # Errors
    /// When it cannot be read, or is wrong: every mistake with its place.
    pub(crate) fn read(file: &Path, config: &Config) -> Result<Self, Vec<String>> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| vec![format!("`{}` cannot be read: {error}", file.display())])?;
        let metadata = Value::from(json!({"settings": Json::from(config.settings.clone()), "instance": config.name}));
        let program = Self { file: file.to_owned(), text, metadata };
        program.compile().map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        Ok(program)
    }

    fn compile(&self) -> Result<Compiled, Vec<resilmesh_pipeline::ConfigError>> {
        Compiled::of_file(&self.file, &self.text)
    }

    /// What becomes of an event. An aborted one is dropped, one at which the program fails has failed.
    fn run(&self, compiled: &mut Compiled, event: &[u8]) -> Fate {
        let value: Value = match serde_json::from_slice(event) {
            Ok(value) => value,
            Err(error) => return failed(format!("the message is not JSON: {error}")),
        };
        let mut event = Event { value, metadata: self.metadata.clone(), ack: Ack::none() };
        match compiled.run(&mut event) {
            Ok(_) => Fate::Events(match event.value {
                Value::Array(items) => items.iter().map(json_of).collect(),
                one => vec![json_of(&one)],
            }),
            Err(Terminate::Abort(_)) => Fate::Dropped,
            Err(error @ (Terminate::Error(_) | Terminate::Interrupted)) => failed(error.to_string()),
        }
    }
}

/// Works until the service is stopped.
pub(super) async fn work(member: &Member, program: &Arc<Program>) {
    let mut pace = Pace::new();
    member.told().starting();
    // It did compile when the service was started.
    let mut compiled = program.compile().ok();
    member.told().ready();
    while let Some(own) = compiled.take() {
        let given = tokio::select! {
            given = member.queue.take(true, pace.most()) => given,
            () = member.stop.cancelled() => return,
        };
        let jobs = match given {
            Given::Some(jobs) => jobs,
            Given::Alone(job) => vec![job],
        };
        let (count, program) = (jobs.len(), program.clone());
        pace.begin();
        compiled = tokio::task::spawn_blocking(move || run(&program, own, jobs)).await.ok();
        member.told().worked(count, pace.worked(count));
    }
}

fn run(program: &Program, mut compiled: Compiled, jobs: Vec<Job>) -> Compiled {
    for job in jobs {
        let fate = program.run(&mut compiled, &job.event);
        job.end(fate);
    }
    compiled
}

fn json_of(value: &Value) -> Bytes {
    let mut json = Vec::new();
    encode::json(value, &mut json);
    json.into()
}

fn failed(message: String) -> Fate {
    Fate::Failed(Box::new(Failure { message, ..Failure::default() }))
}
