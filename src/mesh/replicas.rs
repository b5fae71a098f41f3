//! Which instances can have several like services: each event goes to one of them, whichever it is. Who
//! listens on a port, reads a file or keeps something is one; what a product knows of itself, it says.

use std::borrow::Cow;

use minijinja::Environment;

use super::cautions;
use super::compile::declared_by;
use super::model::{Instance, Mesh, Plug, Replicas, Setting};
use super::settings;
use crate::project::code::Code;
use crate::project::load::ProjectFiles;
use crate::project::position::{Diagnostic, Position};

/// Says at the line of `replicas` of an instance why it cannot have several, in every profile.
pub(super) fn check(mesh: &Mesh, files: &ProjectFiles, found: &mut Vec<Diagnostic>) {
    let plugs = mesh.plugs_by_instance();
    let of = |name: &str| plugs.get(name).map_or(&[][..], Vec::as_slice);
    for instance in mesh.instances.values() {
        found.extend(one(mesh, instance, of(&instance.name)));
    }
    for (profile, written) in files.profiles.iter().filter(|(name, _)| files.profile.as_ref() != Some(name)) {
        for name in written.instances.keys() {
            if let Some(instance) = in_profile(mesh, files, profile, name) {
                found.extend(one(mesh, &instance, of(name)));
            }
        }
    }
}

/// An instance as it is in another profile, if that one says how many services it has.
fn in_profile(mesh: &Mesh, files: &ProjectFiles, profile: &str, name: &str) -> Option<Instance> {
    let profile = files.profiles.get(profile)?;
    let over = profile.instances.get(name)?;
    let replicas = over.replicas.as_ref()?;
    let written = files.instances.iter().find(|written| written.name == name)?;
    let own = mesh.instances.get(name)?;
    let product = mesh.product_of(own);
    let declared: Vec<&Setting> = product.settings.iter().collect();
    // What is wrong with its settings is told by itself.
    let settings = settings::resolve_over(
        &declared_by(product, &declared),
        &written.settings,
        &written.at.file,
        Some((&over.settings, &profile.path)),
        &mut Vec::new(),
    );
    let at = Some(Position::new(&profile.path, replicas.at));
    Some(Instance { settings, replicas: Replicas { number: replicas.value, at }, ..own.clone() })
}

fn one(mesh: &Mesh, instance: &Instance, plugs: &[&Plug]) -> Option<Diagnostic> {
    let Replicas { number: 2.., at: Some(at) } = &instance.replicas else { return None };
    match why_not(mesh, instance, plugs)? {
        Why::Refused(because) => {
            let message = format!("`{}` cannot have {} replicas: {because}", instance.name, instance.replicas.number);
            let hint = "take `replicas` out; work is shared by instances that take their events from a broker";
            Some(Diagnostic::error(at.clone(), message).coded(Code::Replicas).with_hint(hint))
        }
        Why::Broken(wrong) => Some(wrong),
    }
}

/// Why an instance cannot have several services.
enum Why<'a> {
    Refused(Cow<'a, str>),
    /// It cannot be told: an expression of the product does not work.
    Broken(Diagnostic),
}

fn why_not<'a>(mesh: &'a Mesh, instance: &Instance, plugs: &[&Plug]) -> Option<Why<'a>> {
    let product = mesh.product_of(instance);
    let refused = |because: String| Some(Why::Refused(because.into()));
    let Some(service) = &product.service else {
        return refused(format!("nothing is run for it, since product `{}` has no service", product.name));
    };
    let Some(replication) = &service.replicas else {
        return refused(format!("product `{}` does not say that its services can share work", product.name));
    };
    let (environment, seen) = (Environment::new(), cautions::seen(mesh, instance, plugs));
    for unless in &replication.unless {
        let Some(when) = &unless.when else { return Some(Why::Refused((&unless.because).into())) };
        // One that does not parse is reported with its product.
        let Ok(when) = environment.compile_expression(when) else { continue };
        match when.eval(&seen) {
            Ok(holds) if holds.is_true() => return Some(Why::Refused((&unless.because).into())),
            Ok(_) => {}
            Err(error) => {
                let message = format!("`when` cannot be evaluated for `{}`: {error}", instance.name);
                return Some(Why::Broken(Diagnostic::error(unless.at.clone(), message).coded(Code::Template)));
            }
        }
    }
    let port = service.ports.keys().next().cloned().or_else(|| port_of_plug(instance, plugs))?;
    refused(format!("it listens on port `{port}`, which only one can have"))
}

/// A port that an instance has for one of its plugs.
fn port_of_plug(instance: &Instance, plugs: &[&Plug]) -> Option<String> {
    let ends = plugs.iter().flat_map(|plug| [&plug.source, &plug.destination]);
    let own = ends.filter(|end| end.instance == instance.name);
    own.flat_map(|end| end.capability.ports.keys()).next().cloned()
}
