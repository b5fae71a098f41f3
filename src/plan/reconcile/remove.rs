//! Nodes for what is in the journal, or runs, and is not wanted any more.

use std::collections::BTreeSet;

use super::graph::{Graph, Node};
use super::{Desired, Observed};
use crate::mesh::model::PlugId;
use crate::plan::journal::DoneSetup;
use crate::plan::step::Action;
use crate::project::names;

/// Why it goes.
const CAUSE: &str = "no longer declared";

/// Why a service of an instance goes that has others.
const FEWER: &str = "fewer replicas";

/// Why a plug that is wanted goes and comes again.
pub(super) const HALF_DOWN: &str = "it was half taken down";

/// Adds them all.
pub(super) fn add(graph: &mut Graph, wanted: &Desired, seen: &Observed) {
    for service in known_services(seen).into_iter().filter(|service| !wanted.services.contains_key(*service)) {
        let instance = names::instance_of(service);
        let cause = match wanted.left_out.get(instance) {
            Some(why) => why,
            None if wanted.runs(instance) => FEWER,
            None => CAUSE,
        };
        stop(graph, service, cause, seen);
    }
    for instance in seen.journal.rendered.keys().filter(|instance| !wanted.runs(instance)) {
        remove_files(graph, instance, CAUSE, seen);
    }
    let builtin = seen.journal.setups.iter().filter(|(_, done)| done.hosted.is_none());
    for (key, done) in builtin.filter(|(key, _)| !wanted.setups.contains_key(*key)) {
        teardown(graph, key, done, wanted, seen);
    }
    for plug in known(seen) {
        let cause = match wanted.plugs.contains_key(plug) {
            false => CAUSE.to_owned(),
            true => match seen.anew(plug) {
                Some(cause) => cause,
                None => continue,
            },
        };
        let setups = seen.journal.setups.iter().filter(|(_, done)| done.call.plug.as_ref() == Some(plug));
        let mut after: Vec<Node> = setups.map(|(key, _)| Node::Teardown(key.clone())).collect();
        after.extend(undo(graph, plug, &cause, seen));
        let action = Action::PlugDown(plug.clone());
        graph.add(Node::PlugDown(plug.to_string()), Some((action, cause)), after);
    }
}

/// The services that were started, or run.
pub(super) fn known_services(seen: &Observed) -> BTreeSet<&String> {
    seen.journal.services.keys().chain(seen.services.keys()).collect()
}

/// The nodes that stop the services of an instance, as far as there are some.
fn stops(seen: &Observed, instance: &str) -> Vec<Node> {
    let of_it = known_services(seen).into_iter().filter(|service| names::instance_of(service) == instance);
    of_it.map(|service| Node::Stop(service.clone())).collect()
}

/// The files of an instance go when all its services have stopped.
pub(super) fn remove_files(graph: &mut Graph, instance: &str, cause: &str, seen: &Observed) {
    let action = Action::RemoveFiles(instance.to_owned());
    graph.add(Node::RemoveFiles(instance.to_owned()), Some((action, cause.to_owned())), stops(seen, instance));
}

/// The plugs that are up, or half up by hooks in files.
pub fn known(seen: &Observed) -> BTreeSet<&PlugId> {
    let up = seen.journal.plugs.values().map(|up| &up.plug);
    up.chain(seen.journal.undo.values().map(|undoing| &undoing.plug)).collect()
}

/// The teardown hooks of a plug, one after the other, while the services of its ends still run; the
/// last of them.
pub(super) fn undo(graph: &mut Graph, plug: &PlugId, cause: &str, seen: &Observed) -> Option<Node> {
    let hooks = seen.journal.undo.get(&plug.to_string()).map_or(&[][..], |undoing| &undoing.hooks);
    let mut before = None;
    for (number, undo) in hooks.iter().enumerate() {
        let node = Node::Undo(plug.to_string(), number);
        let former = seen.edited.get(&plug.to_string()).cloned().map(Box::new);
        let action = Action::Undo { plug: plug.clone(), undo: Box::new(undo.clone()), edited: former };
        graph.add(node.clone(), Some((action, cause.to_owned())), before.take());
        before = Some(node);
    }
    if let Some(last) = &before {
        for stop in [&plug.source, &plug.destination].into_iter().flat_map(|instance| stops(seen, instance)) {
            graph.wait(&stop, last.clone());
        }
    }
    before
}

/// A service is stopped after those that need its instance.
pub(super) fn stop(graph: &mut Graph, service: &str, cause: &str, seen: &Observed) {
    let instance = names::instance_of(service);
    let users = seen
        .journal
        .services
        .iter()
        .filter(|(user, started)| names::instance_of(user) != instance && started.needs.contains(instance));
    let after: Vec<Node> = users.map(|(user, _)| Node::Stop(user.clone())).collect();
    graph.add(Node::Stop(service.to_owned()), Some((Action::Stop(service.to_owned()), cause.to_owned())), after);
}

/// What was set up is undone where the instance that holds it stays. What an instance that goes
/// holds is its data.
fn teardown(graph: &mut Graph, key: &str, done: &DoneSetup, wanted: &Desired, seen: &Observed) {
    let own = &done.call.own;
    if own.managed && !wanted.runs(&own.name) {
        return;
    }
    let action = Action::Teardown { key: key.to_owned(), done: Box::new(done.clone()) };
    let mut after = vec![Node::Ready(own.name.clone())];
    if let Some(peer) = &done.call.peer {
        // It must have let go of it first: it is stopped, or starts anew without it.
        after.extend(stops(seen, &peer.name));
        after.extend(wanted.services_of(&peer.name).map(|service| Node::Start(service.clone())));
    }
    graph.add(Node::Teardown(key.to_owned()), Some((action, CAUSE.to_owned())), after);
}
