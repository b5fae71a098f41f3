//! What hooks are told about the mesh and its ports on this machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ports::{self, Ports};
use crate::hooks::{Call, Party};
use crate::mesh::model::{End, Instance, Integration, Mesh, Plug, PlugId, Role};
use crate::mesh::secrets;
use crate::project::names;

/// A mesh with its ports as hooks are told of it: what is to be looked up for each plug is made once.
#[derive(Debug)]
pub struct Surroundings<'a> {
    mesh: &'a Mesh,
    /// The topics of each instance.
    flows: HashMap<&'a str, Flow<'a>>,
    /// The numbers of each instance by the names that people see.
    shown: BTreeMap<String, BTreeMap<String, u16>>,
    /// Those of each plug at an instance.
    of_plugs: HashMap<(&'a str, &'a PlugId), BTreeMap<&'a str, u16>>,
}

/// The topics that an instance takes and gives.
#[derive(Debug, Default)]
struct Flow<'a> {
    takes: BTreeSet<&'a str>,
    gives: BTreeSet<&'a str>,
}

impl<'a> Surroundings<'a> {
    /// By one look at each plug and port.
    pub fn of(mesh: &'a Mesh, ports: &'a Ports) -> Self {
        let mut flows: HashMap<&str, Flow<'_>> = HashMap::new();
        for plug in &mesh.plugs {
            flows.entry(&plug.id.destination).or_default().takes.insert(&plug.id.topic);
            flows.entry(&plug.id.source).or_default().gives.insert(&plug.id.topic);
        }
        Self { mesh, flows, shown: ports.all_shown(mesh), of_plugs: ports.by_plug() }
    }

    fn party(&self, instance: &Instance, plug: Option<&PlugId>) -> Party {
        let name = instance.name.as_str();
        let none = Flow::default();
        let Flow { takes, gives } = self.flows.get(name).unwrap_or(&none);
        let mut numbers = self.shown.get(name).cloned().unwrap_or_default();
        for (port, number) in plug.and_then(|plug| self.of_plugs.get(&(name, plug))).into_iter().flatten() {
            numbers.insert((*port).to_owned(), *number);
        }
        let reach = |number| ports::reach(instance.settings.get("listen"), number);
        Party {
            name: instance.name.clone(),
            id: names::id(&instance.name),
            product: instance.product.clone(),
            managed: self.mesh.product_of(instance).service.is_some(),
            settings: instance.settings.clone(),
            over: instance.over.clone(),
            takes: takes.iter().map(|topic| (*topic).to_owned()).collect(),
            gives: gives.iter().map(|topic| (*topic).to_owned()).collect(),
            endpoints: numbers.into_iter().map(|(name, number)| (name, reach(number))).collect(),
            of_plug: BTreeSet::new(),
        }
    }
}

/// The call for one end of a plug.
pub fn of_plug(around: &Surroundings<'_>, plug: &Plug, end: &End) -> Call {
    let peer = if end.instance == plug.id.source { &plug.destination } else { &plug.source };
    let party_at = |end: &End, peer: &End| Party {
        of_plug: secrets::integration(around.mesh, plug, end, peer).map(open_settings).unwrap_or_default(),
        ..around.party(&around.mesh.instances[&end.instance], Some(&plug.id))
    };
    Call {
        own: party_at(end, peer),
        peer: Some(party_at(peer, end)),
        plug: Some(plug.id.clone()),
        role: Some(end.role),
        topic: Some(plug.id.topic.clone()),
        mode: Some(plug.id.mode),
        format: plug.format.clone(),
        settings: plug.settings.clone(),
    }
}

/// The call about an instance without a plug: about a topic that it takes or gives (`role` tells
/// which), or about the instance as a whole.
pub fn of_instance(mesh: &Mesh, ports: &Ports, instance: &Instance, topic: Option<&str>, role: Option<Role>) -> Call {
    // A port of a plug (syslog) answers here by that of the first plug with the topic.
    let first =
        mesh.plugs.iter().find(|plug| plug.id.destination == instance.name && Some(plug.id.topic.as_str()) == topic);
    Call {
        own: Surroundings::of(mesh, ports).party(instance, first.map(|plug| &plug.id)),
        peer: None,
        plug: None,
        role,
        topic: topic.map(str::to_owned),
        mode: None,
        format: None,
        settings: BTreeMap::new(),
    }
}

/// The names of settings that are no secrets.
fn open_settings(integration: &Integration) -> BTreeSet<String> {
    integration.settings.iter().filter(|own| !own.secret).map(|own| own.name.clone()).collect()
}
