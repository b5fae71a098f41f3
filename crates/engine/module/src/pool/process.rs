//! The life of a worker process: from its hello to its end.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use resilmesh_hook_api::Failure;
use resilmesh_hook_api::batch::{self, BATCH_VERSION, FrameKind, Hello, Outcome, Welcome};
use tokio::time::Instant;

use super::crew::{End, Member};
use super::hold::Hold;
use super::logs::Logs;
use super::queue::{Given, Job};
use super::wire::Wire;
use super::{Fate, Pace};

/// How long a worker may take to say hello, and to load its module after that.
const HELLO_WITHIN: Duration = Duration::from_secs(30);
const READY_WITHIN: Duration = Duration::from_secs(120);
/// The class of failures after which an event is tried again.
const RETRY: &str = "Retry";

/// Runs one process to its end; what it has not answered then is given to others.
pub(super) async fn work(member: &Member, program: &Path, welcome: &Welcome) -> End {
    let started = Hold::start(program, Path::new(&welcome.hook.folder));
    let (hold, wire) = match started {
        Ok(started) => started,
        Err(error) => {
            return End::Died { why: format!("`{}` cannot be started: {error}", program.display()), worked: false };
        }
    };
    member.told().started(hold.id());
    let mut worker = Worker {
        member,
        hold,
        wire,
        logs: Logs::new(member.number),
        open: VecDeque::new(),
        alone: false,
        pace: Pace::new(),
        progress: Instant::now(),
        worked: false,
    };
    let greeted = tokio::select! {
        greeted = worker.greet(welcome) => greeted,
        () = member.stop.cancelled() => return End::Stopped,
    };
    let ended = match greeted {
        Ok(()) => {
            member.told().ready();
            worker.serve().await
        }
        Err(why) => Some(why),
    };
    let Some(why) = ended else { return End::Stopped };
    let open = worker.open.drain(..).collect();
    member.queue.blame(open, &why, member.rules.tries);
    End::Died { why: why.message, worked: worker.worked }
}

struct Worker<'a> {
    member: &'a Member,
    hold: Hold,
    wire: Wire,
    logs: Logs,
    /// What it was given and has not answered, in order.
    open: VecDeque<Job>,
    /// That is one that has to be seen by itself.
    alone: bool,
    pace: Pace,
    /// When it was given something, or answered the last time.
    progress: Instant,
    worked: bool,
}

impl Worker<'_> {
    /// From hello to ready.
    async fn greet(&mut self, welcome: &Welcome) -> Result<(), Failure> {
        let body = self.expect(FrameKind::Hello, HELLO_WITHIN).await?;
        let hello: Hello =
            serde_json::from_slice(&body).map_err(|error| failure(format!("its worker says no hello: {error}")))?;
        if hello.version != BATCH_VERSION {
            let (own, other) = (BATCH_VERSION, hello.version);
            return Err(failure(format!("its worker speaks version {other} of the protocol, and not {own}")));
        }
        let welcome = serde_json::to_vec(welcome).map_err(|error| failure(error.to_string()))?;
        self.send(FrameKind::Welcome, &welcome)?;
        self.expect(FrameKind::Ready, READY_WITHIN).await.map(drop)
    }

    /// The body of the next frame but logs, which has to be of a kind.
    async fn expect(&mut self, wanted: FrameKind, within: Duration) -> Result<Bytes, Failure> {
        let until = Instant::now() + within;
        loop {
            let frame = tokio::time::timeout_at(until, self.wire.next()).await;
            let frame =
                frame.map_err(|_| failure(format!("its worker was not ready within {} s", within.as_secs())))?;
            match frame {
                Some(Ok((FrameKind::Log, body))) => self.logs.frame(&body),
                Some(Ok((FrameKind::Failed, body))) => return Err(failed(&body)),
                Some(Ok((kind, body))) if kind == wanted => return Ok(body),
                Some(Ok((kind, _))) => {
                    return Err(failure(format!("its worker breaks the protocol: {kind:?} in place of {wanted:?}")));
                }
                Some(Err(error)) => return Err(failure(format!("its worker breaks the protocol: {error}"))),
                None => return Err(self.died().await),
            }
        }
    }

    /// Works; why it does so no more, or none if it was told to end.
    async fn serve(&mut self) -> Option<Failure> {
        let (member, timeout) = (self.member, self.member.rules.timeout);
        loop {
            let wants = !self.alone && self.open.len() <= self.pace.most() / 2;
            let idle = self.open.is_empty();
            let step = tokio::select! {
                biased;
                frame = self.wire.next() => match frame {
                    Some(Ok((kind, body))) => self.frame(kind, &body),
                    Some(Err(error)) => Err(failure(format!("its worker breaks the protocol: {error}"))),
                    None => Err(self.died().await),
                },
                () = tokio::time::sleep_until(self.progress + timeout), if !idle => {
                    Err(failure(format!("the module took longer than {} s for an event", timeout.as_secs_f64())))
                }
                given = member.queue.take(idle, self.pace.most()), if wants => self.give(given, idle),
                () = member.stop.cancelled() => {
                    self.wire.close().await;
                    while let Some(Ok((FrameKind::Log | FrameKind::Outcomes, _))) = self.wire.next().await {}
                    return None;
                }
            };
            if let Err(why) = step {
                return Some(why);
            }
        }
    }

    fn give(&mut self, given: Given, idle: bool) -> Result<(), Failure> {
        if idle {
            self.progress = Instant::now();
            self.pace.begin();
        }
        let jobs = match given {
            Given::Some(jobs) => jobs,
            Given::Alone(job) => {
                self.alone = true;
                vec![job]
            }
        };
        let mut body = Vec::with_capacity(jobs.iter().map(|job| job.event.len() + 4).sum());
        jobs.iter().for_each(|job| batch::put_event(&mut body, &job.event));
        self.open.extend(jobs);
        self.send(FrameKind::Batch, &body)
    }

    fn frame(&mut self, kind: FrameKind, body: &Bytes) -> Result<(), Failure> {
        match kind {
            FrameKind::Log => self.logs.frame(body),
            FrameKind::Outcomes => self.outcomes(body)?,
            FrameKind::Failed => return Err(failed(body)),
            _ => return Err(failure(format!("its worker breaks the protocol: {kind:?} in place of outcomes"))),
        }
        Ok(())
    }

    fn outcomes(&mut self, body: &Bytes) -> Result<(), Failure> {
        let outcomes = batch::outcomes(body);
        let outcomes = outcomes.map_err(|error| failure(format!("its worker breaks the protocol: {error}")))?;
        if outcomes.len() > self.open.len() {
            return Err(failure("its worker breaks the protocol: more outcomes than events".to_owned()));
        }
        (self.progress, self.worked) = (Instant::now(), true);
        self.member.told().worked(outcomes.len(), self.pace.worked(outcomes.len()));
        let (queue, tries) = (&self.member.queue, self.member.rules.tries);
        for outcome in outcomes {
            let Some(job) = self.open.pop_front() else { break };
            match outcome {
                Outcome::Dropped => job.end(Fate::Dropped),
                Outcome::Same => job.end(Fate::Same),
                Outcome::Events(events) => {
                    job.end(Fate::Events(events.into_iter().map(|event| body.slice_ref(event)).collect()));
                }
                Outcome::Failed(why) => match failed(why) {
                    why if why.class.as_deref() == Some(RETRY) => queue.retry(job, why, tries),
                    why => job.end(Fate::Failed(Box::new(why))),
                },
            }
        }
        self.alone &= !self.open.is_empty();
        Ok(())
    }

    fn send(&self, kind: FrameKind, body: &[u8]) -> Result<(), Failure> {
        self.wire.send(kind, body).map_err(|error| failure(error.to_string()))
    }

    /// Why it is no more.
    async fn died(&mut self) -> Failure {
        failure(match self.hold.ended().await {
            Some(status) => format!("its worker has ended: {status}"),
            None => "its worker has closed its output".to_owned(),
        })
    }
}

fn failure(message: String) -> Failure {
    Failure { message, ..Failure::default() }
}

/// A failure as a worker tells it.
fn failed(body: &[u8]) -> Failure {
    serde_json::from_slice(body).unwrap_or_else(|_| failure(String::from_utf8_lossy(body).into_owned()))
}
