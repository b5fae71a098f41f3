//! The way back from an `up`: what was there before it, as if a mesh wanted it, and the plan that goes
//! there. Pure, and made of what was seen alone: what was declared then is not known any more.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::UNFINISHED;
use super::desired::{Desired, DesiredService, DesiredSetup};
use super::journal::{DoneSetup, setup_key};
use super::reconcile::{self, Observed, Ring};
use super::render::Files;
use super::step::{Action, Launch, Plan, Setup, Step};
use crate::mesh::model::{Mode, PlugId};
use crate::project::names;
use crate::runtime::State;

/// Why something is taken away that an `up` has made.
const NEW: &str = "it was not there before";

/// Contents of rendered files by path, by instance.
pub type Contents = BTreeMap<String, BTreeMap<String, String>>;

/// What was there, as a mesh would want it. A service that was known but did not run any more cannot be
/// among it: how it ran is not known.
pub fn as_it_was(before: &Observed, contents: &Contents) -> Desired {
    let mut was = Desired::default();
    for (service, status) in &before.services {
        let started = before.journal.services.get(service);
        let launch = Launch {
            spec: status.spec.clone(),
            identity: started.map(|started| started.identity.clone()).unwrap_or_default(),
            needs: started.map(|started| started.needs.clone()).unwrap_or_default(),
        };
        let instance = names::instance_of(service);
        let files = Files { files: contents.get(instance).cloned().unwrap_or_default(), incomplete: None };
        // Contents are those that were on disk.
        let digest = before.on_disk.get(instance).cloned().unwrap_or_default();
        was.services.insert(service.clone(), DesiredService { launch, files, digest });
    }
    for up in before.journal.plugs.values() {
        was.plugs.insert(up.plug.clone(), up.digest.clone());
    }
    for undoing in before.journal.undo.values() {
        was.undo.insert(undoing.plug.clone(), undoing.hooks.clone().into());
        was.plugs.entry(undoing.plug.clone()).or_default();
    }
    setups(&mut was, before);
    was.brokers = brokers(&was);
    was
}

/// The setups that were in force, with their calls.
fn setups(was: &mut Desired, before: &Observed) {
    for (key, done) in &before.journal.setups {
        let own = &done.call.own;
        // What a service holds that did not run is its data.
        if let Some(plug) = &done.call.plug
            && (done.hosted.is_some() || !own.managed || was.services.contains_key(&own.name))
        {
            let undo = was.undo.get(plug).cloned().unwrap_or_default();
            let passive = own.name == passive(plug);
            let setup = DesiredSetup { setup: setup(key, done, undo), plug: plug.clone(), passive, before: None };
            was.setups.insert(key.clone(), setup);
        }
    }
    let mut of_end: BTreeMap<(PlugId, bool, String), Vec<String>> = BTreeMap::new();
    for (key, setup) in &was.setups {
        let own = setup.setup.call.own.name.clone();
        of_end.entry((setup.plug.clone(), !setup.passive, own)).or_default().push(key.clone());
    }
    // The passive end of each plug comes first.
    for ((plug, _, own), mut keys) in of_end {
        keys.sort_by_key(|key| number(key, &setup_key(&own, &plug)));
        for (before, key) in keys.iter().zip(keys.iter().skip(1)) {
            if let Some(setup) = was.setups.get_mut(key) {
                setup.before = Some(before.clone());
            }
        }
        was.of_plug.entry(plug).or_default().extend(keys);
    }
}

fn setup(key: &str, done: &DoneSetup, undo: std::sync::Arc<[super::journal::Undo]>) -> Setup {
    Setup {
        key: key.to_owned(),
        title: done.title.clone(),
        digest: done.digest.clone(),
        call: done.call.clone(),
        hosted: done.hosted.clone(),
        checks: done.checks.clone().into(),
        undo,
    }
}

/// Which of several setups of an end it is.
fn number(key: &str, first: &str) -> usize {
    key.strip_prefix(first).and_then(|rest| rest.strip_prefix(": ")?.parse().ok()).unwrap_or_default()
}

fn passive(plug: &PlugId) -> &str {
    match plug.mode {
        Mode::Push => &plug.destination,
        Mode::Pull => &plug.source,
    }
}

/// The instances that pass a topic on: they were set up for those who take it from them, and somebody
/// puts it into them.
fn brokers(was: &Desired) -> BTreeSet<String> {
    let gives = was.setups.values().filter(|setup| setup.setup.call.own.name == setup.plug.source);
    let takes = |broker: &str, topic: &str| {
        was.setups.values().any(|setup| {
            setup.plug.destination == broker && setup.setup.call.own.name == broker && setup.plug.topic == topic
        })
    };
    let passing = gives.filter(|setup| takes(&setup.plug.source, &setup.plug.topic));
    passing.map(|setup| setup.plug.source.clone()).collect()
}

/// The plan that goes back from what is seen now to what was there before.
///
/// # Errors
/// When steps wait for each other.
pub fn back(was: &Desired, before: &Observed, now: &Observed) -> Result<Plan, Ring> {
    let mut was = was.clone();
    // A plug that was half up or half down is no plug to go back to, once it is whole.
    let (whole, halves): (BTreeSet<PlugId>, BTreeSet<PlugId>) =
        was.plugs.keys().filter(|plug| !is_up(before, plug)).cloned().partition(|plug| is_up(now, plug));
    for plug in &whole {
        was.plugs.remove(plug);
        was.undo.remove(plug);
        for key in was.of_plug.remove(plug).unwrap_or_default() {
            was.setups.remove(&key);
        }
    }
    let mut plan = reconcile::up(&was, &as_far_as_before(before, now))?;
    for step in &mut plan.steps {
        mend(step, &was);
    }
    Ok(without(plan, |action| is_none_of_before(action, before, &halves)))
}

fn is_up(seen: &Observed, plug: &PlugId) -> bool {
    seen.journal.plugs.contains_key(&plug.to_string()) && !seen.journal.is_half_down(plug)
}

/// What is seen, with services that were not ready before and are as they were told to be left alone.
fn as_far_as_before(before: &Observed, now: &Observed) -> Observed {
    let mut now = now.clone();
    for (instance, status) in &mut now.services {
        let same = |was: &crate::runtime::ServiceStatus| was.state != State::Ready && was.spec == status.spec;
        if before.services.get(instance).is_some_and(same) {
            status.state = State::Ready;
        }
    }
    now
}

/// Says of a step what is known of before, in place of what was worked out from the plugs.
fn mend(step: &mut Step, was: &Desired) {
    match &mut step.action {
        Action::Start(launch) | Action::Restart(launch) | Action::Reload(launch) => {
            let former = was.services.get(&launch.spec.instance);
            launch.needs = former.map(|former| former.launch.needs.clone()).unwrap_or_default();
        }
        Action::Stop(_)
        | Action::PlugDown(_)
        | Action::RemoveFiles(_)
        | Action::Teardown { .. }
        | Action::Undo { .. } => NEW.clone_into(&mut step.cause),
        _ => {}
    }
}

/// Steps to where it never was: to plugs of which a half stays as it is, setups that were not finished,
/// files that were not there.
fn is_none_of_before(action: &Action, before: &Observed, halves: &BTreeSet<PlugId>) -> bool {
    match action {
        Action::PlugUp { plug, .. } | Action::PlugDown(plug) | Action::Undo { plug, .. } => halves.contains(plug),
        Action::Setup(setup) => {
            setup.digest == UNFINISHED || setup.call.plug.as_ref().is_some_and(|plug| halves.contains(plug))
        }
        Action::Render { instance, .. } => !before.on_disk.contains_key(instance),
        _ => false,
    }
}

/// A plan without some of its steps; who waited for those waits for what they waited for.
fn without(plan: Plan, left_out: impl Fn(&Action) -> bool) -> Plan {
    let (mut kept, mut places): (Vec<Step>, Vec<BTreeSet<usize>>) = (Vec::new(), Vec::new());
    for step in plan.steps {
        let after: BTreeSet<usize> = step.after.iter().flat_map(|before| places[*before].iter().copied()).collect();
        if left_out(&step.action) {
            places.push(after);
        } else {
            places.push(BTreeSet::from([kept.len()]));
            kept.push(Step { after, ..step });
        }
    }
    Plan { steps: kept }
}
