//! Configuration files of the services, from templates of their products. Pure over the mesh, the
//! ports and the generated passwords.

mod context;
mod environment;
pub mod limits;
pub(crate) mod module;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;

use rayon::prelude::*;

use self::context::Contexts;
use self::environment::{Stop, Templates};
use self::limits::{Doing, Limits};
use super::keyed::Key;
use super::ports::Ports;
use super::secrets::Secrets;
use crate::mesh::model::{Instance, Into, Mesh, Plug, PlugId, Render};
use crate::project::code::Code;
use crate::project::position::{Diagnostic, Mark, Position};

/// From how many files on several are rendered at once.
const MANY: usize = 64;
/// Into how many parts they are divided for each processor: some take longer than others.
const PARTS: usize = 4;

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
    let mut round = Round::default();
    let units = round.units(mesh);
    let templates = || Templates::new(mesh, ports, secrets, limits);
    let made = make(&units, &templates, &Contexts::new(mesh, ports), &peers(mesh), &doing);
    for (unit, made) in units.iter().zip(made) {
        round.take(unit, made);
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

/// A file to be rendered.
struct Unit<'a> {
    /// The instance whose product has the template.
    instance: &'a Instance,
    /// The plug that it is for, if it is declared for plugs.
    plug: Option<&'a Plug>,
    file: &'a Render,
    /// The instance whose file it will be.
    target: &'a str,
}

/// Path and content of a file; none if there is to be none.
type Made = Result<Option<(String, String)>, Stop>;

/// Renders many files on all processors, each of which has templates of its own: these know for whom they
/// render, and no other.
fn make<'a>(
    units: &[Unit<'_>],
    templates: &(impl Fn() -> Templates<'a> + Sync),
    contexts: &Contexts,
    peers: &HashMap<String, Arc<BTreeSet<String>>>,
    doing: &Doing,
) -> Vec<Made> {
    let some = |units: &[Unit<'_>]| -> Vec<Made> {
        let (templates, doing) = (templates(), doing.begin());
        let one = |unit: &Unit<'_>| {
            let what = format!("template `{}` of product `{}`", unit.file.template, unit.file.product);
            doing.note(Diagnostic::error(unit.file.at.clone(), what).coded(Code::Template));
            let context = contexts.of(unit.instance, unit.plug);
            let peers = peers.get(&unit.instance.name).cloned().unwrap_or_default();
            templates.render(unit.file, &context, &unit.instance.name, peers)
        };
        units.iter().map(one).collect()
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let pool = (units.len() >= MANY && threads > 1).then(|| limits::pool(threads)).flatten();
    let Some(pool) = pool else { return some(units) };
    let part = units.len().div_ceil(threads * PARTS);
    pool.install(|| units.par_chunks(part).map(some).collect::<Vec<_>>()).into_iter().flatten().collect()
}

#[derive(Default)]
struct Round {
    rendered: Rendered,
    found: Vec<Diagnostic>,
    /// What templates refuse, by the instance that the file is for.
    refused: Vec<(String, Diagnostic)>,
}

impl Round {
    /// All files: those of instances, then those of plugs.
    fn units<'a>(&mut self, mesh: &'a Mesh) -> Vec<Unit<'a>> {
        let mut units = Vec::new();
        for (instance, service) in mesh.services() {
            let own = self.rendered.instances.entry(instance.name.clone()).or_default();
            own.files.extend(module::files(mesh.product_of(instance)));
            units.extend(service.files.iter().filter_map(|file| self.unit(mesh, instance, None, file)));
        }
        for plug in &mesh.plugs {
            for end in [&plug.source, &plug.destination] {
                let instance = &mesh.instances[&end.instance];
                let files = end.capability.renders.iter();
                units.extend(files.filter_map(|file| self.unit(mesh, instance, Some(plug), file)));
            }
        }
        units
    }

    fn unit<'a>(
        &mut self,
        mesh: &'a Mesh,
        instance: &'a Instance,
        plug: Option<&'a Plug>,
        file: &'a Render,
    ) -> Option<Unit<'a>> {
        let target = match (plug, file.into) {
            (Some(plug), Into::Peer) if plug.id.source == instance.name => &plug.id.destination,
            (Some(plug), Into::Peer) => &plug.id.source,
            _ => &instance.name,
        };
        if mesh.instances.get(target).is_none_or(|target| mesh.product_of(target).service.is_none()) {
            let message = format!("`{}` is to be rendered into `{target}`, which has no service", file.template);
            self.found.push(Diagnostic::error(file.at.clone(), message).coded(Code::Template));
            return None;
        }
        Some(Unit { instance, plug, file, target })
    }

    /// Takes what was made of a file.
    fn take(&mut self, unit: &Unit<'_>, made: Made) {
        let Unit { target, file, .. } = *unit;
        let Some((path, content)) = self.keep(made, unit) else { return };
        if let Some(plug) = unit.plug {
            let plugs = self.rendered.of_plugs.entry((target.to_owned(), path.clone())).or_default();
            plugs.insert(plug.id.clone());
        }
        let files = &mut self.rendered.instances.entry(target.to_owned()).or_default().files;
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
    fn keep(&mut self, made: Made, unit: &Unit<'_>) -> Option<(String, String)> {
        let Unit { instance, plug, file, target } = *unit;
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
