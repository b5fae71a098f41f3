//! What is allowed but may not be meant: cautions that products declare, instances that nothing is
//! plugged to, plugs that do nothing.

use std::collections::{BTreeSet, HashMap};

use minijinja::{Environment, context};

use super::model::{HookKind, Instance, Mesh, Plug};
use crate::project::code::Code;
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::position::Diagnostic;

/// The hooks by which something comes of a plug.
const AT_PLUGS: [HookKind; 6] =
    [HookKind::Setup, HookKind::Teardown, HookKind::Produce, HookKind::Watch, HookKind::Trigger, HookKind::Execute];

/// Warns of what the products of the instances want to have said, and of idle tenants.
pub(super) fn check(mesh: &Mesh, files: &ProjectFiles, found: &mut Vec<Diagnostic>) {
    let plugs = mesh.plugs_by_instance();
    // As written: a plug with a mistake is a plug all the same.
    let plugged: BTreeSet<&str> =
        files.plugs.iter().flat_map(|plug| [plug.id.source.as_str(), &plug.id.destination]).collect();
    for instance in mesh.instances.values() {
        let own = plugs.get(instance.name.as_str()).map_or(&[][..], Vec::as_slice);
        if !plugged.contains(instance.name.as_str()) && mesh.product_of(instance).service.is_none() {
            let message = format!("nothing is plugged to `{}`", instance.name);
            found.push(
                Diagnostic::warning(instance.at.clone(), message)
                    .coded(Code::Unplugged)
                    .with_hint("`resilmesh plug TOPIC SOURCE DESTINATION` connects it"),
            );
        }
        declared(mesh, instance, own, found);
    }
    same_results(mesh, &plugs, found);
}

/// Warns of services that work side by side on the same events and give to the same topic: what each makes of an event
/// has the event's id, so that the bus keeps one of them only.
fn same_results<'a>(mesh: &'a Mesh, plugs: &HashMap<&str, Vec<&'a Plug>>, found: &mut Vec<Diagnostic>) {
    let mut known: HashMap<(&str, &str, &str), &Instance> = HashMap::new();
    for instance in mesh.instances.values().filter(|own| mesh.product_of(own).outgoing_topics == Some(1)) {
        let own = plugs.get(instance.name.as_str()).map_or(&[][..], Vec::as_slice);
        let taken = own.iter().find(|plug| plug.id.destination == instance.name);
        let given = own.iter().find(|plug| plug.id.source == instance.name);
        let Some((taken, given)) = taken.zip(given).filter(|(taken, given)| taken.id.source == given.id.destination)
        else {
            continue;
        };
        let way = (taken.id.source.as_str(), taken.id.topic.as_str(), given.id.topic.as_str());
        if let Some(other) = known.insert(way, instance) {
            let message = format!(
                "`{}` and `{}` both make `{}` of `{}`: of each event the bus keeps the result that comes first, since both \
                 have its id",
                other.name, instance.name, way.2, way.1
            );
            let hint = "one behind the other, both work on it: let the first give to a topic of its own, and the second take that";
            found.push(Diagnostic::warning(given.at.clone(), message).coded(Code::Module).with_hint(hint));
        }
    }
}

/// Plugs of which nothing comes. Only `check` tells: they are there while a product is being made.
pub fn without_effect(mesh: &Mesh) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for plug in mesh.plugs.iter().filter(|plug| !has_effect(mesh, plug)) {
        let message = format!("plug `{}` does nothing: neither end is a service, and no hook is for it", plug.id);
        let of = |instance: &str| mesh.instances.get(instance).map_or("", |own| own.product.as_str());
        let owner = plug.owner.as_ref().unwrap_or(&plug.id.source);
        let hint = format!("a setup hook of product `{}` makes it do something: `resilmesh create hook`", of(owner));
        found.push(Diagnostic::warning(plug.at.clone(), message).coded(Code::NoEffect).with_hint(hint));
    }
    found
}

/// Whether something comes of a plug: a service is at one of its ends, or a hook is called for it.
fn has_effect(mesh: &Mesh, plug: &Plug) -> bool {
    [&plug.source, &plug.destination].into_iter().any(|end| {
        let service = mesh.instances.get(&end.instance).is_some_and(|own| mesh.product_of(own).service.is_some());
        service || AT_PLUGS.iter().any(|kind| !mesh.hooks_at(plug, end, *kind).is_empty())
    })
}

fn declared(mesh: &Mesh, instance: &Instance, plugs: &[&Plug], found: &mut Vec<Diagnostic>) {
    let product = mesh.product_of(instance);
    if product.cautions.is_empty() {
        return;
    }
    let context = seen(mesh, instance, plugs);
    let environment = Environment::new();
    for caution in &product.cautions {
        // One that does not parse is reported with its product.
        let Ok(when) = environment.compile_expression(&caution.when) else { continue };
        match when.eval(&context) {
            Ok(value) if value.is_true() => {
                let message = format!("`{}`: {}", instance.name, caution.message);
                found.push(Diagnostic::warning(instance.at.clone(), message).coded(Code::Caution));
            }
            Ok(_) => {}
            Err(error) => {
                let message = format!("`when` cannot be evaluated for `{}`: {error}", instance.name);
                found.push(Diagnostic::error(caution.at.clone(), message).coded(Code::Template));
            }
        }
    }
}

/// What expressions of a product see of an instance.
pub(super) fn seen(mesh: &Mesh, instance: &Instance, plugs: &[&Plug]) -> minijinja::Value {
    let plugs: Vec<minijinja::Value> = plugs.iter().map(|plug| describe(mesh, instance, plug)).collect();
    let settings = &instance.settings;
    context! {
        settings,
        instance => context! { name => instance.name, id => names::id(&instance.name), product => instance.product, settings, plugs },
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
