//! What of a project can be brought up although something else in it is wrong. Pure.
//!
//! A mistake stands in a file, and the file says whom it concerns: an instance, a plug, a product, or
//! everything. What is managed is rendered from all of its plugs, so that a mistake in one of them
//! concerns it, and whatever it is plugged to; a tenant's plugs have nothing to do with one another.

use std::collections::BTreeSet;
use std::path::Path;

use super::compile::compile_used;
use super::model::{Mesh, PlugId};
use crate::project::load::{CONFIG, INSTANCES, PRODUCTS, ProjectFiles};
use crate::project::position::{Diagnostic, Severity};

/// A mesh without what is wrong.
#[derive(Debug)]
pub struct Sound {
    /// What is left.
    pub mesh: Mesh,
    /// Everything that was found, as warnings.
    pub found: Vec<Diagnostic>,
    /// What is not in the mesh, and so is to stay as it is.
    pub left_out: LeftOut,
}

/// What a mesh was compiled without.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Instances.
    pub instances: BTreeSet<String>,
    /// Plugs.
    pub plugs: BTreeSet<PlugId>,
}

/// The mesh without what is wrong, if nothing of that concerns these instances or plugs.
pub fn around(files: &ProjectFiles, named: &[&str], wanted: impl Fn(&PlugId) -> bool) -> Option<Sound> {
    let found = match compile_used(files) {
        Ok((mesh, found)) => return Some(Sound { mesh, found, left_out: LeftOut::default() }),
        Err(found) => found,
    };
    let touched = Touched::by(files, named, wanted);
    let mut left = files.clone();
    left.found.retain(|found| !found.is_error());
    let mut gone: BTreeSet<String> = std::mem::take(&mut left.unreadable);
    for error in found.iter().filter(|found| found.is_error()) {
        match Concern::of(error)? {
            Concern::Product(product) => {
                let of_it = files.instances.iter().filter(|own| own.product == product);
                gone.extend(of_it.map(|own| own.name.clone()));
            }
            Concern::Instance(name) => {
                gone.insert(name.to_owned());
            }
            Concern::Plug { source, destination, file } => {
                let written = files.plugs.iter().find(|plug| plug.at.file == file);
                let is_wanted = written.is_some_and(|plug| touched.plugs.contains(&plug.id));
                if is_wanted || touched.managed.contains(source) || touched.managed.contains(destination) {
                    return None;
                }
                left.plugs.retain(|plug| plug.at.file != file);
            }
        }
    }
    if gone.iter().any(|name| touched.instances.contains(name.as_str())) {
        return None;
    }
    left.instances.retain(|own| !gone.contains(&own.name));
    left.plugs.retain(|plug| !gone.contains(&plug.id.source) && !gone.contains(&plug.id.destination));
    let (mesh, _) = compile_used(&left).ok()?;
    let instances = files.instances.iter().map(|own| &own.name).chain(&files.unreadable);
    let left_out = LeftOut {
        instances: instances.filter(|name| !mesh.instances.contains_key(*name)).cloned().collect(),
        plugs: (files.plugs.iter().map(|plug| &plug.id))
            .filter(|id| !mesh.plugs.iter().any(|plug| plug.id == **id))
            .cloned()
            .collect(),
    };
    let as_warning = |found: Diagnostic| Diagnostic { severity: Severity::Warning, ..found };
    Some(Sound { mesh, found: found.into_iter().map(as_warning).collect(), left_out })
}

/// What a part of a mesh has to do with.
struct Touched<'a> {
    plugs: BTreeSet<&'a PlugId>,
    instances: BTreeSet<&'a str>,
    /// Those of the instances that are managed.
    managed: BTreeSet<&'a str>,
}

impl<'a> Touched<'a> {
    fn by(files: &'a ProjectFiles, named: &[&'a str], wanted: impl Fn(&PlugId) -> bool) -> Self {
        let plugs: BTreeSet<&PlugId> = files.plugs.iter().map(|plug| &plug.id).filter(|id| wanted(id)).collect();
        let is_managed = |name: &str| {
            let own = files.instances.iter().filter(|own| own.name == name);
            own.filter_map(|own| files.products.get(&own.product)).any(|product| product.service.is_some())
        };
        let mut next: Vec<&str> = named.to_vec();
        next.extend(plugs.iter().flat_map(|id| [id.source.as_str(), id.destination.as_str()]));
        let (mut instances, mut managed) = (BTreeSet::new(), BTreeSet::new());
        while let Some(name) = next.pop() {
            if instances.insert(name) && is_managed(name) {
                managed.insert(name);
                let own = files.plugs.iter().map(|plug| &plug.id);
                let own = own.filter(|id| id.source == name || id.destination == name);
                next.extend(own.flat_map(|id| [id.source.as_str(), id.destination.as_str()]));
            }
        }
        Self { plugs, instances, managed }
    }
}

/// Whom a mistake concerns, by the file that it stands in.
enum Concern<'a> {
    Product(&'a str),
    Instance(&'a str),
    Plug { source: &'a str, destination: &'a str, file: &'a Path },
}

impl<'a> Concern<'a> {
    /// None if everything is concerned.
    fn of(error: &'a Diagnostic) -> Option<Self> {
        let file = &error.at.as_ref()?.file;
        let parts: Vec<&str> = file.iter().map(|part| part.to_str()).collect::<Option<_>>()?;
        match parts[..] {
            [PRODUCTS, product, _, ..] => Some(Self::Product(product)),
            [INSTANCES, _, name, CONFIG] => Some(Self::Instance(name)),
            [INSTANCES, _, source, "plugs", destination, _] => Some(Self::Plug { source, destination, file }),
            _ => None,
        }
    }
}
