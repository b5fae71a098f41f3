//! What a step changes in the journal. What may be left half done is noted before it is begun, in a
//! form that the next `up` does again and `down` takes away.

use std::collections::BTreeSet;

use crate::mesh::model::PlugId;
use crate::plan::journal::{DoneSetup, Journal, StartedService, Undo, Undoing, UpPlug};
use crate::plan::step::{Action, Launch, Setup};

/// A digest that no digest equals.
const UNFINISHED: &str = "unfinished";

/// Before the step; whether something changed.
pub(super) fn before(journal: &mut Journal, action: &Action) -> bool {
    match action {
        Action::Start(launch) | Action::Restart(launch) => {
            let instance = launch.spec.instance.clone();
            journal.data.insert(instance.clone());
            journal.services.insert(instance, started(launch, UNFINISHED));
        }
        Action::Setup(setup) => {
            journal.setups.insert(setup.key.clone(), done(setup, UNFINISHED));
            if let (Some(_), Some(plug)) = (&setup.hosted, &setup.call.plug) {
                journal.undo.entry(plug.to_string()).or_insert_with(|| undoing(plug, &setup.undo));
            }
        }
        _ => return false,
    }
    true
}

/// After it was done; whether something changed.
pub(super) fn after(journal: &mut Journal, action: &Action) -> bool {
    match action {
        Action::Render { instance, digest, .. } => {
            journal.rendered.insert(instance.clone(), digest.clone());
        }
        Action::RemoveFiles(instance) => {
            journal.rendered.remove(instance);
        }
        Action::Start(launch) | Action::Restart(launch) | Action::Reload(launch) => {
            journal.services.insert(launch.spec.instance.clone(), started(launch, &launch.identity));
        }
        Action::Stop(instance) => {
            journal.services.remove(instance);
        }
        Action::Setup(setup) => {
            journal.setups.insert(setup.key.clone(), done(setup, &setup.digest));
        }
        Action::Teardown { key, .. } => {
            journal.setups.remove(key);
        }
        Action::Undo { plug, undo } => {
            if let Some(undoing) = journal.undo.get_mut(&plug.to_string()) {
                undoing.hooks.retain(|other| other != undo.as_ref());
            }
        }
        Action::PlugUp { plug, digest, undo } => {
            note_undo(journal, plug, undo);
            journal.plugs.insert(plug.to_string(), UpPlug { plug: plug.clone(), digest: digest.clone() });
        }
        Action::PlugDown(plug) => {
            journal.forget(plug);
            journal.plugs.remove(&plug.to_string());
        }
        Action::DeleteData(instance) => {
            journal.data.remove(instance);
            journal.setups.retain(|_, done| done.call.own.name != *instance);
        }
        Action::Ready(_) | Action::Finish => return false,
    }
    true
}

/// What there is now takes the place of what was known before.
fn note_undo(journal: &mut Journal, plug: &PlugId, undo: &[Undo]) {
    if !undo.is_empty() || journal.undo.contains_key(&plug.to_string()) {
        journal.undo.insert(plug.to_string(), undoing(plug, undo));
    }
}

fn undoing(plug: &PlugId, undo: &[Undo]) -> Undoing {
    Undoing { plug: plug.clone(), hooks: undo.to_vec() }
}

fn done(setup: &Setup, digest: &str) -> DoneSetup {
    DoneSetup {
        title: setup.title.clone(),
        digest: digest.to_owned(),
        call: setup.call.clone(),
        hosted: setup.hosted.clone(),
    }
}

fn started(launch: &Launch, identity: &str) -> StartedService {
    let needs: BTreeSet<String> = launch.needs.clone();
    StartedService { identity: identity.to_owned(), needs }
}
