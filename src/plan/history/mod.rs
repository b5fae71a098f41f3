//! What was done to the mesh on this machine: a numbered record of every `up`, `down` and `rollback`.

mod log;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::log::{History, HistoryError};
use super::apply::{Ended, Report};
use crate::git::provenance::Standing;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// The mesh, or a part of it, was brought up.
    Up,
    /// It was taken down.
    Down,
    /// The documents were brought back to what they were, and the mesh to that.
    Rollback,
    /// The documents were kept before a rollback wrote others.
    Keep,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Rollback => "rollback",
            Self::Keep => "keep",
        })
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It has not ended.
    Running,
    /// All its steps are done.
    Done,
    /// Something went wrong.
    Failed,
    /// Its user stopped it.
    Interrupted,
    /// Its process ended in the middle of it.
    Killed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Killed => "killed",
        })
    }
}

/// How many steps ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Steps {
    /// They are done.
    pub done: usize,
    /// They failed.
    pub failed: usize,
    /// They were not begun, or broken off.
    pub skipped: usize,
}

impl Steps {
    /// Counts those of a report.
    pub fn of(report: &Report) -> Self {
        let mut steps = Self::default();
        for ended in &report.ended {
            *match ended {
                Ended::Done(_) => &mut steps.done,
                Ended::Failed(_) => &mut steps.failed,
                Ended::Skipped(_) | Ended::Interrupted => &mut steps.skipped,
            } += 1;
        }
        steps
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [(self.done, "done"), (self.failed, "failed"), (self.skipped, "skipped")];
        let told: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        f.write_str(&told.join(", "))
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1.
    pub number: u64,
    /// What was done.
    pub command: Command,
    /// What it was done to, as on the command line; nothing = all of the mesh.
    pub arguments: Vec<String>,
    /// When it began.
    pub when: DateTime<Utc>,
    /// The profile in force; none = the documents as they are written, or nothing is known.
    #[serde(default)]
    pub profile: Option<String>,
    /// Who did it.
    pub who: String,
    /// Where the project stood in its repository, if it is in one.
    pub revision: Option<Standing>,
    /// What the documents are found by that it was done with.
    pub snapshot: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Its steps.
    pub steps: Steps,
    /// What went wrong first.
    pub error: Option<String>,
    /// After a failure, the mesh was brought back to what it was before.
    pub rolled_back: bool,
    /// How long it took, once it has ended.
    pub seconds: Option<f64>,
}

impl Record {
    /// The command line, without the program.
    pub fn line(&self) -> String {
        let words = std::iter::once(self.command.to_string()).chain(self.arguments.iter().cloned());
        words.collect::<Vec<_>>().join(" ")
    }

    /// Whether it made the mesh what its documents say.
    fn brings_up(&self) -> bool {
        matches!(self.command, Command::Up | Command::Rollback) && self.snapshot.is_some()
    }
}

/// The one that `rollback` without a number goes back to: the last that was done before the newest,
/// with other documents than that.
pub fn before_the_newest(history: &History) -> Option<&Record> {
    let mut ups = history.newest_first().filter(|record| record.brings_up());
    let newest = ups.next()?;
    ups.find(|record| record.outcome == Outcome::Done && record.snapshot != newest.snapshot)
}
