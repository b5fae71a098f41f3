//! Which port numbers the services get on this machine.
//!
//! The order is: the instance's setting (`<name>_port`, and `port` for its first port), the number
//! remembered in `.resilmesh/ports.json`, the product's default, any free one. A port that a plug
//! needs (syslog) is remembered for that plug, so that a new plug moves no old one.

mod allocate;
pub mod probe;
mod remembered;

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;
use serde_json::Value;

pub use allocate::{Allocated, Claim, Claims, Moved, Wish, allocate, claims, wishes};

use crate::mesh::model::{Mesh, PlugId};

/// What names a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PortId {
    /// The instance that listens.
    pub instance: String,
    /// The plug it is for; none = the service's own.
    pub plug: Option<PlugId>,
    /// Its name where it is declared, such as `syslog`.
    pub name: String,
}

/// Port numbers on this machine, in the order in which they were first given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ports {
    numbers: IndexMap<PortId, u16>,
}

impl Ports {
    /// Sets a number.
    pub fn insert(&mut self, id: PortId, number: u16) {
        self.numbers.insert(id, number);
    }

    /// The number of a port.
    pub fn get(&self, id: &PortId) -> Option<u16> {
        self.numbers.get(id).copied()
    }

    /// With the numbers of others that were chosen before, in the order in which they were given.
    #[must_use]
    pub fn beside(self, before: &Self) -> Self {
        let mut numbers = before.numbers.clone();
        numbers.extend(self.numbers);
        Self { numbers }
    }

    /// All numbers.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        self.numbers.values().copied()
    }

    /// The number of a port that a service has for itself.
    pub fn of_service(&self, instance: &str, name: &str) -> Option<u16> {
        self.get(&PortId { instance: instance.to_owned(), plug: None, name: name.to_owned() })
    }

    /// The numbers that a plug has at an instance, by name.
    pub fn of_plug(&self, instance: &str, plug: &PlugId) -> BTreeMap<String, u16> {
        let of_plug = |id: &&PortId| id.instance == instance && id.plug.as_ref() == Some(plug);
        self.numbers.iter().filter(|(id, _)| of_plug(id)).map(|(id, number)| (id.name.clone(), *number)).collect()
    }

    /// How many ports were given before the first one of each plug at an instance.
    fn ages(&self) -> HashMap<(&str, &PlugId), usize> {
        let mut ages = HashMap::new();
        for (age, id) in self.numbers.keys().enumerate() {
            if let Some(plug) = &id.plug {
                ages.entry((id.instance.as_str(), plug)).or_insert(age);
            }
        }
        ages
    }

    /// The numbers of all plugs, by instance and plug: for those who go through all of them.
    pub fn by_plug(&self) -> HashMap<(&str, &PlugId), BTreeMap<&str, u16>> {
        let mut found: HashMap<(&str, &PlugId), BTreeMap<&str, u16>> = HashMap::new();
        for (id, number) in &self.numbers {
            if let Some(plug) = &id.plug {
                found.entry((&id.instance, plug)).or_default().insert(&id.name, *number);
            }
        }
        found
    }

    /// What [`Ports::shown`] says of every instance.
    pub fn all_shown(&self, mesh: &Mesh) -> BTreeMap<String, BTreeMap<String, u16>> {
        let mut all: BTreeMap<String, BTreeMap<String, u16>> = BTreeMap::new();
        for claim in claims(mesh, self) {
            if let Some(number) = self.get(&claim.id) {
                all.entry(claim.id.instance).or_default().insert(claim.shown, number);
            }
        }
        all
    }

    /// All numbers of an instance by the names that people see: of several plugs with a port of one
    /// name, the one that had it first has the plain name, the others `<name>_<other end>`.
    pub fn shown(&self, mesh: &Mesh, instance: &str) -> BTreeMap<String, u16> {
        let Some((own, service)) = mesh.service(instance) else { return BTreeMap::new() };
        allocate::of_instance(own, service, &mesh.plugs_of(instance), &self.ages())
            .into_iter()
            .filter_map(|claim| Some((claim.shown, self.get(&claim.id)?)))
            .collect()
    }
}

/// The address at which others on this machine reach a service that listens on `listen`.
pub fn reach(listen: Option<&Value>, number: u16) -> String {
    match listen.and_then(Value::as_str).unwrap_or_default() {
        "" | "0.0.0.0" | "localhost" => format!("127.0.0.1:{number}"),
        "::" => format!("[::1]:{number}"),
        address if address.contains(':') && !address.starts_with('[') => format!("[{address}]:{number}"),
        address => format!("{address}:{number}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_is_reached_where_it_listens() {
        let reached = |listen: &str| reach(Some(&json!(listen)), 1);
        assert_eq!(reach(None, 1), "127.0.0.1:1");
        assert_eq!(reached("0.0.0.0"), "127.0.0.1:1");
        assert_eq!(reached("::"), "[::1]:1");
        assert_eq!(reached("fd00::5"), "[fd00::5]:1");
        assert_eq!(reached("192.0.2.7"), "192.0.2.7:1");
    }
}
