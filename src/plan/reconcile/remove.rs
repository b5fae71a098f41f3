//! Nodes for what is in the journal, or runs, and is not wanted any more.

use std::collections::BTreeSet;

use super::graph::{Graph, Node};
use super::{Desired, Observed};
use crate::mesh::model::PlugId;
use crate::plan::journal::DoneSetup;
use crate::plan::step::Action;

/// Why it goes.
const CAUSE: &str = "no longer declared";

/// Why a plug that is wanted goes and comes again.
pub(super) const HALF_DOWN: &str = "it was half taken down";

/// Adds them all.
pub(super) fn add(graph: &mut Graph, wanted: &Desired, seen: &Observed) {
    let running: BTreeSet<&String> = seen.journal.services.keys().chain(seen.services.keys()).collect();
    for instance in running.into_iter().filter(|instance| !wanted.services.contains_key(*instance)) {
        let cause = wanted.left_out.get(instance).map_or(CAUSE, String::as_str);
        stop(graph, instance, cause, seen);
    }
    for instance in seen.journal.rendered.keys().filter(|instance| !wanted.services.contains_key(*instance)) {
        let action = Action::RemoveFiles(instance.clone());
        graph.add(
            Node::RemoveFiles(instance.clone()),
            Some((action, CAUSE.to_owned())),
            [Node::Stop(instance.clone())],
        );
    }
    let builtin = seen.journal.setups.iter().filter(|(_, done)| done.hosted.is_none());
    for (key, done) in builtin.filter(|(key, _)| !wanted.setups.contains_key(*key)) {
        teardown(graph, key, done, wanted);
    }
    for plug in known(seen) {
        let cause = match wanted.plugs.contains_key(plug) {
            false => CAUSE,
            true if seen.journal.is_half_down(plug) => HALF_DOWN,
            true => continue,
        };
        let setups = seen.journal.setups.iter().filter(|(_, done)| done.call.plug.as_ref() == Some(plug));
        let mut after: Vec<Node> = setups.map(|(key, _)| Node::Teardown(key.clone())).collect();
        after.extend(undo(graph, plug, cause, seen));
        let action = Action::PlugDown(plug.clone());
        graph.add(Node::PlugDown(plug.to_string()), Some((action, cause.to_owned())), after);
    }
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
        let action = Action::Undo { plug: plug.clone(), undo: Box::new(undo.clone()) };
        graph.add(node.clone(), Some((action, cause.to_owned())), before.take());
        before = Some(node);
    }
    if let Some(last) = &before {
        for instance in [&plug.source, &plug.destination] {
            graph.wait(&Node::Stop(instance.clone()), last.clone());
        }
    }
    before
}

/// A service is stopped after those that need it.
pub(super) fn stop(graph: &mut Graph, instance: &str, cause: &str, seen: &Observed) {
    let users = seen
        .journal
        .services
        .iter()
        .filter(|(user, started)| user.as_str() != instance && started.needs.contains(instance));
    let after: Vec<Node> = users.map(|(user, _)| Node::Stop(user.clone())).collect();
    graph.add(Node::Stop(instance.to_owned()), Some((Action::Stop(instance.to_owned()), cause.to_owned())), after);
}

/// What was set up is undone where the instance that holds it stays. What an instance that goes
/// holds is its data.
fn teardown(graph: &mut Graph, key: &str, done: &DoneSetup, wanted: &Desired) {
    let own = &done.call.own;
    if own.managed && !wanted.services.contains_key(&own.name) {
        return;
    }
    let action = Action::Teardown { key: key.to_owned(), done: Box::new(done.clone()) };
    let mut after = vec![Node::Ready(own.name.clone())];
    if let Some(peer) = &done.call.peer {
        // It must have let go of it first: it is stopped, or starts anew without it.
        after.extend([Node::Stop(peer.name.clone()), Node::Start(peer.name.clone())]);
    }
    graph.add(Node::Teardown(key.to_owned()), Some((action, CAUSE.to_owned())), after);
}
