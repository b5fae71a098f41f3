//! Nodes for what the mesh wants.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Node};
use super::{Desired, Observed};
use crate::mesh::model::{Mode, PlugId};
use crate::plan::apply::UNFINISHED;
use crate::plan::desired::{DesiredService, DesiredSetup};
use crate::plan::step::{Action, Launch};
use crate::project::names;
use crate::runtime::{ServiceSpec, ServiceStatus, State};

/// Adds them all.
pub(super) fn add(graph: &mut Graph, wanted: &Desired, seen: &Observed) {
    let around = Around::of(wanted);
    // A service that goes may hold a port that another one gets.
    let gone = seen.journal.services.keys().chain(seen.services.keys()).cloned().map(Node::Stop);
    graph.add(Node::Gone, None, gone);
    for (instance, service) in wanted.instances() {
        files(graph, instance, service, seen);
    }
    for (name, service) in &wanted.services {
        start(graph, name, service, &around, seen);
        ready(graph, name, seen);
    }
    for (key, setup) in &wanted.setups {
        self::setup(graph, key, setup, &around, seen);
    }
    for (plug, digest) in &wanted.plugs {
        self::plug(graph, plug, digest, wanted, seen);
    }
}

/// What the mesh wants, by instance: each look at it costs what is found.
struct Around<'a> {
    wanted: &'a Desired,
    /// The plugs of an instance.
    plugs: BTreeMap<&'a str, Vec<&'a PlugId>>,
    /// Who takes a topic from a broker.
    takers: BTreeMap<(&'a str, &'a str), Vec<&'a PlugId>>,
    /// The setups of a broker for those who put a topic in.
    inlets: BTreeMap<(&'a str, &'a str), Vec<&'a String>>,
}

impl<'a> Around<'a> {
    fn of(wanted: &'a Desired) -> Self {
        let (mut plugs, mut takers, mut inlets) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for plug in wanted.plugs.keys() {
            for instance in BTreeSet::from([plug.source.as_str(), plug.destination.as_str()]) {
                plugs.entry(instance).or_insert_with(Vec::new).push(plug);
            }
            if wanted.brokers.contains(&plug.source) {
                takers.entry((plug.source.as_str(), plug.topic.as_str())).or_insert_with(Vec::new).push(plug);
            }
        }
        for (key, setup) in &wanted.setups {
            let (own, plug) = (&setup.setup.call.own.name, &setup.plug);
            if plug.destination == *own && wanted.brokers.contains(own) {
                inlets.entry((own.as_str(), plug.topic.as_str())).or_insert_with(Vec::new).push(key);
            }
        }
        Self { wanted, plugs, takers, inlets }
    }

    /// Who takes what this plug puts into a broker.
    fn takers_behind(&self, plug: &'a PlugId) -> &[&'a PlugId] {
        self.takers.get(&(plug.destination.as_str(), plug.topic.as_str())).map_or(&[], Vec::as_slice)
    }
}

fn files(graph: &mut Graph, instance: &str, service: &DesiredService, seen: &Observed) {
    let digest = service.digest.clone();
    let cause = match seen.on_disk.get(instance) {
        Some(there) if *there == digest => None,
        Some(there) if seen.journal.rendered.get(instance) == Some(there) => Some("changed"),
        Some(_) if seen.journal.rendered.get(instance).is_some_and(|known| known != UNFINISHED) => {
            Some("changed on disk")
        }
        _ => Some("new"),
    };
    let render = || Action::Render { instance: instance.to_owned(), files: service.files.files.clone(), digest };
    graph.add(Node::Render(instance.to_owned()), cause.map(|cause| (render(), cause.to_owned())), []);
}

fn start(graph: &mut Graph, name: &str, service: &DesiredService, around: &Around<'_>, seen: &Observed) {
    let instance = names::instance_of(name);
    let (mut after, needs) = waits(instance, around);
    after.extend([Node::Gone, Node::Render(instance.to_owned())]);
    let launch = Launch { needs, ..service.launch.clone() };
    let started = seen.journal.services.get(name);
    let needed = match seen.services.get(name) {
        None => {
            let cause = if started.is_some() { "it is gone" } else { "new" };
            Some((Action::Start(Box::new(launch)), cause.to_owned()))
        }
        Some(status) => {
            let same_identity = started.is_none_or(|started| started.identity == launch.identity);
            change(status, launch, same_identity)
        }
    };
    if let Some((Action::Restart(_), _)) = &needed {
        after.extend(
            around.wanted.services_of(instance).take_while(|other| *other != name).last().cloned().map(Node::Ready),
        );
    }
    let moved = around.wanted.moved.iter().filter(|moved| moved.instance == instance);
    let needed = needed.map(|(action, cause)| (action, moved.fold(cause, |cause, moved| format!("{cause}; {moved}"))));
    graph.add(Node::Start(name.to_owned()), needed, after);
}

/// What a service that is known to the runtime needs to become what it shall be.
fn change(status: &ServiceStatus, launch: Launch, same_identity: bool) -> Option<(Action, String)> {
    if matches!(status.state, State::Stopped | State::Failed) {
        let because = status.because.as_ref().map(|because| format!(": {}", first_line(because))).unwrap_or_default();
        return Some((Action::Start(Box::new(launch)), format!("it has stopped{because}")));
    }
    let (is, shall) = (&status.spec, &launch.spec);
    if !same_identity {
        return Some((Action::Restart(Box::new(launch)), "settings or program changed".to_owned()));
    }
    if status.state == State::Silent {
        let because = status.because.as_deref().map_or("it does not answer", first_line).to_owned();
        return Some((Action::Restart(Box::new(launch)), because));
    }
    if is == shall {
        return None;
    }
    let only_files = ServiceSpec { files_digest: shall.files_digest.clone(), ..is.clone() } == *shall;
    let cause = if only_files { "configuration changed".to_owned() } else { difference(is, shall).to_owned() };
    let reloads = only_files && shall.reload.is_some();
    let launch = Box::new(launch);
    Some((if reloads { Action::Reload(launch) } else { Action::Restart(launch) }, cause))
}

fn difference(is: &ServiceSpec, shall: &ServiceSpec) -> &'static str {
    if is.ports != shall.ports {
        "ports changed"
    } else if is.program != shall.program || is.label != shall.label {
        "program changed"
    } else {
        "how it runs has changed"
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What a service waits for, and the instances behind that: the passive ends of its plugs, and for
/// one who puts a topic into a broker, the ends of those who take it.
fn waits(instance: &str, around: &Around<'_>) -> (BTreeSet<Node>, BTreeSet<String>) {
    let (mut nodes, mut needs) = (BTreeSet::new(), BTreeSet::new());
    let mut wait_for = |plug: &PlugId| {
        let passive = passive(plug);
        if passive == instance {
            return;
        }
        let setups = around.wanted.setups_of(plug).filter(|(_, setup)| setup.passive);
        let setups: Vec<Node> = setups.map(|(key, _)| Node::Setup(key.clone())).collect();
        if around.wanted.runs(passive) {
            needs.insert(passive.to_owned());
            if setups.is_empty() {
                nodes.extend(readies(around.wanted, passive));
            }
        }
        nodes.extend(setups);
    };
    for plug in around.plugs.get(instance).into_iter().flatten() {
        wait_for(plug);
        if plug.source == instance {
            around.takers_behind(plug).iter().for_each(|taker| wait_for(taker));
        }
    }
    (nodes, needs)
}

fn passive(plug: &PlugId) -> &str {
    match plug.mode {
        Mode::Push => &plug.destination,
        Mode::Pull => &plug.source,
    }
}

/// The nodes for which an instance is ready: all its services are.
fn readies(wanted: &Desired, instance: &str) -> Vec<Node> {
    wanted.services_of(instance).cloned().map(Node::Ready).collect()
}

fn ready(graph: &mut Graph, instance: &str, seen: &Observed) {
    let start = Node::Start(instance.to_owned());
    let cause = match seen.services.get(instance) {
        _ if graph.starts(instance) => Some("it starts"),
        _ if graph.needs(&start) => Some("it reloads"),
        Some(status) if status.state == State::Ready => None,
        Some(_) => Some("it is not ready yet"),
        None => None,
    };
    let needed = cause.map(|cause| (Action::Ready(instance.to_owned()), cause.to_owned()));
    graph.add(Node::Ready(instance.to_owned()), needed, [start]);
}

fn setup(graph: &mut Graph, key: &str, setup: &DesiredSetup, around: &Around<'_>, seen: &Observed) {
    let own = &setup.setup.call.own.name;
    let anew = setup.setup.hosted.as_ref().and_then(|_| seen.anew(&setup.plug));
    let cause = match seen.journal.setups.get(key) {
        _ if anew.is_some() => anew,
        None => Some("new".to_owned()),
        Some(done) if done.digest != setup.setup.digest => Some("changed".to_owned()),
        Some(_) if setup.setup.hosted.is_none() && graph.starts(own) => Some(format!("{own} starts")),
        Some(_) => seen.drift.get(key).cloned(),
    };
    let mut after: BTreeSet<Node> = readies(around.wanted, own).into_iter().collect();
    if setup.passive {
        after.extend(streams_before(setup, around));
    } else {
        after.extend(readies(around.wanted, passive(&setup.plug)));
        let others = around.wanted.setups_of(&setup.plug).filter(|(_, other)| other.passive);
        after.extend(others.map(|(key, _)| Node::Setup(key.clone())));
    }
    after.extend(setup.before.clone().map(Node::Setup));
    after.insert(Node::PlugDown(setup.plug.to_string()));
    let needed = cause.map(|cause| (Action::Setup(Box::new(setup.setup.clone())), cause));
    graph.add(Node::Setup(key.to_owned()), needed, after);
}

/// Who takes a topic from a broker is set up after those who put it in: the durable consumer needs
/// its stream.
fn streams_before(setup: &DesiredSetup, around: &Around<'_>) -> Vec<Node> {
    let (own, plug) = (setup.setup.call.own.name.as_str(), &setup.plug);
    if plug.source != own {
        return Vec::new();
    }
    let before = around.inlets.get(&(own, plug.topic.as_str())).into_iter().flatten();
    before.map(|key| Node::Setup((*key).clone())).collect()
}

fn plug(graph: &mut Graph, plug: &PlugId, digest: &str, wanted: &Desired, seen: &Observed) {
    let cause = match seen.journal.plugs.get(&plug.to_string()) {
        None => Some("new".to_owned()),
        Some(up) if up.digest != *digest => Some("changed".to_owned()),
        Some(_) => None,
    };
    let cause = seen.anew(plug).or(cause);
    let undo = wanted.undo.get(plug).cloned().unwrap_or_default();
    let action = Action::PlugUp { plug: plug.clone(), digest: digest.to_owned(), undo };
    let after = wanted.setups_of(plug).map(|(key, _)| Node::Setup(key.clone()));
    let down = Node::PlugDown(plug.to_string());
    let ends = [&plug.source, &plug.destination].into_iter().flat_map(|end| readies(wanted, end));
    let after = after.chain([down]).chain(ends);
    graph.add(Node::PlugUp(plug.to_string()), cause.map(|cause| (action, cause)), after.collect::<Vec<_>>());
}
