//! Commands that change the mesh note in its history what they do.

use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::{SubsecRound, Utc};

use super::Context;
use super::failure::{Failure, Kind};
use crate::git::provenance;
use crate::git::snapshots::Snapshots;
use crate::git::snapshots::documents::Seen;
use crate::plan::apply::Report;
use crate::plan::history::{Command, History, HistoryError, Outcome, Record, Steps};
use crate::plan::paths::{self, StateFolder};
use crate::plan::trouble::Trouble;

/// What a command does, on its way into the history. Who records has the project's lock.
pub(super) struct Recording {
    cx: Context,
    project: PathBuf,
    since: Instant,
    record: Record,
    /// The documents as they were kept last, and what they are found by.
    kept: Option<(Seen, String)>,
    /// The documents have been kept as its hooks left them.
    settled: bool,
    /// Where it is written, once it has begun.
    history: Option<History>,
}

impl Recording {
    pub(super) fn new(cx: &Context, project: &Path, command: Command, arguments: Vec<String>) -> Self {
        let record = Record {
            number: 0,
            command,
            arguments,
            when: Utc::now().trunc_subsecs(0),
            profile: None,
            who: String::new(),
            revision: None,
            snapshot: None,
            outcome: Outcome::Running,
            steps: Steps::default(),
            error: None,
            rolled_back: false,
            seconds: None,
        };
        Self {
            cx: cx.clone(),
            project: project.to_owned(),
            since: Instant::now(),
            record,
            kept: None,
            settled: false,
            history: None,
        }
    }

    /// Notes that it begins, with the documents as they are now. That it cannot be noted is no reason not
    /// to do it.
    pub(super) fn begin(&mut self) {
        if self.history.is_none()
            && let Err(failure) = self.keep().and_then(|snapshot| self.begin_with(snapshot))
        {
            self.warn(&failure);
        }
    }

    /// Notes that it begins, with these documents.
    ///
    /// # Errors
    /// When it cannot be noted.
    pub(super) fn begin_with(&mut self, snapshot: String) -> Result<u64, Failure> {
        self.record.who = provenance::person(&self.project);
        self.record.revision = provenance::standing(&self.project)?;
        self.record.snapshot = Some(snapshot);
        let mut history = History::load(&StateFolder::of(&self.project).history())?;
        history.begin(&mut self.record)?;
        self.history = Some(history);
        Ok(self.record.number)
    }

    /// Of a mesh in this profile.
    pub(super) fn in_profile(&mut self, profile: Option<String>) {
        self.record.profile = profile;
    }

    /// Counts steps.
    pub(super) fn count(&mut self, report: &Report) {
        self.record.steps = Steps::of(report);
    }

    /// After a failure, the mesh was brought back to what it was before; whether that is all.
    pub(super) fn rolled_back(&mut self, all: bool) {
        self.record.rolled_back = all;
    }

    /// Keeps the documents as its hooks have left them: they may have written some.
    pub(super) fn settle(&mut self) {
        if self.history.is_none() || std::mem::replace(&mut self.settled, true) {
            return;
        }
        match self.keep() {
            Ok(snapshot) => self.record.snapshot = Some(snapshot),
            Err(failure) => self.warn(&failure),
        }
    }

    /// Notes what became of it, if it has begun.
    ///
    /// # Errors
    /// Those of what was done.
    pub(super) fn end(mut self, result: Result<(), Failure>) -> Result<(), Failure> {
        if self.history.is_none() {
            return result;
        }
        self.settle();
        let record = &mut self.record;
        record.seconds = Some((self.since.elapsed().as_secs_f64() * 1000.0).round() / 1000.0);
        (record.outcome, record.error) = match &result {
            Ok(()) => (Outcome::Done, None),
            Err(failure) => {
                let interrupted = failure.kind == Kind::Interrupted;
                let outcome = if interrupted { Outcome::Interrupted } else { Outcome::Failed };
                (outcome, failure.message.lines().next().map(str::to_owned))
            }
        };
        if let Some(history) = &mut self.history
            && let Err(error) = history.end(&self.record)
        {
            self.warn(&error.into());
        }
        result
    }

    /// Keeps the documents as they are now, unless they are as they were kept last.
    fn keep(&mut self) -> Result<String, Failure> {
        if let Some((_, snapshot)) = self.kept.as_ref().filter(|(seen, _)| seen.is_current(&self.project)) {
            return Ok(snapshot.clone());
        }
        let snapshots = snapshots(&self.project)?;
        let now = snapshots.present()?;
        let same = self.kept.as_ref().filter(|(seen, _)| seen.documents == now.documents);
        let snapshot = match same {
            Some((_, snapshot)) => snapshot.clone(),
            None => snapshots.keep(&now.documents)?,
        };
        self.kept = Some((now, snapshot.clone()));
        Ok(snapshot)
    }

    fn warn(&self, failure: &Failure) {
        let command = self.record.command;
        self.cx.ui.warning(&format!("this `{command}` is not in the history as it should be: {failure}"));
        failure.hints.iter().for_each(|hint| self.cx.ui.note(&format!("  hint: {hint}")));
    }
}

/// The snapshots of the project in this folder.
///
/// # Errors
/// When there is no place for them.
pub(super) fn snapshots(project: &Path) -> Result<Snapshots, Failure> {
    let folder = StateFolder::of(project).snapshots();
    paths::make_folder(&folder).map_err(|error| Trouble::io(&folder, &error))?;
    Ok(Snapshots::open(&folder, project)?)
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self::new(error.to_string()).hint(error.hint())
    }
}
