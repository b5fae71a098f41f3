//! `resilmesh show INSTANCE`: what it is, and how a program of one's own uses it.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::mesh::model::{Instance, Mesh, Plug};
use crate::plan::journal::{self, Journal};
use crate::plan::paths::StateFolder;
use crate::plan::ports::{self, Ports};
use crate::plan::trouble::Trouble;
use crate::project::names;

/// Prints an instance, or with what it connects to the buses that it is plugged to.
///
/// # Errors
/// When the project has mistakes, or it has no credentials.
pub(super) fn run(cx: &Context, name: &str, with_credentials: bool) -> Result<(), Failure> {
    let (project, mesh) = cx.mesh()?;
    let instance = mesh.instances.get(name).ok_or_else(|| Failure::new(format!("there is no instance `{name}`")))?;
    let state = StateFolder::of(&project);
    let ports = Ports::load(&state.ports()).map_err(|error| Trouble::io(&state.ports(), &error))?;
    if with_credentials {
        return credentials(cx, &mesh, instance, &state, &ports);
    }
    let journal = Journal::load(&state.journal()).map_err(Trouble::from)?;
    show(cx, &mesh, instance, &ports, &journal);
    Ok(())
}

fn plugs<'a>(mesh: &'a Mesh, instance: &'a Instance) -> impl Iterator<Item = &'a Plug> {
    mesh.plugs.iter().filter(|plug| plug.id.source == instance.name || plug.id.destination == instance.name)
}

fn show(cx: &Context, mesh: &Mesh, instance: &Instance, ports: &Ports, journal: &Journal) {
    let states = journal::plug_states(mesh, journal);
    let plugs: Vec<Value> = plugs(mesh, instance)
        .map(|plug| {
            json!({
                "source": plug.id.source, "destination": plug.id.destination, "topic": plug.id.topic,
                "mode": plug.id.mode, "format": plug.format, "state": states.get(&plug.id),
            })
        })
        .collect();
    let numbers = ports.shown(mesh, &instance.name);
    if cx.ui.json {
        cx.ui.document(&json!({
            "schema": 1, "instance": instance.name, "product": instance.product, "zone": instance.zone,
            "settings": instance.settings, "ports": numbers, "plugs": plugs,
        }));
        return;
    }
    cx.ui.line(format!("{} ({})", instance.name, instance.product));
    if let Some(zone) = &instance.zone {
        cx.ui.line(format!("  in zone {zone}"));
    }
    for (name, value) in instance.settings.iter().filter(|(_, value)| !value.is_null()) {
        cx.ui.line(format!("  {name}: {value}"));
    }
    for (name, number) in numbers {
        cx.ui.line(format!("  port {name}: {number}"));
    }
    for plug in self::plugs(mesh, instance) {
        cx.ui.line(format!("  plug {}", plug.id));
    }
}

/// A bus that an instance connects to: one with a port `client` and a password of the instance.
fn credentials(
    cx: &Context,
    mesh: &Mesh,
    instance: &Instance,
    state: &StateFolder,
    ports: &Ports,
) -> Result<(), Failure> {
    let id = names::id(&instance.name);
    let mut found = Vec::new();
    for bus in plugs(mesh, instance).flat_map(|plug| [&plug.id.source, &plug.id.destination]) {
        let Some(number) = ports.of_service(bus, "client") else { continue };
        let file = state.secrets().join(&id).join(format!("{}_password", names::id(bus)));
        if *bus == instance.name || !file.is_file() || found.iter().any(|(known, _, _)| known == bus) {
            continue;
        }
        let listen = mesh.instances.get(bus).and_then(|bus| bus.settings.get("listen"));
        found.push((bus.clone(), format!("nats://{}", ports::reach(listen, number)), file));
    }
    if found.is_empty() {
        return Err(Failure::new(format!("`{}` has no credentials", instance.name))
            .hint("plug it to a bus (`resilmesh plug TOPIC BUS INSTANCE -m pull`), then `resilmesh up` makes them"));
    }
    let shared = instance.settings.get("inbox").and_then(Value::as_str) == Some("shared");
    let inbox = if shared { "_INBOX".to_owned() } else { format!("_INBOX_{id}") };
    print(cx, instance, &found, &inbox, plugs(mesh, instance).collect());
    Ok(())
}

fn print(
    cx: &Context,
    instance: &Instance,
    found: &[(String, String, std::path::PathBuf)],
    inbox: &str,
    plugs: Vec<&Plug>,
) {
    let id = names::id(&instance.name);
    let takes = |bus: &str| -> Vec<&Plug> { plugs.iter().filter(|plug| plug.id.source == bus).copied().collect() };
    let gives = |bus: &str| -> Vec<&str> {
        plugs.iter().filter(|plug| plug.id.destination == bus).map(|plug| plug.id.topic.as_str()).collect()
    };
    let one = |(bus, url, file): &(String, String, std::path::PathBuf)| {
        let consumers: Vec<Value> = takes(bus)
            .iter()
            .map(|plug| json!({"subject": plug.id.topic, "stream": names::id(&plug.id.topic), "consumer": id}))
            .collect();
        json!({
            "bus": bus, "url": url, "user": instance.name, "password_file": shown(file), "inbox_prefix": inbox,
            "takes": consumers, "publishes": gives(bus),
        })
    };
    let all: Vec<Value> = found.iter().map(one).collect();
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "instance": instance.name, "credentials": all}));
        return;
    }
    for (bus, url, file) in found {
        cx.ui.line(format!("{bus}:"));
        cx.ui.line(format!("  url: {url}"));
        cx.ui.line(format!("  user: {}", instance.name));
        cx.ui.line(format!("  password file: {}", shown(file)));
        cx.ui.line(format!("  inbox prefix: {inbox}"));
        for plug in takes(bus) {
            let stream = names::id(&plug.id.topic);
            cx.ui.line(format!("  takes {}: subject {0}, stream {stream}, durable consumer {id}", plug.id.topic));
        }
        for topic in gives(bus) {
            cx.ui.line(format!("  publishes: subject {topic}"));
        }
    }
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
