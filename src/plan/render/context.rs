//! What a template sees.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use minijinja::{Value, context};

use super::module;
use crate::mesh::model::{Instance, Mesh, Plug, PlugId};
use crate::plan::ports::Ports;
use crate::project::names;

/// Makes contexts; those of instances, and of plugs as their ends see them, are made once.
#[derive(Debug)]
pub(super) struct Contexts {
    mesh: Value,
    instances: HashMap<String, Value>,
    /// Of instances that are modules.
    modules: HashMap<String, Value>,
    /// By instance, plug, and whether the plug leads out of the instance.
    plugs: HashMap<(String, PlugId, bool), Value>,
}

impl Contexts {
    pub(super) fn new(mesh: &Mesh, ports: &Ports) -> Self {
        let by_instance = mesh.plugs_by_instance();
        let plugs_of = |instance: &Instance| by_instance.get(instance.name.as_str()).map_or(&[][..], Vec::as_slice);
        let parties: HashMap<&str, Value> = mesh
            .instances
            .values()
            .map(|instance| (instance.name.as_str(), party(mesh, instance, plugs_of(instance))))
            .collect();
        let by_plug = ports.by_plug();
        let modules = mesh.instances.values().map(|own| (own.name.clone(), module::seen(mesh, own)));
        let modules = modules.filter(|(_, seen)| !seen.is_undefined()).collect();
        let mesh_seen = context! { name => mesh.name };
        let mut contexts = Self { mesh: mesh_seen, instances: HashMap::new(), modules, plugs: HashMap::new() };
        for instance in mesh.instances.values() {
            let mut seen = Vec::new();
            for plug in plugs_of(instance) {
                let id = &plug.id;
                for (out, own, peer) in [(false, &id.destination, &id.source), (true, &id.source, &id.destination)] {
                    if *own == instance.name {
                        let peer = parties.get(peer.as_str()).cloned().unwrap_or_default();
                        let numbers = by_plug.get(&(instance.name.as_str(), id)).cloned().unwrap_or_default();
                        let context = plug_as_seen(plug, out, peer, &numbers);
                        contexts.plugs.insert((instance.name.clone(), id.clone(), out), context.clone());
                        seen.push(context);
                    }
                }
            }
            let party = parties.get(instance.name.as_str()).cloned().unwrap_or_default();
            contexts.instances.insert(instance.name.clone(), context! { plugs => seen, ..party });
        }
        contexts
    }

    /// The context for a file of an instance, or for one of a plug as the instance sees it.
    pub(super) fn of(&self, instance: &Instance, plug: Option<&Plug>) -> Value {
        let settings = Value::from_serialize(&instance.settings);
        let mesh = self.mesh.clone();
        let own = self.instances.get(&instance.name).cloned().unwrap_or_default();
        let module = self.modules.get(&instance.name).cloned().unwrap_or_default();
        let Some(plug) = plug else { return context! { mesh, instance => own, settings, module } };
        let out = plug.id.source == instance.name;
        let seen = self.plugs.get(&(instance.name.clone(), plug.id.clone(), out)).cloned().unwrap_or_default();
        let peer = seen.get_attr("peer").unwrap_or_default();
        context! { mesh, instance => own, settings, module, plug => seen, peer }
    }
}

/// An instance without its plugs: how the other end of a plug looks.
fn party(mesh: &Mesh, instance: &Instance, plugs: &[&Plug]) -> Value {
    let topics = |end: fn(&Plug) -> &str| -> BTreeSet<&str> {
        plugs.iter().filter(|plug| end(plug) == instance.name).map(|plug| plug.id.topic.as_str()).collect()
    };
    let (takes, gives) = (topics(|plug| &plug.id.destination), topics(|plug| &plug.id.source));
    context! {
        name => instance.name,
        id => names::id(&instance.name),
        product => instance.product,
        managed => mesh.product_of(instance).service.is_some(),
        settings => Value::from_serialize(&instance.settings),
        takes => takes.into_iter().collect::<Vec<_>>(),
        gives => gives.into_iter().collect::<Vec<_>>(),
    }
}

/// A plug as one of its ends sees it.
fn plug_as_seen(plug: &Plug, out: bool, peer: Value, numbers: &BTreeMap<&str, u16>) -> Value {
    context! {
        id => plug.id.to_string(),
        topic => plug.id.topic,
        topic_id => names::id(&plug.id.topic),
        mode => plug.id.mode.word(),
        format => plug.format,
        direction => if out { "out" } else { "in" },
        peer,
        settings => Value::from_serialize(&plug.settings),
        ports => Value::from_serialize(numbers),
    }
}
