//! What is seen on this machine. Reads only.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::desired::{self, Desired};
use super::journal::Journal;
use super::paths::StateFolder;
use super::reconcile::Observed;
use crate::hooks::{self, Call, Drift, HookContext, Kind, Run};
use crate::runtime::{ServiceStatus, State};

/// Puts together what is seen; setups that are in force are checked for drift, all at once.
pub async fn observe(
    state: &StateFolder,
    journal: Journal,
    services: Vec<ServiceStatus>,
    wanted: &Desired,
) -> Observed {
    let services = by_instance(services);
    let in_force = wanted
        .setups
        .iter()
        .filter(|(key, setup)| journal.setups.get(*key).is_some_and(|done| done.digest == setup.setup.digest));
    let drift = drift(state, &services, in_force.map(|(key, setup)| (key, &setup.setup.call))).await;
    let on_disk = on_disk(state, wanted.services.keys().chain(journal.rendered.keys()));
    Observed { journal, services, on_disk, drift }
}

/// Puts together what is seen of what the journal says, whatever is wanted now.
pub async fn observe_left(state: &StateFolder, journal: Journal, services: Vec<ServiceStatus>) -> Observed {
    let services = by_instance(services);
    let done = journal
        .setups
        .iter()
        .filter(|(_, done)| done.call.plug.as_ref().is_none_or(|plug| journal.plugs.contains_key(&plug.to_string())));
    let drift = drift(state, &services, done.map(|(key, done)| (key, &done.call))).await;
    let on_disk = on_disk(state, journal.rendered.keys());
    Observed { journal, services, on_disk, drift }
}

fn by_instance(services: Vec<ServiceStatus>) -> BTreeMap<String, ServiceStatus> {
    services.into_iter().map(|status| (status.spec.instance.clone(), status)).collect()
}

fn on_disk<'a>(state: &StateFolder, instances: impl Iterator<Item = &'a String>) -> BTreeMap<String, String> {
    let digest = |instance: &String| Some((instance.clone(), desired::digest_on_disk(&state.rendered(instance))?));
    instances.filter_map(digest).collect()
}

/// Checks setups whose instance can answer.
async fn drift<'a>(
    state: &StateFolder,
    services: &BTreeMap<String, ServiceStatus>,
    setups: impl Iterator<Item = (&'a String, &'a Call)>,
) -> BTreeMap<String, String> {
    let answers = |call: &Call| {
        !call.own.managed || services.get(&call.own.name).is_some_and(|status| status.state == State::Ready)
    };
    let setups = setups.filter(|(_, call)| answers(call));
    let checks = setups.map(|(key, call)| async move { Some((key.clone(), check(state, call).await?)) });
    join_all(checks).await.into_iter().flatten().collect()
}

/// What is different, if something is. A check that fails says so too: its setup is then called
/// again and fails with the reason, or mends it.
async fn check(state: &StateFolder, call: &Call) -> Option<String> {
    let Run::Check(check) = hooks::find(Kind::Check, call)?.run else { return None };
    let context = HookContext { call: call.clone(), secrets: state.secrets(), control: None };
    match check(&context).await {
        Ok(Drift::AsDeclared) => None,
        Ok(Drift::Differs(what)) => Some(what),
        Err(error) => Some(format!("it cannot be checked: {}", error.what)),
    }
}
