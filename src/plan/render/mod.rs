//! Configuration files of the services, from templates of their products. Pure over the mesh, the
//! ports and the generated passwords.

mod context;
mod environment;
pub mod limits;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use self::context::Contexts;
use self::environment::{Stop, Templates};
use self::limits::{Doing, Limits};
use super::keyed::Key;
use super::ports::Ports;
use super::secrets::Secrets;
use crate::mesh::model::{Instance, Into, Mesh, Plug, PlugId, Render};
use crate::project::code::Code;
use crate::project::position::{Diagnostic, Mark, Position};

/// The files of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// Contents by path below the instance's rendered folder.
    pub files: BTreeMap<String, String>,
    /// Why the instance cannot run yet, such as a pipeline into which nothing is plugged.
    pub incomplete: Option<String>,
}

impl Files {
    /// Digest of paths and contents, of which secrets are a part.
    pub fn digest(&self, key: &Key) -> String {
        key.files(self.files.iter().map(|(path, content)| (path.as_str(), content.as_bytes())))
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files of all managed instances, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    /// Files by instance.
    pub instances: BTreeMap<String, Files>,
    /// The plugs that a file of an instance is for, by instance and path; no entry = none in particular.
    pub of_plugs: BTreeMap<(String, String), BTreeSet<PlugId>>,
}

/// Renders the files of all services.
///
/// # Errors
/// All that is wrong with the templates, or that they find wrong with the mesh.
pub fn render(mesh: &Mesh, ports: &Ports, secrets: &Arc<Secrets>) -> Result<Rendered, Vec<Diagnostic>> {
    render_within(Limits::default(), mesh, ports, secrets)
}

/// As [`render`], within other limits.
///
/// # Errors
/// As [`render`].
pub fn render_within(
    limits: Limits,
    mesh: &Mesh,
    ports: &Ports,
    secrets: &Arc<Secrets>,
) -> Result<Rendered, Vec<Diagnostic>> {
    let doing = Doing::default();
    let (mesh, ports, secrets, noted) = (mesh.clone(), ports.clone(), secrets.clone(), doing.clone());
    limits::within(limits, &doing, move || all(&mesh, &ports, &secrets, limits, noted))
}

fn all(
    mesh: &Mesh,
    ports: &Ports,
    secrets: &Arc<Secrets>,
    limits: Limits,
    doing: Doing,
) -> Result<Rendered, Vec<Diagnostic>> {
    let mut round = Round {
        templates: Templates::new(mesh, ports, secrets, limits),
        contexts: Contexts::new(mesh, ports),
        peers: peers(mesh),
        doing,
        rendered: Rendered::default(),
        found: Vec::new(),
        refused: Vec::new(),
    };
    for (instance, service) in mesh.services() {
        round.rendered.instances.entry(instance.name.clone()).or_default();
        for file in &service.files {
            round.file(mesh, instance, None, file);
        }
    }
    for plug in &mesh.plugs {
        for end in [&plug.source, &plug.destination] {
            for file in &end.capability.renders {
                round.file(mesh, &mesh.instances[&end.instance], Some(plug), file);
            }
        }
    }
    // An instance that cannot run yet is left out anyway, with what does not work in it.
    let works =
        |instance: &String| round.rendered.instances.get(instance).is_none_or(|files| files.incomplete.is_none());
    round.found.extend(round.refused.into_iter().filter(|(instance, _)| works(instance)).map(|(_, found)| found));
    round.found.sort();
    round.found.dedup();
    if round.found.is_empty() { Ok(round.rendered) } else { Err(round.found) }
}

/// Where a template is wrong: in itself, or where its product declares it. Integrations lie deeper.
fn place(file: &Render, at: Option<(String, usize)>) -> Position {
    let product = file.at.file.ancestors().find(|folder| folder.ends_with(&file.product));
    match (at, product) {
        (Some((name, line)), Some(product)) if !name.starts_with('<') => {
            Position::new(product.join("templates").join(name), Mark::new(line, 1))
        }
        _ => file.at.clone(),
    }
}

/// The instances that plugs connect each instance with.
fn peers(mesh: &Mesh) -> HashMap<String, Arc<BTreeSet<String>>> {
    let mut peers: HashMap<String, BTreeSet<String>> = HashMap::new();
    for id in mesh.plugs.iter().map(|plug| &plug.id) {
        for (one, other) in [(&id.source, &id.destination), (&id.destination, &id.source)] {
            peers.entry(one.clone()).or_default().insert(other.clone());
        }
    }
    peers.into_iter().map(|(instance, peers)| (instance, Arc::new(peers))).collect()
}

struct Round<'a> {
    templates: Templates<'a>,
    contexts: Contexts,
    peers: HashMap<String, Arc<BTreeSet<String>>>,
    doing: Doing,
    rendered: Rendered,
    found: Vec<Diagnostic>,
    /// What templates refuse, by the instance that the file is for.
    refused: Vec<(String, Diagnostic)>,
}

impl Round<'_> {
    /// Renders one file, for one plug if it is declared for plugs.
    fn file(&mut self, mesh: &Mesh, instance: &Instance, plug: Option<&Plug>, file: &Render) {
        let target = match (plug, file.into) {
            (Some(plug), Into::Peer) if plug.id.source == instance.name => &plug.id.destination,
            (Some(plug), Into::Peer) => &plug.id.source,
            _ => &instance.name,
        };
        if mesh.instances.get(target).is_none_or(|target| mesh.product_of(target).service.is_none()) {
            let message = format!("`{}` is to be rendered into `{target}`, which has no service", file.template);
            self.found.push(Diagnostic::error(file.at.clone(), message).coded(Code::Template));
            return;
        }
        let what = format!("template `{}` of product `{}`", file.template, file.product);
        self.doing.note(Diagnostic::error(file.at.clone(), what).coded(Code::Template));
        let context = self.contexts.of(instance, plug);
        let peers = self.peers.get(&instance.name).cloned().unwrap_or_default();
        let made = self.templates.render(file, &context, &instance.name, peers);
        let Some((path, content)) = self.keep(made, target, instance, plug, file) else { return };
        if let Some(plug) = plug {
            let plugs = self.rendered.of_plugs.entry((target.clone(), path.clone())).or_default();
            plugs.insert(plug.id.clone());
        }
        let files = &mut self.rendered.instances.entry(target.clone()).or_default().files;
        match files.get(&path) {
            Some(other) if *other != content => {
                let message = format!("file `{path}` of `{target}` is rendered twice, with different contents");
                let hint = "name it after the plug (`{{ plug.topic_id }}__{{ peer.id }}`)";
                let twice = Diagnostic::error(file.at.clone(), message).coded(Code::Template);
                self.found.push(twice.with_hint(hint));
            }
            _ => {
                files.insert(path, content);
            }
        }
    }

    /// What was made, if something was; else keeps the reason.
    fn keep(
        &mut self,
        made: Result<Option<(String, String)>, Stop>,
        target: &str,
        instance: &Instance,
        plug: Option<&Plug>,
        file: &Render,
    ) -> Option<(String, String)> {
        match made {
            Ok(made) => return made,
            Err(Stop::Incomplete(why)) => {
                self.rendered.instances.entry(target.to_owned()).or_default().incomplete.get_or_insert(why);
            }
            Err(Stop::Refused(why)) => {
                let at = plug.map_or(&instance.at, |plug| &plug.at).clone();
                let message = match plug {
                    Some(plug) => format!("plug `{}` cannot work: {why}", plug.id),
                    None => format!("`{}` cannot work: {why}", instance.name),
                };
                let refused = Diagnostic::error(at, message).coded(Code::Configuration);
                self.refused.push((target.to_owned(), refused));
            }
            Err(Stop::Broken { why, at }) => {
                let message = format!("template `{}` of product `{}`: {why}", file.template, file.product);
                self.found.push(Diagnostic::error(place(file, at), message).coded(Code::Template));
            }
        }
        None
    }
}
