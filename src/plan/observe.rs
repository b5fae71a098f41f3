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
    let services: BTreeMap<String, ServiceStatus> =
        services.into_iter().map(|status| (status.spec.instance.clone(), status)).collect();
    let drift = drift(state, &journal, &services, wanted).await;
    let instances = wanted.services.keys().chain(journal.rendered.keys());
    let on_disk = instances
        .filter_map(|instance| Some((instance.clone(), desired::digest_on_disk(&state.rendered(instance))?)))
        .collect();
    Observed { journal, services, on_disk, drift }
}

async fn drift(
    state: &StateFolder,
    journal: &Journal,
    services: &BTreeMap<String, ServiceStatus>,
    wanted: &Desired,
) -> BTreeMap<String, String> {
    let in_force = wanted.setups.iter().filter(|(key, setup)| {
        let own = &setup.setup.call.own;
        let answers = !own.managed || services.get(&own.name).is_some_and(|status| status.state == State::Ready);
        answers && journal.setups.get(*key).is_some_and(|done| done.digest == setup.setup.digest)
    });
    let checks =
        in_force.map(|(key, setup)| async move { Some((key.clone(), check(state, &setup.setup.call).await?)) });
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
