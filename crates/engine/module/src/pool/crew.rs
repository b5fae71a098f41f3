//! One of the workers of a service, as long as that runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use resilmesh_hook_api::batch::Welcome;
use resilmesh_service::stats::Counters;
use tokio_util::sync::CancellationToken;

use super::program::{self, Program};
use super::queue::Queue;
use super::{Told, process};

/// The waits between two attempts to start a worker that does not work.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What runs a module's code.
pub(crate) enum Engine {
    /// A process that speaks the protocol of workers.
    Process {
        /// What is started.
        program: PathBuf,
        /// What it is told.
        welcome: Box<Welcome>,
    },
    /// A VRL program.
    Program(Arc<Program>),
}

/// What holds for all workers.
pub(crate) struct Rules {
    pub(crate) engine: Engine,
    /// How long an event may take.
    pub(crate) timeout: Duration,
    /// How often an event may fail, kill its worker or hold it up.
    pub(crate) tries: u32,
    /// Counts workers that died.
    pub(crate) counters: Counters,
}

/// One worker.
pub(crate) struct Member {
    pub(crate) number: usize,
    pub(crate) rules: Arc<Rules>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) told: Arc<[Told]>,
    pub(crate) stop: CancellationToken,
}

/// Why a worker is no more.
pub(crate) enum End {
    /// It was told to end.
    Stopped,
    /// It has died, or was killed.
    Died {
        /// Why, for people.
        why: String,
        /// It had worked before.
        worked: bool,
    },
}

impl Member {
    /// Works until the service is stopped: whatever dies is started again.
    pub(crate) async fn work(self) {
        let (program, welcome) = match &self.rules.engine {
            Engine::Program(program) => return program::work(&self, program).await,
            Engine::Process { program, welcome } => (program, welcome),
        };
        let mut wait = SHORTEST_WAIT;
        loop {
            self.told().starting();
            let (why, worked) = match process::work(&self, program, welcome).await {
                End::Stopped => return,
                End::Died { why, worked } => (why, worked),
            };
            tracing::warn!(worker = self.number, "{why}; it is started again");
            self.rules.counters.error();
            self.told().down(why);
            if worked {
                wait = SHORTEST_WAIT;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
                () = self.stop.cancelled() => return,
            }
        }
    }

    pub(crate) fn told(&self) -> &Told {
        &self.told[self.number]
    }
}
