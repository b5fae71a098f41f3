//! What is wanted against what is seen: the plan. Pure: the same input gives the same text.
//!
//! Every step that could be needed is a node with what it waits for; the plan holds the nodes that
//! are needed, each waiting for the needed ones before it, also through those that are not.

mod down;
mod graph;
mod remove;
mod up;

use std::collections::{BTreeMap, BTreeSet};

pub use down::{down, down_part};
pub use remove::known;

use self::graph::{Graph, Node};
use super::desired::Desired;
use super::journal::Journal;
use super::step::Plan;
use crate::mesh::model::PlugId;
use crate::mesh::sound::LeftOut;
use crate::project::names;
use crate::project::saved::Edited;
use crate::runtime::ServiceStatus;

/// What is seen on this machine.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// What was done before.
    pub journal: Journal,
    /// Services as they are, by name.
    pub services: BTreeMap<String, ServiceStatus>,
    /// Digest of the rendered files on disk, by instance.
    pub on_disk: BTreeMap<String, String>,
    /// Setups that are not as declared any more, by key, with what is different.
    pub drift: BTreeMap<String, String>,
    /// Settings of plugs that were edited since hooks in files have set them up, by their text form.
    pub edited: BTreeMap<String, Edited>,
}

/// Some steps wait for each other in a ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these steps wait for each other: {}", .0.join(", "))]
pub struct Ring(pub Vec<String>);

/// A part of a mesh.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Plugs.
    pub plugs: BTreeSet<PlugId>,
    /// Instances with services.
    pub services: BTreeSet<String>,
    /// What is not in the mesh because of mistakes, and stays as it is.
    pub left_out: LeftOut,
}

impl Part {
    /// Whether an instance, or a service of one, has to do with it.
    pub fn has(&self, instance: &str) -> bool {
        let instance = names::instance_of(instance);
        self.services.contains(instance)
            || self.plugs.iter().any(|plug| plug.source == instance || plug.destination == instance)
    }
}

impl Observed {
    /// Why a plug that was set up by hooks in files goes and comes again, although it is wanted.
    fn anew(&self, plug: &PlugId) -> Option<String> {
        match self.journal.is_half_down(plug) {
            true => Some(remove::HALF_DOWN.to_owned()),
            false => self.edited.get(&plug.to_string()).map(Edited::cause),
        }
    }

    /// What is seen, but for what is left out.
    fn without(&self, left_out: &LeftOut) -> Self {
        let mut seen = self.clone();
        let stays = |name: &str| !left_out.instances.contains(names::instance_of(name));
        let plug_stays = |id: &PlugId| stays(&id.source) && stays(&id.destination) && !left_out.plugs.contains(id);
        let journal = &mut seen.journal;
        journal.services.retain(|name, _| stays(name));
        journal.rendered.retain(|name, _| stays(name));
        journal.plugs.retain(|_, up| plug_stays(&up.plug));
        journal.undo.retain(|_, undoing| plug_stays(&undoing.plug));
        journal.setups.retain(|_, done| stays(&done.call.own.name) && done.call.plug.as_ref().is_none_or(plug_stays));
        seen.edited.retain(|name, _| journal.plugs.contains_key(name));
        seen.services.retain(|name, _| stays(name));
        seen
    }
}

/// The plan that brings the machine to what the mesh wants.
///
/// # Errors
/// When steps wait for each other.
pub fn up(wanted: &Desired, seen: &Observed) -> Result<Plan, Ring> {
    up_graph(wanted, seen).plan()
}

/// The plan that brings up a part of the mesh, and what that builds on. Nothing else changes.
///
/// # Errors
/// When steps wait for each other.
pub fn up_part(wanted: &Desired, seen: &Observed, part: &Part) -> Result<Plan, Ring> {
    let mut graph = up_graph(wanted, &seen.without(&part.left_out));
    let plugs = part.plugs.iter().map(|plug| Node::PlugUp(plug.to_string()));
    let services = part.services.iter().flat_map(|instance| wanted.services_of(instance));
    graph.only(plugs.chain(services.cloned().map(Node::Ready)));
    graph.plan()
}

fn up_graph(wanted: &Desired, seen: &Observed) -> Graph {
    let mut graph = Graph::default();
    remove::add(&mut graph, wanted, seen);
    up::add(&mut graph, wanted, seen);
    graph
}
