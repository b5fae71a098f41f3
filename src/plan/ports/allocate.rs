//! Choosing numbers: pure, the machine is asked through [`Machine`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::{fmt, io};

use super::probe::{Machine, Protocols};
use super::{PortId, Ports};
use crate::mesh::model::{End, Instance, Mesh, Plug, PlugId, Service};
use crate::project::code::Code;
use crate::project::names;
use crate::project::position::Diagnostic;

/// A port that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which.
    pub id: PortId,
    /// Its name for people.
    pub shown: String,
    /// The product's default.
    pub default: u16,
}

/// What allocation has to go by.
#[derive(Debug)]
pub struct Claims<'a> {
    /// The mesh.
    pub mesh: &'a Mesh,
    /// The numbers chosen before.
    pub remembered: &'a Ports,
    /// Numbers that each of our running services holds.
    pub held: &'a BTreeMap<String, BTreeSet<u16>>,
}

/// The ports that the services of a mesh need. A new plug takes no name from one that has had a port
/// before.
pub fn claims(mesh: &Mesh, remembered: &Ports) -> Vec<Claim> {
    let (plugs, ages) = (mesh.plugs_by_instance(), remembered.ages());
    let of = |name: &String| plugs.get(name.as_str()).map_or(&[][..], Vec::as_slice);
    mesh.services().flat_map(|(instance, service)| of_instance(instance, service, of(&instance.name), &ages)).collect()
}

/// How old the ports of plugs at instances are.
type Ages<'a> = HashMap<(&'a str, &'a PlugId), usize>;

/// Those of one instance, whose plugs these are.
pub(super) fn of_instance(instance: &Instance, service: &Service, plugs: &[&Plug], ages: &Ages<'_>) -> Vec<Claim> {
    let own = |name: &String| PortId { instance: instance.name.clone(), plug: None, name: name.clone() };
    let of_service =
        service.ports.iter().map(|(name, default)| Claim { id: own(name), shown: name.clone(), default: *default });
    of_service.chain(of_plugs(plugs, instance, ages)).collect()
}

fn of_plugs(plugs: &[&Plug], instance: &Instance, ages: &Ages<'_>) -> Vec<Claim> {
    let ends = plugs
        .iter()
        .flat_map(|plug| [(*plug, &plug.destination, &plug.source), (*plug, &plug.source, &plug.destination)]);
    let with_ports = |end: &End| end.instance == instance.name && !end.capability.ports.is_empty();
    let mut own: Vec<_> = ends.filter(|(_, end, _)| with_ports(end)).collect();
    own.sort_by_cached_key(|(plug, _, other)| {
        let age = ages.get(&(instance.name.as_str(), &plug.id)).copied();
        (age.unwrap_or(usize::MAX), &other.instance, &plug.id)
    });
    let mut used = BTreeSet::new();
    let mut claims = Vec::new();
    for (plug, end, other) in own {
        for (name, default) in &end.capability.ports {
            let candidates = [
                name.clone(),
                format!("{name}_{}", names::id(&other.instance)),
                format!("{name}_{}_{}", names::id(&other.instance), names::id(&plug.id.topic)),
            ];
            let Some(shown) = candidates.into_iter().find(|shown| used.insert(shown.clone())) else { continue };
            let id = PortId { instance: instance.name.clone(), plug: Some(plug.id.clone()), name: name.clone() };
            claims.push(Claim { id, shown, default: *default });
        }
    }
    claims
}

/// The numbers that were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allocated {
    /// By port.
    pub ports: Ports,
    /// Ports that have another number than they had, or than is usual.
    pub moved: Vec<Moved>,
}

/// A port that did not get its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The instance that listens.
    pub instance: String,
    /// The port's name for people.
    pub port: String,
    /// The number that it had, or that the product has it have.
    pub from: u16,
    /// It had that number before, so that others may know it.
    pub is_known: bool,
    /// Why it cannot have it: `is taken by process 4101 (nginx)`.
    pub why: String,
    /// The number that it has instead.
    pub to: u16,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} {}; {} instead", self.from, self.why, self.to)
    }
}

/// Gives each port a number. All that cannot be had is reported at once.
///
/// # Errors
/// What is wrong, such as a number that somebody else has.
pub fn allocate(claimed: &Claims<'_>, machine: &dyn Machine) -> Result<Allocated, Vec<Diagnostic>> {
    let claims = claims(claimed.mesh, claimed.remembered);
    let mut allocation = Allocation {
        claimed,
        machine,
        first: first_of_each(&claims),
        given: BTreeMap::new(),
        ports: Ports::default(),
        moved: Vec::new(),
        found: Vec::new(),
    };
    // Those who ask for one number come first: nobody else is to get it by chance.
    let (asked, free): (Vec<_>, Vec<_>) = claims.into_iter().partition(|claim| allocation.asked_for(claim).is_some());
    let (known, new): (Vec<_>, Vec<_>) =
        free.into_iter().partition(|claim| claimed.remembered.get(&claim.id).is_some());
    for claim in asked.iter().chain(&known).chain(&new) {
        allocation.give(claim);
    }
    let Allocation { mut ports, moved, found, .. } = allocation;
    let age = |id: &PortId| claimed.remembered.numbers.get_index_of(id).unwrap_or(usize::MAX);
    ports.numbers.sort_by(|a, _, b, _| age(a).cmp(&age(b)));
    if found.is_empty() { Ok(Allocated { ports, moved }) } else { Err(found) }
}

/// The first port of each instance.
fn first_of_each(claims: &[Claim]) -> BTreeMap<String, PortId> {
    claims.iter().rev().map(|claim| (claim.id.instance.clone(), claim.id.clone())).collect()
}

/// The number that the instance's settings ask for, with the setting's name.
fn asked_for(instance: &Instance, claim: &Claim, first: &BTreeMap<String, PortId>) -> Option<(String, u64)> {
    let own = format!("{}_port", claim.shown);
    let is_first = first.get(&claim.id.instance) == Some(&claim.id);
    let plain = is_first.then(|| "port".to_owned());
    [Some(own), plain].into_iter().flatten().find_map(|name| {
        let number = instance.settings.get(&name)?.as_u64()?;
        Some((name, number))
    })
}

/// Where an instance listens.
fn listen(instance: &Instance) -> String {
    let listen = instance.settings.get("listen").and_then(serde_json::Value::as_str);
    listen.filter(|listen| !listen.is_empty()).unwrap_or("127.0.0.1").to_owned()
}

/// A number that a port is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The instance that listens.
    pub instance: String,
    /// The port's name for people.
    pub port: String,
    /// Where it listens.
    pub listen: String,
    /// The number.
    pub number: u64,
    /// The setting that asks for it; none = it had the number before.
    pub setting: Option<String>,
    /// What it is used with.
    pub protocols: Protocols,
}

/// The numbers that are asked for or remembered; ports that may get any number have none.
pub fn wishes(mesh: &Mesh, remembered: &Ports) -> Vec<Wish> {
    let claims = claims(mesh, remembered);
    let first = first_of_each(&claims);
    let wish = |claim: &Claim| {
        let instance = mesh.instances.get(&claim.id.instance)?;
        let (setting, number) = match asked_for(instance, claim, &first) {
            Some((setting, number)) => (Some(setting), number),
            None => (None, remembered.get(&claim.id)?.into()),
        };
        let (port, protocols) = (claim.shown.clone(), protocols(claim));
        Some(Wish { instance: instance.name.clone(), port, listen: listen(instance), number, setting, protocols })
    };
    claims.iter().filter_map(wish).collect()
}

struct Allocation<'a> {
    claimed: &'a Claims<'a>,
    machine: &'a dyn Machine,
    /// The first port of each instance.
    first: BTreeMap<String, PortId>,
    /// Numbers given in this round, with the instance that has each.
    given: BTreeMap<u16, String>,
    ports: Ports,
    moved: Vec<Moved>,
    found: Vec<Diagnostic>,
}

impl Allocation<'_> {
    fn instance(&self, claim: &Claim) -> &Instance {
        &self.claimed.mesh.instances[&claim.id.instance]
    }

    fn asked_for(&self, claim: &Claim) -> Option<(String, u64)> {
        asked_for(self.instance(claim), claim, &self.first)
    }

    fn give(&mut self, claim: &Claim) {
        let listen = listen(self.instance(claim));
        let number = match self.asked_for(claim) {
            Some((setting, number)) => self.exactly(claim, &setting, number, &listen),
            None => self.any(claim, &listen),
        };
        if let Some(number) = number {
            self.given.insert(number, claim.id.instance.clone());
            self.ports.insert(claim.id.clone(), number);
        }
    }

    fn exactly(&mut self, claim: &Claim, setting: &str, number: u64, listen: &str) -> Option<u16> {
        let instance = self.instance(claim);
        let at = instance.place_of(setting).clone();
        let name = instance.name.clone();
        let Some(port) = u16::try_from(number).ok().filter(|port| *port > 0) else {
            let message = format!("setting `{setting}` of `{name}` is {number}, which is no port number");
            let wrong = Diagnostic::error(at, message).coded(Code::SettingValue);
            self.found.push(wrong.with_hint("port numbers go from 1 to 65535"));
            return None;
        };
        let Some(why) = self.refused(claim, port, listen) else { return Some(port) };
        let message = format!("port {port}, which setting `{setting}` of `{name}` asks for, {why}");
        let hint = format!(
            "free it, ask for another one (`resilmesh configure {name} -c {setting}=NUMBER`), or take the setting out to get a free one"
        );
        self.found.push(Diagnostic::error(at, message).coded(Code::Configuration).with_hint(hint));
        None
    }

    fn any(&mut self, claim: &Claim, listen: &str) -> Option<u16> {
        let remembered = self.claimed.remembered.get(&claim.id);
        // Why the number that it should have is not to be had.
        let mut refused = None;
        for number in remembered.into_iter().chain([claim.default]) {
            match self.refused(claim, number, listen) {
                None => {
                    self.note_move(claim, refused, number);
                    return Some(number);
                }
                Some(why) => drop(refused.get_or_insert((number, why))),
            }
        }
        let other = (0..100).find_map(|_| {
            self.machine.any_free(listen, protocols(claim)).filter(|number| !self.given.contains_key(number))
        });
        if other.is_none() {
            let instance = self.instance(claim);
            let message =
                format!("`{}` gets no port for `{}`: it cannot listen on `{listen}`", instance.name, claim.shown);
            let hint = "setting `listen` must be an address of this machine, such as 127.0.0.1 or 0.0.0.0";
            let wrong = Diagnostic::error(instance.place_of("listen").clone(), message).coded(Code::Configuration);
            self.found.push(wrong.with_hint(hint));
        }
        if let Some(number) = other {
            self.note_move(claim, refused, number);
        }
        other
    }

    fn note_move(&mut self, claim: &Claim, refused: Option<(u16, String)>, to: u16) {
        let Some((from, why)) = refused else { return };
        let is_known = self.claimed.remembered.get(&claim.id).is_some();
        // That instances of one mesh share out the numbers between them is nothing that anybody has to know.
        if !is_known && self.given.contains_key(&from) {
            return;
        }
        let (instance, port) = (claim.id.instance.clone(), claim.shown.clone());
        self.moved.push(Moved { instance, port, from, is_known, why, to });
    }

    /// Why a number cannot be had; none = it can.
    fn refused(&self, claim: &Claim, number: u16, listen: &str) -> Option<String> {
        if let Some(other) = self.given.get(&number) {
            return Some(format!("is taken by instance `{other}`"));
        }
        match self.can_have(claim, number, listen) {
            Ok(()) => None,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let holder = self.machine.holder(number).unwrap_or_else(|| "somebody else".to_owned());
                Some(format!("is taken by {holder}"))
            }
            Err(error) => Some(format!("cannot be listened on at `{listen}`: {error}")),
        }
    }

    fn can_have(&self, claim: &Claim, number: u16, listen: &str) -> io::Result<()> {
        match self.claimed.held.get(&claim.id.instance) {
            Some(held) if held.contains(&number) => Ok(()),
            _ => self.machine.can_listen(listen, number, protocols(claim)),
        }
    }
}

/// A port that a plug needs may be reached by TCP and by UDP.
fn protocols(claim: &Claim) -> Protocols {
    if claim.id.plug.is_some() { Protocols::TcpAndUdp } else { Protocols::Tcp }
}
