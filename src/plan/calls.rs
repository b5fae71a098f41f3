//! What hooks are told about the mesh and its ports on this machine.

use std::collections::{BTreeSet, HashMap};

use super::ports::{self, Ports};
use crate::hooks::{Call, Party};
use crate::mesh::model::{End, Instance, Integration, Mesh, Plug, PlugId, Role};
use crate::mesh::secrets;
use crate::project::names;

/// The topics that instances take and give.
#[derive(Debug, Default)]
pub struct Topics<'a>(HashMap<&'a str, Flow<'a>>);

/// Those of one instance.
#[derive(Debug, Default)]
struct Flow<'a> {
    takes: BTreeSet<&'a str>,
    gives: BTreeSet<&'a str>,
}

impl<'a> Topics<'a> {
    /// Those of all instances, by one look at each plug.
    pub fn of(mesh: &'a Mesh) -> Self {
        let mut all = Self::default();
        for plug in &mesh.plugs {
            all.0.entry(&plug.id.destination).or_default().takes.insert(&plug.id.topic);
            all.0.entry(&plug.id.source).or_default().gives.insert(&plug.id.topic);
        }
        all
    }
}

/// The call for one end of a plug.
pub fn of_plug(mesh: &Mesh, ports: &Ports, topics: &Topics<'_>, plug: &Plug, end: &End) -> Call {
    let peer = if end.instance == plug.id.source { &plug.destination } else { &plug.source };
    let party_at = |end: &End, peer: &End| Party {
        of_plug: secrets::integration(mesh, plug, end, peer).map(open_settings).unwrap_or_default(),
        ..party(mesh, ports, topics, &mesh.instances[&end.instance], Some(&plug.id))
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
        own: party(mesh, ports, &Topics::of(mesh), instance, first.map(|plug| &plug.id)),
        peer: None,
        plug: None,
        role,
        topic: topic.map(str::to_owned),
        mode: None,
        format: None,
        settings: std::collections::BTreeMap::new(),
    }
}

/// The names of settings that are no secrets.
fn open_settings(integration: &Integration) -> BTreeSet<String> {
    integration.settings.iter().filter(|own| !own.secret).map(|own| own.name.clone()).collect()
}

fn party(mesh: &Mesh, ports: &Ports, topics: &Topics<'_>, instance: &Instance, plug: Option<&PlugId>) -> Party {
    let none = Flow::default();
    let Flow { takes, gives } = topics.0.get(instance.name.as_str()).unwrap_or(&none);
    let mut numbers = ports.shown(mesh, &instance.name);
    numbers.extend(plug.map(|plug| ports.of_plug(&instance.name, plug)).unwrap_or_default());
    let reach = |number| ports::reach(instance.settings.get("listen"), number);
    Party {
        name: instance.name.clone(),
        id: names::id(&instance.name),
        product: instance.product.clone(),
        managed: mesh.product_of(instance).service.is_some(),
        settings: instance.settings.clone(),
        takes: takes.iter().map(|topic| (*topic).to_owned()).collect(),
        gives: gives.iter().map(|topic| (*topic).to_owned()).collect(),
        endpoints: numbers.into_iter().map(|(name, number)| (name, reach(number))).collect(),
        of_plug: BTreeSet::new(),
    }
}
