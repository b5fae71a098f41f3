//! Secrets that a mesh wants: what they are called in the vault, and who wants them.
//!
//! The names are Meshroom's: `<product>_<instance>_<key>` for an instance,
//! `<source>_<destination>_<topic>_<mode>_<key>` for a plug.

use std::collections::HashMap;
use std::fmt;

use super::model::{End, Instance, Integration, Mesh, Plug, PlugId, Setting};
use crate::project::code::Code;
use crate::project::position::{Diagnostic, Position};

/// Who wants a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// An instance.
    Instance(String),
    /// A plug.
    Plug(PlugId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(name) => write!(f, "instance `{name}`"),
            Self::Plug(id) => write!(f, "plug `{id}`"),
        }
    }
}

/// A secret that somebody has to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in the vault.
    pub name: String,
    /// Who wants it.
    pub owner: Owner,
    /// The setting that it is the value of.
    pub key: String,
    /// Nothing works without it.
    pub required: bool,
    /// It does not say that it need not be there.
    pub expected: bool,
    /// For people.
    pub description: Option<String>,
    /// Where its owner is declared.
    pub at: Position,
}

/// The name of a secret of an instance.
pub fn name_of_instance(product: &str, instance: &str, key: &str) -> String {
    format!("{product}_{instance}_{key}")
}

/// The name of a secret of a plug.
pub fn name_of_plug(plug: &PlugId, key: &str) -> String {
    format!("{}_{}_{}_{}_{key}", plug.source, plug.destination, plug.topic, plug.mode.word())
}

/// All secrets that a mesh wants, by name. Two ends of a plug that want one key share the secret.
pub fn wanted(mesh: &Mesh) -> Vec<Wanted> {
    let of_instances = mesh.instances.values().flat_map(|instance| of_instance(mesh, instance));
    let of_plugs = mesh.plugs.iter().flat_map(|plug| of_plug(mesh, plug));
    let mut all: Vec<Wanted> = of_instances.chain(of_plugs).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all.dedup_by(|a, b| a.name == b.name && a.owner == b.owner);
    all
}

fn of_instance<'a>(mesh: &'a Mesh, instance: &'a Instance) -> impl Iterator<Item = Wanted> {
    secret(&mesh.product_of(instance).settings).map(|setting| Wanted {
        name: name_of_instance(&instance.product, &instance.name, &setting.name),
        owner: Owner::Instance(instance.name.clone()),
        key: setting.name.clone(),
        required: setting.required,
        expected: setting.is_expected_secret(),
        description: setting.description.clone(),
        at: instance.at.clone(),
    })
}

fn of_plug<'a>(mesh: &'a Mesh, plug: &'a Plug) -> impl Iterator<Item = Wanted> {
    let ends = [(&plug.source, &plug.destination), (&plug.destination, &plug.source)];
    let integrations = ends.into_iter().filter_map(|(end, peer)| integration(mesh, plug, end, peer));
    integrations.flat_map(|integration| secret(&integration.settings)).map(|setting| Wanted {
        name: name_of_plug(&plug.id, &setting.name),
        owner: Owner::Plug(plug.id.clone()),
        key: setting.name.clone(),
        required: setting.required,
        expected: setting.is_expected_secret(),
        description: setting.description.clone(),
        at: plug.at.clone(),
    })
}

/// The integration that a product has of its own for this end.
pub fn integration<'a>(mesh: &'a Mesh, plug: &Plug, end: &End, peer: &End) -> Option<&'a Integration> {
    let (own, peer) = (mesh.instances.get(&end.instance)?, mesh.instances.get(&peer.instance)?);
    mesh.product_of(own).integrations.iter().find(|integration| {
        integration.target == peer.product
            && integration.role == end.role
            && integration.mode == plug.id.mode
            && integration.topic.as_ref().is_none_or(|topic| *topic == plug.id.topic)
    })
}

fn secret(settings: &[Setting]) -> impl Iterator<Item = &Setting> {
    settings.iter().filter(|setting| setting.secret)
}

/// Finds secrets of different owners that would have one name.
pub(super) fn check(mesh: &Mesh, found: &mut Vec<Diagnostic>) {
    let mut owners: HashMap<String, Owner> = HashMap::new();
    for wanted in wanted(mesh) {
        if let Some(other) = owners.insert(wanted.name.clone(), wanted.owner.clone()) {
            let message = format!("{other} and {} both want the secret `{}`", wanted.owner, wanted.name);
            let clash = Diagnostic::error(wanted.at, message).coded(Code::NamesClash);
            found.push(clash.with_hint("rename one of them"));
        }
    }
}
