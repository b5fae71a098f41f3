//! What only shows when all plugs are seen together: topics that nobody puts in, rings of data,
//! rings of waiting, too many outgoing topics.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::model::{Mesh, Plug};
use super::rings::{self, Edge};
use crate::project::code::Code;
use crate::project::names;
use crate::project::position::Diagnostic;

/// How many plugs of a ring are named.
const MOST_NAMED: usize = 9;

/// Checks the mesh as a whole.
pub(super) fn check(mesh: &Mesh, found: &mut Vec<Diagnostic>) {
    broker_topics(mesh, found);
    outgoing_topics(mesh, found);
    data_rings(mesh, found);
    waiting_rings(mesh, found);
}

fn is_broker(mesh: &Mesh, instance: &str) -> bool {
    mesh.instances.get(instance).is_some_and(|instance| mesh.product_of(instance).broker)
}

/// What is taken from a broker must be put in by somebody, and should be taken by somebody.
fn broker_topics(mesh: &Mesh, found: &mut Vec<Diagnostic>) {
    let mut put: BTreeMap<&str, BTreeMap<&str, &Plug>> = BTreeMap::new();
    let mut taken: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for plug in &mesh.plugs {
        if is_broker(mesh, &plug.id.destination) {
            put.entry(&plug.id.destination).or_default().entry(&plug.id.topic).or_insert(plug);
        }
        if is_broker(mesh, &plug.id.source) {
            taken.entry(&plug.id.source).or_default().insert(&plug.id.topic);
        }
    }
    let nothing = BTreeMap::new();
    for plug in mesh.plugs.iter().filter(|plug| is_broker(mesh, &plug.id.source)) {
        let (broker, topic) = (plug.id.source.as_str(), plug.id.topic.as_str());
        let there = put.get(broker).unwrap_or(&nothing);
        if !there.contains_key(topic) {
            let message = format!("`{}` takes `{topic}` from `{broker}`, but nobody puts it in", plug.id.destination);
            let hint = names::suggest(topic, there.keys().copied());
            let hint = hint.or_else(|| Some(format!("`resilmesh plug {topic} SOURCE {broker}` puts it in")));
            found.push(Diagnostic::error(plug.at.clone(), message).coded(Code::LooseTopic).with_hint_if(hint));
        }
    }
    for (broker, topics) in put {
        for (topic, plug) in topics {
            if !taken.get(broker).is_some_and(|taken| taken.contains(topic)) {
                let message = format!("`{}` puts `{topic}` into `{broker}`, but nobody takes it", plug.id.source);
                let wanted = taken.get(broker).into_iter().flatten().copied().filter(|wanted| *wanted != topic);
                let hint = names::closest(topic, wanted).map(|wanted| format!("did you mean `{wanted}`?"));
                let hint = hint.unwrap_or_else(|| format!("`resilmesh plug {topic} {broker} DESTINATION` takes it"));
                found.push(Diagnostic::warning(plug.at.clone(), message).coded(Code::LooseTopic).with_hint(hint));
            }
        }
    }
}

/// Some products can give only so many topics.
fn outgoing_topics(mesh: &Mesh, found: &mut Vec<Diagnostic>) {
    let mut given: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for plug in &mesh.plugs {
        let Some(instance) = mesh.instances.get(&plug.id.source) else { continue };
        let product = mesh.product_of(instance);
        let Some(most) = product.outgoing_topics else { continue };
        let topics = given.entry(&instance.name).or_default();
        if topics.insert(&plug.id.topic) && topics.len() > most {
            let message = format!(
                "`{}` gives {}, but an instance of `{}` gives at most {most}",
                instance.name,
                names::list(topics.iter().copied()),
                product.name
            );
            let many = Diagnostic::error(plug.at.clone(), message).coded(Code::TooManyTopics);
            found.push(many.with_hint("add one more instance for it"));
        }
    }
}

/// Events must not come round again: rings of brokers' topics and of the services between them. What
/// a tenant does with what it gets is not known: most give other events than they take.
fn data_rings(mesh: &Mesh, found: &mut Vec<Diagnostic>) {
    let mut numbers: HashMap<(&str, Option<&str>), usize> = HashMap::new();
    let mut number = |instance, topic| {
        let next = numbers.len();
        let topic = is_broker(mesh, instance).then_some(topic);
        *numbers.entry((instance, topic)).or_insert(next)
    };
    let services: BTreeSet<&str> = mesh.services().map(|(instance, _)| instance.name.as_str()).collect();
    let passes_on =
        |plug: &Plug| [&plug.id.source, &plug.id.destination].iter().all(|end| services.contains(end.as_str()));
    let mut edges = Vec::new();
    for (index, plug) in mesh.plugs.iter().enumerate().filter(|(_, plug)| passes_on(plug)) {
        let from = number(plug.id.source.as_str(), plug.id.topic.as_str());
        let to = number(plug.id.destination.as_str(), plug.id.topic.as_str());
        edges.push(Edge { from, to, plug: index });
    }
    for ring in rings::find(numbers.len(), &edges) {
        report(mesh, &ring, "events would go round for ever", "take one of these plugs out", found);
    }
}

/// The active end of a plug waits for the passive one, if both are run by us.
fn waiting_rings(mesh: &Mesh, found: &mut Vec<Diagnostic>) {
    let services: HashMap<&str, usize> =
        mesh.services().enumerate().map(|(number, (instance, _))| (instance.name.as_str(), number)).collect();
    let mut edges = Vec::new();
    for (index, plug) in mesh.plugs.iter().enumerate() {
        let ends = (services.get(plug.active().instance.as_str()), services.get(plug.passive().instance.as_str()));
        // One that waits for itself is a ring of data already.
        if let (Some(from), Some(to)) = ends
            && from != to
        {
            edges.push(Edge { from: *from, to: *to, plug: index });
        }
    }
    for ring in rings::find(services.len(), &edges) {
        report(
            mesh,
            &ring,
            "each end would wait for the other to start",
            "give one of these plugs the other mode",
            found,
        );
    }
}

fn report(mesh: &Mesh, ring: &[usize], what: &str, hint: &str, found: &mut Vec<Diagnostic>) {
    let plugs: Vec<&Plug> = ring.iter().map(|index| &mesh.plugs[*index]).collect();
    let Some(first) = plugs.iter().min_by_key(|plug| &plug.id) else { return };
    let names: Vec<String> = plugs.iter().take(MOST_NAMED).map(|plug| format!("`{}`", plug.id)).collect();
    let more = plugs.len() - names.len();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let message = format!("{what}: {}{more}", names.join(", "));
    found.push(Diagnostic::error(first.at.clone(), message).coded(Code::Ring).with_hint(hint));
}
