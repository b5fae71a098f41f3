//! What a step changes in the journal. What may be left half done is noted before it is begun, in a
//! form that the next `up` does again and `down` takes away.

use std::collections::BTreeSet;

use crate::plan::journal::{DoneSetup, Journal, StartedService, UpPlug};
use crate::plan::step::{Action, Launch};

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
            let done =
                DoneSetup { title: setup.title.clone(), digest: UNFINISHED.to_owned(), call: setup.call.clone() };
            journal.setups.insert(setup.key.clone(), done);
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
            let done = DoneSetup { title: setup.title.clone(), digest: setup.digest.clone(), call: setup.call.clone() };
            journal.setups.insert(setup.key.clone(), done);
        }
        Action::Teardown { key, .. } => {
            journal.setups.remove(key);
        }
        Action::PlugUp { plug, digest } => {
            journal.plugs.insert(plug.to_string(), UpPlug { plug: plug.clone(), digest: digest.clone() });
        }
        Action::PlugDown(plug) => {
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

fn started(launch: &Launch, identity: &str) -> StartedService {
    let needs: BTreeSet<String> = launch.needs.clone();
    StartedService { identity: identity.to_owned(), needs }
}
