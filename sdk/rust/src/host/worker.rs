//! A module's worker: the same program, started with `worker`, speaks `resilmesh_hook_api::batch`.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use resilmesh_hook_api::batch::{self, BATCH_VERSION, FrameKind, Hello, Log, Welcome};
use resilmesh_hook_api::{Failure, Level};
use resilmesh_hook_host::Streams;
use serde::Serialize;

use super::panics;
use crate::error::Result;
use crate::module::{Event, Outcome, Start, Worker};
use crate::registry::{self, Run};

/// What is said to the service, frame by frame.
#[derive(Clone)]
struct Frames(Arc<Mutex<File>>);

impl Frames {
    fn send(&self, kind: FrameKind, body: &[u8]) -> io::Result<()> {
        batch::write(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), kind, body)
    }

    fn say(&self, kind: FrameKind, what: &impl Serialize) -> io::Result<()> {
        self.send(kind, &serde_json::to_vec(what)?)
    }

    fn printed(&self, text: String) {
        // If the service has gone there is nobody to tell.
        let _ = self.say(FrameKind::Log, &Log { level: Level::Info, text });
    }
}

/// Works on events until no more come.
pub(super) fn serve(streams: Streams) -> io::Result<()> {
    panics::note();
    let frames = Frames(Arc::new(Mutex::new(streams.output)));
    let prints = Arc::new(streams.prints);
    let (speaking, printing) = (frames.clone(), Arc::clone(&prints));
    thread::Builder::new().name("prints".to_owned()).spawn(move || printing.forward(&|text| speaking.printed(text)))?;
    let runtime = env!("CARGO_PKG_VERSION").to_owned();
    frames.say(FrameKind::Hello, &Hello { version: BATCH_VERSION, language: "rust".to_owned(), runtime })?;
    let (mut input, mut body) = (BufReader::with_capacity(256 << 10, streams.input), Vec::new());
    if batch::read(&mut input, &mut body)? != Some(FrameKind::Welcome) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the service has to begin with a welcome"));
    }
    let welcome: Welcome = serde_json::from_slice(&body)?;
    let function = welcome.hook.function.clone();
    let mut worker = match panics::caught(&function, || made(welcome)) {
        Ok(Ok(worker)) => worker,
        Ok(Err(error)) => return frames.say(FrameKind::Failed, &error.failure(&function)),
        Err(panicked) => return frames.say(FrameKind::Failed, &panicked),
    };
    frames.send(FrameKind::Ready, &[])?;
    while let Some(kind) = batch::read(&mut input, &mut body)? {
        if kind != FrameKind::Batch {
            continue;
        }
        prints.renew();
        let events: Vec<Event<'_>> = batch::events(&body)?.into_iter().map(Event::new).collect();
        let outcomes = worked(&mut worker, &function, &events);
        // What is printed without an end of line is still held back.
        let _ = io::stdout().flush();
        prints.drain(true, &|text| frames.printed(text));
        frames.send(FrameKind::Outcomes, &outcomes)?;
    }
    Ok(())
}

fn made(welcome: Welcome) -> Result<Worker> {
    let Welcome { hook, instance, settings, secrets, .. } = welcome;
    let start = Start { instance, values: settings, secrets };
    registry::find(&hook, Run::process)?(&start)
}

/// The outcomes of a batch, as they lie in a frame. A panic spoils no event but its own.
fn worked(worker: &mut Worker, function: &str, events: &[Event<'_>]) -> Vec<u8> {
    let mut body = Vec::with_capacity(events.len());
    match panics::caught(function, || worker(events)) {
        Ok(outcomes) if outcomes.len() == events.len() => outcomes.iter().for_each(|one| put(&mut body, one, function)),
        Ok(_) => {
            let failure = Failure { message: "the hook has not told of every event".to_owned(), ..Failure::default() };
            events.iter().for_each(|_| put_failure(&mut body, &failure));
        }
        Err(panicked) if events.len() == 1 => put_failure(&mut body, &panicked),
        // Which one it was shows when each is tried by itself.
        Err(_) => events.iter().for_each(|event| body.extend(worked(worker, function, std::slice::from_ref(event)))),
    }
    body
}

fn put(body: &mut Vec<u8>, outcome: &Result<Outcome>, function: &str) {
    match outcome {
        Ok(Outcome::Same) => batch::put_outcome(body, &batch::Outcome::Same),
        Ok(Outcome::Drop) => batch::put_outcome(body, &batch::Outcome::Dropped),
        Ok(Outcome::Events(events)) => {
            batch::put_outcome(body, &batch::Outcome::Events(events.iter().map(Vec::as_slice).collect()));
        }
        Err(error) => put_failure(body, &error.failure(function)),
    }
}

fn put_failure(body: &mut Vec<u8>, failure: &Failure) {
    batch::put_outcome(body, &batch::Outcome::Failed(&failure.to_json()));
}
