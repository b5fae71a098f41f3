//! What a step changes in the journal. What may be left half done is noted before it is begun, in a
//! form that the next `up` does again and `down` takes away.

use std::collections::BTreeSet;

use crate::mesh::model::PlugId;
use crate::plan::journal::{Change, DoneSetup, Journal, StartedService, Undo, Undoing, UpPlug};
use crate::plan::step::{Action, Launch, Setup};

/// A digest that no digest equals.
pub(in crate::plan) const UNFINISHED: &str = "unfinished";

/// Before the step.
pub(in crate::plan) fn before(journal: &Journal, action: &Action) -> Vec<Change> {
    match action {
        // Where nothing was, files that are half written are found again.
        Action::Render { instance, .. } if !journal.rendered.contains_key(instance) => {
            vec![Change::Rendered(instance.clone(), Some(UNFINISHED.to_owned()))]
        }
        Action::Start(launch) | Action::Restart(launch) => {
            let instance = launch.spec.instance.clone();
            vec![Change::Data(instance.clone(), true), Change::Service(instance, Some(started(launch, UNFINISHED)))]
        }
        Action::Setup(setup) => {
            let mut changes = vec![Change::Setup(setup.key.clone(), Some(Box::new(done(setup, UNFINISHED))))];
            if let (Some(_), Some(plug)) = (&setup.hosted, &setup.call.plug)
                && !journal.undo.contains_key(&plug.to_string())
            {
                changes.push(Change::Undo(plug.to_string(), Some(undoing(plug, &setup.undo))));
            }
            changes
        }
        Action::Undo { plug, .. } => {
            let begun = |undoing: &Undoing| Undoing { begun: true, ..undoing.clone() };
            let known = journal.undo.get(&plug.to_string()).filter(|undoing| !undoing.begun);
            known.map(|undoing| Change::Undo(plug.to_string(), Some(begun(undoing)))).into_iter().collect()
        }
        Action::Teardown { key, done } => {
            let half = DoneSetup { digest: UNFINISHED.to_owned(), ..DoneSetup::clone(done) };
            vec![Change::Setup(key.clone(), Some(Box::new(half)))]
        }
        _ => Vec::new(),
    }
}

/// After it was done.
pub(super) fn after(journal: &Journal, action: &Action) -> Vec<Change> {
    match action {
        Action::Render { instance, digest, .. } => vec![Change::Rendered(instance.clone(), Some(digest.clone()))],
        Action::RemoveFiles(instance) => vec![Change::Rendered(instance.clone(), None)],
        Action::Start(launch) | Action::Restart(launch) | Action::Reload(launch) => {
            vec![Change::Service(launch.spec.instance.clone(), Some(started(launch, &launch.identity)))]
        }
        Action::Stop(instance) => vec![Change::Service(instance.clone(), None)],
        Action::Setup(setup) => vec![Change::Setup(setup.key.clone(), Some(Box::new(done(setup, &setup.digest))))],
        Action::Teardown { key, .. } => vec![Change::Setup(key.clone(), None)],
        Action::Undo { plug, undo, .. } => {
            let left = journal.undo.get(&plug.to_string()).cloned().map(|mut undoing| {
                undoing.hooks.retain(|other| other != undo.as_ref());
                Change::Undo(plug.to_string(), Some(undoing))
            });
            left.into_iter().collect()
        }
        Action::PlugUp { plug, digest, undo } => {
            let mut changes = note_undo(journal, plug, undo);
            let up = UpPlug { plug: plug.clone(), digest: digest.clone(), unverified: true };
            changes.push(Change::Plug(plug.to_string(), Some(up)));
            changes
        }
        Action::PlugDown(plug) => {
            let mut changes = journal.without(plug);
            changes.push(Change::Plug(plug.to_string(), None));
            changes
        }
        Action::DeleteData(instance) => {
            let own = journal.setups.iter().filter(|(_, done)| done.call.own.name == *instance);
            let gone = own.map(|(key, _)| Change::Setup(key.clone(), None));
            gone.chain([Change::Data(instance.clone(), false)]).collect()
        }
        Action::Ready(_) | Action::Finish => Vec::new(),
    }
}

/// What there is now takes the place of what was known before.
fn note_undo(journal: &Journal, plug: &PlugId, undo: &[Undo]) -> Vec<Change> {
    let known = journal.undo.get(&plug.to_string());
    let now = undoing(plug, undo);
    let same = known.map_or(undo.is_empty(), |known| *known == now);
    if same { Vec::new() } else { vec![Change::Undo(plug.to_string(), Some(now))] }
}

fn undoing(plug: &PlugId, undo: &[Undo]) -> Undoing {
    Undoing { plug: plug.clone(), hooks: undo.to_vec(), begun: false }
}

fn done(setup: &Setup, digest: &str) -> DoneSetup {
    DoneSetup { digest: digest.to_owned(), ..setup.done() }
}

fn started(launch: &Launch, identity: &str) -> StartedService {
    let needs: BTreeSet<String> = launch.needs.clone();
    StartedService { identity: identity.to_owned(), needs }
}
