//! Names that are different for people and the same for machines: characters that component names
//! cannot have become `_`.

use std::collections::HashMap;

use super::model::Mesh;
use crate::project::code::Code;
use crate::project::names;
use crate::project::position::Diagnostic;

/// Finds instances, topics and plugs whose names become the same.
pub(super) fn check(mesh: &Mesh, found: &mut Vec<Diagnostic>) {
    let mut instances: HashMap<String, String> = HashMap::new();
    let all = mesh.instances.values().flat_map(|own| own.service_names().map(move |name| (own, name)));
    for (instance, name) in all {
        let id = names::id(&name);
        if let Some(other) = instances.insert(id.clone(), name.clone()) {
            let what = if names::number_of(&name).max(names::number_of(&other)) > 1 { "services" } else { "instances" };
            let message = format!("{what} `{other}` and `{name}` both become `{id}` in names of components");
            let clash = Diagnostic::error(instance.at.clone(), message).coded(Code::NamesClash);
            found.push(clash.with_hint("rename one of them"));
        }
    }
    let mut topics: HashMap<String, &str> = HashMap::new();
    let mut components: HashMap<(String, String), String> = HashMap::new();
    for plug in &mesh.plugs {
        let topic = names::id(&plug.id.topic);
        if let Some(other) = topics.insert(topic.clone(), &plug.id.topic)
            && other != plug.id.topic
        {
            let message =
                format!("topics `{other}` and `{}` both become `{topic}` in names of components", plug.id.topic);
            let clash = Diagnostic::error(plug.at.clone(), message).coded(Code::NamesClash);
            found.push(clash.with_hint("rename one of them"));
            topics.insert(topic.clone(), other);
            continue;
        }
        let ends = [(&plug.source, "out", &plug.id.destination), (&plug.destination, "in", &plug.id.source)];
        for (end, direction, peer) in ends {
            if end.capability.renders.is_empty() {
                continue;
            }
            let component = format!("{direction}_{topic}__{}", names::id(peer));
            let key = (end.instance.clone(), component);
            if let Some(other) = components.get(&key) {
                let message =
                    format!("plugs `{other}` and `{}` both make components `{}` in `{}`", plug.id, key.1, end.instance);
                found.push(
                    Diagnostic::error(plug.at.clone(), message)
                        .coded(Code::NamesClash)
                        .with_hint("rename the topic or the instance, or take one of them out"),
                );
            } else {
                components.insert(key, plug.id.to_string());
            }
        }
    }
}
