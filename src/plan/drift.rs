//! What was changed behind our back: what the journal says against what is seen. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::changes::FileChange;
use super::desired::Desired;
use super::history::{Command, Outcome, Record};
use super::reconcile::Observed;
use super::step::Plan;
use crate::runtime::State;

/// What kind of thing is not as it was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// An `up` that did not come to its end.
    Up,
    /// The process of an instance.
    Service,
    /// The rendered files of an instance.
    Configuration,
    /// What a setup hook has made.
    Setup,
}

impl Subject {
    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Service => "service",
            Self::Configuration => "configuration",
            Self::Setup => "setup",
        }
    }
}

/// One thing that is not as `up` left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What kind of thing.
    pub subject: Subject,
    /// The instance, or the key of the setup.
    pub name: String,
    /// What is different, for people.
    pub what: String,
    /// How files differ from what was written; none = what was written is not known any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileChange>,
}

/// All that is not as it was left. `differs` tells how the files of an instance differ from those wanted,
/// which were those written if nothing was declared anew since.
pub fn found(wanted: &Desired, seen: &Observed, differs: impl Fn(&str) -> Vec<FileChange>) -> Vec<Found> {
    let mut found = services(seen);
    for (instance, written) in &seen.journal.rendered {
        let what = match seen.on_disk.get(instance) {
            Some(there) if there == written => continue,
            Some(_) => "files were changed",
            None => "files are gone",
        };
        let still_wanted = wanted.services.get(instance).is_some_and(|service| service.digest == *written);
        let files = if still_wanted { differs(instance) } else { Vec::new() };
        found.push(Found { subject: Subject::Configuration, name: instance.clone(), what: what.to_owned(), files });
    }
    found.extend(seen.drift.iter().map(|(key, what)| one(Subject::Setup, key, what.clone())));
    found
}

/// What the newest record says, if it is of an `up` that has left something undone. `left` are the steps that the
/// next one would take.
pub fn unfinished(newest: Option<&Record>, left: &Plan) -> Option<Found> {
    const SHOWN: usize = 5;
    let newest = newest.filter(|record| record.command != Command::Down && !left.is_empty())?;
    let how = match newest.outcome {
        Outcome::Killed => "was killed",
        Outcome::Failed if !newest.rolled_back => "failed",
        Outcome::Interrupted => "was stopped",
        Outcome::Running | Outcome::Done | Outcome::Failed => return None,
    };
    let steps: Vec<String> = left.steps.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = left.steps.len() - steps.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let what = format!("it {how}; what is left to do: {}{more}; `resilmesh up` goes on", steps.join(", "));
    Some(one(Subject::Up, &newest.number.to_string(), what))
}

fn services(seen: &Observed) -> Vec<Found> {
    let mut names: BTreeMap<&String, bool> = seen.services.keys().map(|instance| (instance, false)).collect();
    names.extend(seen.journal.services.keys().map(|instance| (instance, true)));
    let what = |instance: &String, ours: bool| match seen.services.get(instance) {
        None => Some("it is gone".to_owned()),
        Some(_) if !ours => Some("it runs, and `up` has not started it".to_owned()),
        Some(status) => match status.state {
            State::Ready | State::Starting => None,
            State::Silent => Some(because("it hangs", status.because.as_deref())),
            State::Backoff => Some(because("it ends again and again", status.because.as_deref())),
            State::Stopped | State::Failed => Some(because("it has stopped", status.because.as_deref())),
        },
    };
    names.into_iter().filter_map(|(name, ours)| Some(one(Subject::Service, name, what(name, ours)?))).collect()
}

fn because(what: &str, why: Option<&str>) -> String {
    match why.and_then(|why| why.lines().next()) {
        Some(why) => format!("{what}: {why}"),
        None => what.to_owned(),
    }
}

fn one(subject: Subject, name: &str, what: String) -> Found {
    Found { subject, name: name.to_owned(), what, files: Vec::new() }
}
