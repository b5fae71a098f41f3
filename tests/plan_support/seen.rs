//! What is seen on a machine after steps.

use resilmesh::plan::desired::Desired;
use resilmesh::plan::journal::{StartedService, UpPlug};
use resilmesh::plan::reconcile::{Observed, up};
use resilmesh::plan::step::Action;
use resilmesh::runtime::{ServiceStatus, State};

/// What is seen when everything that is wanted is there.
pub fn all_up(wanted: &Desired) -> Observed {
    let mut seen = Observed::default();
    for step in &up(wanted, &seen).expect("a plan").steps {
        note(&mut seen, &step.action);
    }
    seen
}

/// What is seen after a step.
pub fn note(seen: &mut Observed, action: &Action) {
    let Observed { journal, services, on_disk, .. } = seen;
    match action {
        Action::Render { instance, digest, .. } => {
            journal.rendered.insert(instance.clone(), digest.clone());
            on_disk.insert(instance.clone(), digest.clone());
        }
        Action::Start(launch) | Action::Restart(launch) | Action::Reload(launch) => {
            let instance = launch.spec.instance.clone();
            let started = StartedService { identity: launch.identity.clone(), needs: launch.needs.clone() };
            journal.services.insert(instance.clone(), started);
            journal.data.insert(instance.clone());
            let since = "2026-01-05T16:27:40Z".to_owned();
            let status = ServiceStatus {
                spec: launch.spec.clone(),
                state: State::Ready,
                pid: Some(1),
                since,
                restarts: 0,
                because: None,
            };
            services.insert(instance, status);
        }
        Action::Setup(setup) => {
            journal.setups.insert(setup.key.clone(), setup.done());
        }
        Action::PlugUp { plug, digest, .. } => {
            journal
                .plugs
                .insert(plug.to_string(), UpPlug { plug: plug.clone(), digest: digest.clone(), unverified: true });
        }
        Action::Stop(instance) => {
            journal.services.remove(instance);
            services.remove(instance);
        }
        Action::RemoveFiles(instance) => {
            journal.rendered.remove(instance);
            on_disk.remove(instance);
        }
        Action::Teardown { key, .. } => drop(journal.setups.remove(key)),
        Action::PlugDown(plug) => drop(journal.plugs.remove(&plug.to_string())),
        _ => {}
    }
}
