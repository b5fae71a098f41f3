//! Runs the `process` hook of a module: batches of events in, what becomes of each out.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use resilmesh_hook_api::Failure;
use resilmesh_hook_api::batch::{self, BATCH_VERSION, FrameKind, Hello, Welcome};

use crate::interpreter;
use crate::outbox::{Form, Outbox};
use crate::session::{self, Host};

/// Batches that are read ahead.
const AHEAD: usize = 4;
/// How long the work that is left may take once the service has gone.
const GRACE: Duration = Duration::from_secs(10);

/// Works until the end of input.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let streams = resilmesh_hook_host::take()?;
    let host = Arc::new(Host::new(Outbox::new(streams.output, Form::Frames), streams.prints));
    let python = interpreter::start(&host, streams.last_words, streams.private)?;
    let hello = Hello { version: BATCH_VERSION, language: "python".to_owned(), runtime: python.version().to_owned() };
    host.outbox().frame(FrameKind::Hello, &serde_json::to_vec(&hello)?)?;
    session::forward_prints(&host)?;
    let mut input = BufReader::new(streams.input);
    let welcome = welcome(&mut input)?;
    let module = match python.load(&welcome) {
        Ok(module) => module,
        Err(failure) => return refuse(&host, &failure),
    };
    host.outbox().frame(FrameKind::Ready, &[])?;
    let batches = read_ahead(input)?;
    for batch in batches {
        host.prints().renew();
        python.work(&module, &batch?)?;
    }
    python.end();
    Ok(())
}

fn welcome(input: &mut BufReader<File>) -> Result<Welcome, Box<dyn Error>> {
    let mut body = Vec::new();
    match batch::read(input, &mut body)? {
        Some(FrameKind::Welcome) => Ok(serde_json::from_slice(&body)?),
        _ => Err("the service has to begin with a welcome".into()),
    }
}

/// The module cannot be loaded.
fn refuse(host: &Host, failure: &Failure) -> Result<(), Box<dyn Error>> {
    host.drain_prints();
    host.outbox().frame(FrameKind::Failed, &failure.to_json())?;
    Err(failure.message.clone().into())
}

/// Reads batches in a thread that never waits for the hook: when the service has gone, a hook that does not come to an
/// end goes too.
fn read_ahead(mut input: BufReader<File>) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (to, batches) = mpsc::sync_channel(AHEAD);
    thread::Builder::new().name("batches".to_owned()).spawn(move || {
        while let Some(batch) = next(&mut input).transpose() {
            let is_last = batch.is_err();
            if to.send(batch).is_err() || is_last {
                break;
            }
        }
        end_within(to);
    })?;
    Ok(batches)
}

fn next(input: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    match batch::read(input, &mut body)? {
        None => Ok(None),
        Some(FrameKind::Batch) => Ok(Some(body)),
        Some(kind) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{kind:?} in place of a batch"))),
    }
}

/// Ends the process if the work that is left takes too long.
fn end_within(to: SyncSender<io::Result<Vec<u8>>>) {
    drop(to);
    let (_never, ended) = mpsc::channel::<()>();
    if ended.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
        std::process::exit(1);
    }
}
