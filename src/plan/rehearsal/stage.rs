//! The mesh as it would be rendered, in a folder of its own, with the engine of each instance that
//! is asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use indexmap::IndexMap;
use resilmesh_service::rehearsal::{Answer, Left, Lost, Made, Passed, Request};
use serde_json::Value as Json;

use super::engine::Engine;
use super::{Outcome, Rejected};
use crate::mesh::model::{Mesh, Plug, PlugId, Service};
use crate::plan::anywhere::{Anywhere, anywhere};
use crate::plan::paths::{self, StateFolder};
use crate::plan::trouble::Trouble;
use crate::plan::validate::offline;
use crate::project::test_file::End;

/// More deliveries than any mesh needs for one case: events go round.
const MOST_DELIVERIES: usize = 10_000;

/// A rendered mesh that can be asked.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    mesh: &'a Mesh,
    wanted: Anywhere,
    state: StateFolder,
    engines: BTreeMap<String, Engine>,
}

/// Whether a service can be asked what it would do.
fn can_be_asked(service: &Service) -> bool {
    let [first, second, ..] = service.embedded.args.as_slice() else { return false };
    service.embedded.program == "resilmesh"
        && first == "engine"
        && matches!(second.as_str(), "pipeline" | "enrich" | "module")
}

impl<'a> Stage<'a> {
    /// Renders the mesh below `folder`.
    ///
    /// # Errors
    /// What is wrong with the mesh.
    pub(super) fn set(mesh: &'a Mesh, folder: &Path) -> Result<Self, Trouble> {
        let wanted = anywhere(folder, mesh)?;
        Ok(Self { mesh, wanted, state: StateFolder::of(folder), engines: BTreeMap::new() })
    }

    /// The engine of an instance.
    ///
    /// # Errors
    /// Why it has none.
    pub(super) async fn engine(&mut self, instance: &str) -> Result<&mut Engine, String> {
        if !self.engines.contains_key(instance) {
            let engine = self.start(instance).await?;
            self.engines.insert(instance.to_owned(), engine);
        }
        self.engines.get_mut(instance).ok_or_else(|| format!("`{instance}` has no engine"))
    }

    async fn start(&self, instance: &str) -> Result<Engine, String> {
        if let Some(why) = self.wanted.desired.left_out.get(instance) {
            return Err(format!("`{instance}` cannot run yet: {why}"));
        }
        let service = self.mesh.instances.get(instance).and_then(|own| self.mesh.product_of(own).service.as_ref());
        if let Some(service) = service.filter(|service| !can_be_asked(service)) {
            let program = &service.embedded.program;
            return Err(format!("`{instance}` runs `{program}`, which cannot be asked what it would do"));
        }
        let Some(service) = self.wanted.desired.services.get(instance) else {
            return Err(format!("`{instance}` is no service of this mesh"));
        };
        let folder = self.state.rendered(instance);
        let failed = |error: std::io::Error| format!("the configuration of `{instance}` cannot be written: {error}");
        for (path, content) in &service.files.files {
            paths::write_file(&folder.join(path), content.as_bytes()).map_err(failed)?;
        }
        let started = Engine::start(&offline(&service.launch.spec.args, "--rehearse"), &folder).await;
        let shown = format!("{}/", folder.display());
        started.map_err(|wrong| format!("the configuration of `{instance}` is wrong: {}", wrong.replace(&shown, "")))
    }

    /// What keeps events from going this way; none = nothing.
    pub(super) fn obstacle(&self, from: &End, to: &End) -> Option<String> {
        let next = |end: &'static str| {
            move |name: &str| -> Vec<&'a str> {
                let other = |plug: &'a Plug| match end {
                    "source" => (plug.id.source == name).then_some(plug.id.destination.as_str()),
                    _ => (plug.id.destination == name).then_some(plug.id.source.as_str()),
                };
                self.mesh.plugs.iter().filter_map(other).collect()
            }
        };
        let (after, before) = (reached(&from.instance, next("source")), reached(&to.instance, next("destination")));
        if !after.contains(&to.instance) && from.instance != to.instance {
            return Some(format!("no plugs lead from `{}` to `{}`", from.instance, to.instance));
        }
        let between = after.intersection(&before).filter(|name| **name != from.instance && **name != to.instance);
        between.into_iter().find_map(|name| {
            let product = self.mesh.product_of(self.mesh.instances.get(name)?);
            match &product.service {
                _ if product.broker => None,
                Some(service) if can_be_asked(service) => None,
                Some(service) => Some(format!(
                    "`{name}` is on the way, and what its program `{}` makes of events is not known before it runs",
                    service.embedded.program
                )),
                None => Some(format!("`{name}` is on the way, which is not run by resilmesh")),
            }
        })
    }

    /// What one transform of an instance makes of events.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(super) async fn transform(&mut self, instance: &str, id: &str, events: Vec<Json>) -> Result<Vec<Made>, String> {
        match self.engine(instance).await?.ask(&Request::Transform { id: id.to_owned(), events }).await? {
            Answer::Made(made) => Ok(made),
            other => Err(format!("the engine answered {other:?}")),
        }
    }

    /// What arrives at `to` when these messages come in at `from`.
    ///
    /// # Errors
    /// When it is not clear where they come in, or a service on the way cannot be asked.
    pub(super) async fn route(&mut self, from: &End, to: &End, payloads: Vec<String>) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        let entries = self.entries(from)?;
        let mut waiting: VecDeque<(&'a Plug, Vec<String>)> =
            entries.into_iter().map(|plug| (plug, payloads.clone())).collect();
        let mut deliveries = 0;
        while let Some((plug, payloads)) = waiting.pop_front() {
            deliveries += 1;
            if deliveries > MOST_DELIVERIES {
                return Err("events go round and round".to_owned());
            }
            let id = &plug.id;
            if id.destination == to.instance && to.topic.as_ref().is_none_or(|topic| *topic == id.topic) {
                outcome.events.extend(payloads.iter().map(|payload| document(payload)));
                continue;
            }
            let product = self.mesh.product_of(&self.mesh.instances[&id.destination]);
            if product.broker {
                let takers = self.mesh.plugs.iter().filter(|taker| taker.id.source == id.destination);
                let takers = takers.filter(|taker| taker.id.topic == id.topic);
                waiting.extend(takers.map(|taker| (taker, payloads.clone())));
            } else if product.service.as_ref().is_some_and(can_be_asked) {
                let passed = self.feed(id, payloads).await?;
                waiting.extend(self.leave(&id.destination, passed, &mut outcome));
            }
        }
        Ok(outcome)
    }

    /// The plugs over which messages come in at an instance: from one that nothing is plugged into they
    /// come, into any other one they go.
    fn entries(&self, from: &End) -> Result<Vec<&'a Plug>, String> {
        let name = &from.instance;
        let fits = |plug: &&Plug| from.topic.as_ref().is_none_or(|topic| *topic == plug.id.topic);
        let out: Vec<&Plug> = self.mesh.plugs.iter().filter(|plug| plug.id.source == *name).filter(fits).collect();
        let into: Vec<&Plug> =
            self.mesh.plugs.iter().filter(|plug| plug.id.destination == *name).filter(fits).collect();
        let is_broker = self.mesh.instances.get(name).is_some_and(|own| self.mesh.product_of(own).broker);
        let found =
            if is_broker || !self.mesh.plugs.iter().any(|plug| plug.id.destination == *name) { out } else { into };
        let topics: BTreeSet<&str> = found.iter().map(|plug| plug.id.topic.as_str()).collect();
        match (found.len(), topics.len()) {
            (0, _) => Err(format!("nothing is plugged there: `{}`", shown(from))),
            (_, 2..) => {
                let topics = crate::project::names::list(topics);
                Err(format!("`{name}` has several topics: write `{name}/TOPIC`, with one of {topics}"))
            }
            (2.., 1) if !is_broker && found.iter().any(|plug| plug.id.destination == *name) => {
                let sources = crate::project::names::list(found.iter().map(|plug| plug.id.source.as_str()));
                Err(format!("several are plugged into `{name}`: let it come in at one of {sources}"))
            }
            _ => Ok(found),
        }
    }

    async fn feed(&mut self, plug: &PlugId, payloads: Vec<String>) -> Result<Passed, String> {
        let parts = self.engine(&plug.destination).await?.parts.clone();
        let sources: Vec<_> = parts.iter().filter(|part| part.section == "source").collect();
        let of_plug = sources.iter().find(|part| self.owners(&plug.destination, &part.file).contains(plug));
        let at = match (of_plug, sources.as_slice()) {
            (Some(part), _) | (None, [part]) => part.id.clone(),
            _ => return Err(format!("`{}` has no source for plug `{plug}`", plug.destination)),
        };
        match self.engine(&plug.destination).await?.ask(&Request::Feed { at, payloads }).await? {
            Answer::Passed(passed) => Ok(passed),
            other => Err(format!("the engine answered {other:?}")),
        }
    }

    /// The plugs that a file is for.
    fn owners(&self, instance: &str, file: &str) -> BTreeSet<PlugId> {
        let folder = self.state.rendered(instance);
        let Some(path) = Path::new(file).strip_prefix(&folder).ok().and_then(Path::to_str) else {
            return BTreeSet::new();
        };
        self.wanted.of_plugs.get(&(instance.to_owned(), path.to_owned())).cloned().unwrap_or_default()
    }

    /// Over which plugs what left an instance goes on.
    fn leave(&self, instance: &str, passed: Passed, outcome: &mut Outcome) -> Vec<(&'a Plug, Vec<String>)> {
        let mut onward: IndexMap<&PlugId, (&'a Plug, Vec<String>)> = IndexMap::new();
        let lost = |lost: Lost| Lost { at: format!("{instance}: {}", lost.at), ..lost };
        outcome.lost.extend(passed.lost.into_iter().map(lost));
        for left in passed.left {
            let plugs = self.plugs_for(instance, &left);
            if plugs.is_empty() {
                match &left.to {
                    Some(to) if to.ends_with(".rejected") => outcome.rejected.push(Rejected::of(&left.payload)),
                    to => outcome.lost.push(Lost {
                        at: format!("{instance}: {}", left.at),
                        reason: format!("nobody takes `{}`", to.as_deref().unwrap_or("what leaves there")),
                        count: 1,
                    }),
                }
            }
            for plug in plugs {
                onward.entry(&plug.id).or_insert_with(|| (plug, Vec::new())).1.push(left.payload.clone());
            }
        }
        onward.into_values().collect()
    }

    fn plugs_for(&self, instance: &str, left: &Left) -> Vec<&'a Plug> {
        let file = self.engines.get(instance).and_then(|engine| engine.parts.iter().find(|part| part.id == left.at));
        let owners = file.map(|part| self.owners(instance, &part.file)).unwrap_or_default();
        let peers: BTreeSet<&str> = owners.iter().map(|plug| plug.other_end(instance)).collect();
        let out = self.mesh.plugs.iter().filter(|plug| plug.id.source == instance);
        let out = out.filter(|plug| peers.is_empty() || peers.contains(plug.id.destination.as_str()));
        let is_for = |plug: &&Plug| {
            let peer = self.mesh.product_of(&self.mesh.instances[&plug.id.destination]);
            match &left.to {
                Some(to) if peer.broker => *to == plug.id.topic,
                _ => owners.is_empty() || owners.contains(&plug.id),
            }
        };
        out.filter(is_for).collect()
    }
}

impl PlugId {
    fn other_end(&self, instance: &str) -> &str {
        if self.source == instance { &self.destination } else { &self.source }
    }
}

fn shown(end: &End) -> String {
    match &end.topic {
        Some(topic) => format!("{}/{topic}", end.instance),
        None => end.instance.clone(),
    }
}

/// A message as JSON, or as the text that it is.
fn document(payload: &str) -> Json {
    serde_json::from_str(payload).unwrap_or_else(|_| Json::from(payload))
}

fn reached<'a>(from: &str, next: impl Fn(&str) -> Vec<&'a str>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut waiting = next(from);
    while let Some(name) = waiting.pop() {
        if seen.insert(name.to_owned()) {
            waiting.extend(next(name));
        }
    }
    seen
}
