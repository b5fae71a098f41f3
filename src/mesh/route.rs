//! The way of an event through the mesh. Pure.

use std::collections::BTreeSet;

use super::model::{Mesh, Plug, Role};

/// A plug that an event passes.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// Which.
    pub plug: &'a Plug,
    /// The place of the hop before it in the route; none = here the event enters.
    pub before: Option<usize>,
}

/// Whether events flow through the plug, rather than commands.
pub fn carries_events(plug: &Plug) -> bool {
    plug.source.role == Role::Producer
}

/// The plugs into which nothing flows from another one.
pub fn entries(mesh: &Mesh) -> impl Iterator<Item = &Plug> {
    let fed: BTreeSet<&str> = events(mesh).map(|plug| plug.id.destination.as_str()).collect();
    events(mesh).filter(move |plug| !fed.contains(plug.id.source.as_str()))
}

/// Every plug that an event passes which enters by this one, each after the one before it. A broker
/// passes a topic on; everybody else may make events of its own topics from what it takes. Only plugs
/// that are `open` are passed.
pub fn from<'a>(mesh: &'a Mesh, entry: &'a Plug, open: impl Fn(&Plug) -> bool) -> Vec<Hop<'a>> {
    let mut route = vec![Hop { plug: entry, before: None }];
    let mut known = BTreeSet::from([&entry.id]);
    let mut next = 0;
    while let Some(hop) = route.get(next).copied() {
        let at = &hop.plug.id.destination;
        let is_broker = mesh.instances.get(at).is_some_and(|instance| mesh.product_of(instance).broker);
        let leaves = |plug: &&Plug| plug.id.source == *at && (!is_broker || plug.id.topic == hop.plug.id.topic);
        for plug in events(mesh).filter(leaves).filter(|plug| open(plug)) {
            if known.insert(&plug.id) {
                route.push(Hop { plug, before: Some(next) });
            }
        }
        next += 1;
    }
    route
}

fn events(mesh: &Mesh) -> impl Iterator<Item = &Plug> {
    mesh.plugs.iter().filter(|plug| carries_events(plug))
}
