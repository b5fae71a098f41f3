//! The plan that takes everything away again, from the journal and from what runs: the YAML may be
//! broken or gone.

use std::collections::BTreeSet;

use super::graph::{Graph, Node};
use super::{Observed, Ring, remove};
use crate::mesh::model::PlugId;
use crate::plan::step::{Action, Plan};

/// The plan of `down`. What setups made stays with the data of its instance; `volumes` deletes that
/// data too.
///
/// # Errors
/// When services need each other in a ring.
pub fn down(seen: &Observed, volumes: bool) -> Result<Plan, Ring> {
    let mut graph = Graph::default();
    let cause = || "down".to_owned();
    let running = remove::known_services(seen);
    for instance in &running {
        remove::stop(&mut graph, instance, "down", seen);
    }
    for plug in remove::known(seen) {
        let after = remove::undo(&mut graph, plug, "down", seen);
        let action = Action::PlugDown(plug.clone());
        graph.add(Node::PlugDown(plug.to_string()), Some((action, cause())), after);
    }
    for instance in seen.journal.rendered.keys() {
        remove::remove_files(&mut graph, instance, "down", seen);
    }
    for instance in seen.journal.data.iter().filter(|_| volumes) {
        let action = Action::DeleteData(instance.clone());
        graph.add(Node::DeleteData(instance.clone()), Some((action, cause())), [Node::Stop(instance.clone())]);
    }
    if !running.is_empty() {
        let after: Vec<Node> = running.iter().map(|instance| Node::Stop((*instance).clone())).collect();
        graph.add(Node::Finish, Some((Action::Finish, "no service is left".to_owned())), after);
    }
    graph.plan()
}

/// The plan that takes these plugs down: their teardown hooks. Services stay.
///
/// # Errors
/// When steps wait for each other.
pub fn down_part(seen: &Observed, part: &BTreeSet<PlugId>) -> Result<Plan, Ring> {
    let mut graph = Graph::default();
    for plug in remove::known(seen).into_iter().filter(|plug| part.contains(plug)) {
        let after = remove::undo(&mut graph, plug, "down", seen);
        let action = Action::PlugDown(plug.clone());
        graph.add(Node::PlugDown(plug.to_string()), Some((action, "down".to_owned())), after);
    }
    graph.plan()
}
