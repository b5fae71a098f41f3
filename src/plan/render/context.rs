//! What a template sees.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Value, context};

use crate::mesh::model::{Instance, Mesh, Plug};
use crate::plan::ports::Ports;
use crate::project::names;

/// Makes contexts; those of instances are made once.
#[derive(Debug)]
pub(super) struct Contexts<'a> {
    mesh: &'a Mesh,
    ports: &'a Ports,
    instances: BTreeMap<String, Value>,
}

/// The topics that come into an instance and those that go out, sorted.
pub(crate) fn topics<'a>(mesh: &'a Mesh, instance: &str) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let of = |end: fn(&Plug) -> &str| {
        mesh.plugs.iter().filter(|plug| end(plug) == instance).map(|plug| plug.id.topic.as_str()).collect()
    };
    (of(|plug| &plug.id.destination), of(|plug| &plug.id.source))
}

impl<'a> Contexts<'a> {
    pub(super) fn new(mesh: &'a Mesh, ports: &'a Ports) -> Self {
        let mut contexts = Self { mesh, ports, instances: BTreeMap::new() };
        let parties =
            mesh.instances.values().map(|instance| (instance.name.as_str(), contexts.party(instance))).collect();
        contexts.instances = mesh
            .instances
            .values()
            .map(|instance| (instance.name.clone(), contexts.instance(instance, &parties)))
            .collect();
        contexts
    }

    /// The context for a file of an instance, or for one of a plug as the instance sees it.
    pub(super) fn of(&self, instance: &Instance, plug: Option<&Plug>) -> Value {
        let settings = Value::from_serialize(&instance.settings);
        let mesh = context! { name => self.mesh.name };
        let own = self.instances.get(&instance.name).cloned().unwrap_or_default();
        let Some(plug) = plug else { return context! { mesh, instance => own, settings } };
        let direction = if plug.id.source == instance.name { "out" } else { "in" };
        let plugs = own.get_attr("plugs").ok().and_then(|plugs| plugs.try_iter().ok());
        let seen = plugs.into_iter().flatten().find(|seen| {
            let is = |name: &str, value: &str| seen.get_attr(name).is_ok_and(|found| found.as_str() == Some(value));
            is("id", &plug.id.to_string()) && is("direction", direction)
        });
        let seen = seen.unwrap_or_default();
        let peer = seen.get_attr("peer").unwrap_or_default();
        context! { mesh, instance => own, settings, plug => seen, peer }
    }

    /// An instance without its plugs: how the other end of a plug looks.
    fn party(&self, instance: &Instance) -> Value {
        let (takes, gives) = topics(self.mesh, &instance.name);
        context! {
            name => instance.name,
            id => names::id(&instance.name),
            product => instance.product,
            managed => self.mesh.product_of(instance).service.is_some(),
            settings => Value::from_serialize(&instance.settings),
            takes => takes.into_iter().collect::<Vec<_>>(),
            gives => gives.into_iter().collect::<Vec<_>>(),
        }
    }

    fn instance(&self, instance: &Instance, parties: &BTreeMap<&str, Value>) -> Value {
        let mut plugs = Vec::new();
        for plug in &self.mesh.plugs {
            let ends = [("in", &plug.id.destination, &plug.id.source), ("out", &plug.id.source, &plug.id.destination)];
            for (direction, own, peer) in ends {
                if *own == instance.name {
                    plugs.push(context! {
                        id => plug.id.to_string(),
                        topic => plug.id.topic,
                        topic_id => names::id(&plug.id.topic),
                        mode => plug.id.mode.word(),
                        format => plug.format,
                        direction,
                        peer => parties.get(peer.as_str()).cloned().unwrap_or_default(),
                        settings => Value::from_serialize(&plug.settings),
                        ports => self.ports.of_plug(&instance.name, &plug.id),
                    });
                }
            }
        }
        let party = parties.get(instance.name.as_str()).cloned().unwrap_or_default();
        context! { plugs, ..party }
    }
}
