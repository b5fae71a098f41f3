//! What is allowed but may not be meant: cautions that products declare, and instances that
//! nothing is plugged to.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, context};

use super::model::{Instance, Mesh, Plug};
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::position::Diagnostic;

/// Warns of what the products of the instances want to have said, and of idle tenants.
pub(super) fn check(mesh: &Mesh, files: &ProjectFiles, found: &mut Vec<Diagnostic>) {
    let mut plugs: BTreeMap<&str, Vec<&Plug>> = BTreeMap::new();
    for plug in &mesh.plugs {
        for end in BTreeSet::from([plug.id.source.as_str(), &plug.id.destination]) {
            plugs.entry(end).or_default().push(plug);
        }
    }
    // As written: a plug with a mistake is a plug all the same.
    let plugged: BTreeSet<&str> =
        files.plugs.iter().flat_map(|plug| [plug.id.source.as_str(), &plug.id.destination]).collect();
    for instance in mesh.instances.values() {
        let own = plugs.get(instance.name.as_str()).map_or(&[][..], Vec::as_slice);
        if !plugged.contains(instance.name.as_str()) && mesh.product_of(instance).service.is_none() {
            let message = format!("nothing is plugged to `{}`", instance.name);
            found.push(
                Diagnostic::warning(instance.at.clone(), message)
                    .with_hint("`resilmesh plug TOPIC SOURCE DESTINATION` connects it"),
            );
        }
        declared(mesh, instance, own, found);
    }
}

fn declared(mesh: &Mesh, instance: &Instance, plugs: &[&Plug], found: &mut Vec<Diagnostic>) {
    let product = mesh.product_of(instance);
    if product.cautions.is_empty() {
        return;
    }
    let plugs: Vec<minijinja::Value> = plugs.iter().map(|plug| describe(mesh, instance, plug)).collect();
    let settings = &instance.settings;
    let context = context! {
        settings,
        instance => context! { name => instance.name, id => names::id(&instance.name), product => instance.product, settings, plugs },
    };
    let environment = Environment::new();
    for caution in &product.cautions {
        // One that does not parse is reported with its product.
        let Ok(when) = environment.compile_expression(&caution.when) else { continue };
        match when.eval(&context) {
            Ok(value) if value.is_true() => {
                let message = format!("`{}`: {}", instance.name, caution.message);
                found.push(Diagnostic::warning(instance.at.clone(), message));
            }
            Ok(_) => {}
            Err(error) => {
                let message = format!("`when` cannot be evaluated for `{}`: {error}", instance.name);
                found.push(Diagnostic::error(caution.at.clone(), message));
            }
        }
    }
}

fn describe(mesh: &Mesh, instance: &Instance, plug: &Plug) -> minijinja::Value {
    let out = plug.id.source == instance.name;
    let peer = if out { &plug.id.destination } else { &plug.id.source };
    let product = mesh.instances.get(peer).map(|peer| peer.product.as_str());
    context! {
        topic => plug.id.topic,
        mode => plug.id.mode.word(),
        format => plug.format,
        direction => if out { "out" } else { "in" },
        peer => context! { name => peer, product },
    }
}
