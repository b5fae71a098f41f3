//! What the mesh wants on this machine: services, setups, plugs. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use minijinja::{Environment, UndefinedBehavior};

use super::calls::{self, Surroundings};
use super::digest_of;
use super::journal::{Undo, numbered_setup_key, setup_key};
use super::keyed::Key;
use super::paths::StateFolder;
use super::ports::{self, Moved, Ports};
use super::render::{Files, Rendered};
use super::secrets::Secrets;
use super::step::{Launch, Setup};
use crate::hooks::{self, Call, HostedHook, Kind};
use crate::mesh::model::{DeclaredHook, End, HookKind, Instance, Mesh, Plug, PlugId, Product, ReadyProbe, Service};
use crate::project::code::Code;
use crate::project::names;
use crate::project::position::Diagnostic;
use crate::runtime::{Ready, ServiceSpec};

/// How long a service may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Steps of the template language for one argument.
const ARGUMENT_STEPS: u64 = 10_000;

/// The program of a service on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// What `status` shows.
    pub label: String,
    /// Changes when it is replaced by another one at the same path.
    pub identity: String,
    /// Where the service listens for control.
    pub control: PathBuf,
}

/// A service that shall run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredService {
    /// How it runs, and what it needs.
    pub launch: Launch,
    /// The files of its instance.
    pub files: Files,
    /// Digest of these.
    pub digest: String,
}

/// A setup that shall be done.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredSetup {
    /// The call.
    pub setup: Setup,
    /// The plug.
    pub plug: PlugId,
    /// It is that of the passive end.
    pub passive: bool,
    /// The key of the one that is done before it at the same end.
    pub before: Option<String>,
}

/// Everything the mesh wants.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Desired {
    /// Services by name: those of an instance with replicas are `name`, `name/2`, ...
    pub services: BTreeMap<String, DesiredService>,
    /// Setups by key.
    pub setups: BTreeMap<String, DesiredSetup>,
    /// The keys of the setups of each plug, those of the passive end first.
    pub of_plug: BTreeMap<PlugId, Vec<String>>,
    /// The hooks in files that take each plug down again.
    pub undo: BTreeMap<PlugId, Arc<[Undo]>>,
    /// Plugs with the digest of what each is declared as.
    pub plugs: BTreeMap<PlugId, String>,
    /// Instances that pass topics on: those who put a topic in wait for those who take it.
    pub brokers: BTreeSet<String>,
    /// Instances that cannot run yet, and why.
    pub left_out: BTreeMap<String, String>,
    /// Ports that did not get their numbers.
    pub moved: Vec<Moved>,
}

impl Desired {
    /// Adds plugs with their setups.
    fn plugs<'a>(&mut self, mesh: &Mesh, ports: &Ports, plugs: impl IntoIterator<Item = &'a Plug>) {
        let around = Surroundings::of(mesh, ports);
        for plug in plugs {
            let call = |end: &End| calls::of_plug(&around, plug, end);
            let undo = undo(mesh, plug, call);
            let mut by_files = false;
            for end in [plug.passive(), plug.active()] {
                let found = setups(mesh, plug, end, call(end), &undo);
                by_files |= found.iter().any(|(_, found)| found.setup.hosted.is_some());
                self.of_plug.entry(plug.id.clone()).or_default().extend(found.iter().map(|(key, _)| key.clone()));
                self.setups.extend(found);
            }
            // Hooks in files keep there what they made: that is no change of what is declared.
            let settings = (!by_files).then_some(&plug.settings);
            self.plugs.insert(plug.id.clone(), digest_of(&(&plug.format, settings)));
            if !undo.is_empty() {
                self.undo.insert(plug.id.clone(), undo);
            }
        }
    }

    /// The instances with services, each with the first of these.
    pub fn instances(&self) -> impl Iterator<Item = (&str, &DesiredService)> {
        let named = self.services.iter().map(|(name, service)| (names::instance_of(name), name, service));
        let is_first = |instance: &str, name: &String| self.services_of(instance).next() == Some(name);
        named
            .filter(move |(instance, name, _)| is_first(instance, name))
            .map(|(instance, _, service)| (instance, service))
    }

    /// Whether an instance has a service.
    pub fn runs(&self, instance: &str) -> bool {
        self.services_of(instance).next().is_some()
    }

    /// The names of the services of an instance.
    pub fn services_of<'a>(&'a self, instance: &str) -> impl Iterator<Item = &'a String> + use<'a> {
        services_of(&self.services, instance)
    }

    /// The setups of a plug with their keys, those of the passive end first.
    pub fn setups_of<'a>(&'a self, plug: &PlugId) -> impl Iterator<Item = (&'a String, &'a DesiredSetup)> + use<'a> {
        let keys = self.of_plug.get(plug).map_or(&[][..], Vec::as_slice);
        keys.iter().filter_map(|key| self.setups.get_key_value(key))
    }
}

/// The names of the services of an instance among these: `name` and, where they are in order of names,
/// `name/2`, `name/3`, ...
pub(super) fn services_of<'a, T>(
    services: &'a BTreeMap<String, T>,
    instance: &str,
) -> impl Iterator<Item = &'a String> + use<'a, T> {
    let first = services.get_key_value(instance).map(|(name, _)| name);
    let others = names::replicas_of(instance);
    let below = services.range(others.clone()..).map(|(name, _)| name);
    first.into_iter().chain(below.take_while(move |name| name.starts_with(&others)))
}

/// What this machine gives.
#[derive(Debug)]
pub struct Machine<'a> {
    /// The state folder.
    pub state: &'a StateFolder,
    /// Port numbers.
    pub ports: &'a Ports,
    /// Programs by service.
    pub programs: &'a BTreeMap<String, Program>,
    /// Secrets; a changed one makes its service start anew.
    pub secrets: &'a Secrets,
    /// What digests are made with that secrets are a part of.
    pub key: &'a Key,
}

/// What the mesh wants on this machine.
///
/// # Errors
/// What is wrong with the arguments of services.
pub fn desired(mesh: &Mesh, machine: &Machine<'_>, rendered: Rendered) -> Result<Desired, Vec<Diagnostic>> {
    let mut desired = services(mesh, machine, rendered)?;
    let works = |plug: &&Plug| {
        !desired.left_out.contains_key(&plug.id.source) && !desired.left_out.contains_key(&plug.id.destination)
    };
    let plugs: Vec<&Plug> = mesh.plugs.iter().filter(works).collect();
    desired.plugs(mesh, machine.ports, plugs);
    Ok(desired)
}

/// The services that the mesh wants, without setups and plugs.
///
/// # Errors
/// What is wrong with their arguments.
pub fn services(mesh: &Mesh, machine: &Machine<'_>, rendered: Rendered) -> Result<Desired, Vec<Diagnostic>> {
    let mut desired = Desired::default();
    let mut found = Vec::new();
    for (instance, _) in mesh.services().filter(|(instance, _)| mesh.product_of(instance).broker) {
        desired.brokers.insert(instance.name.clone());
    }
    let (mut all, mut shown) = (rendered.instances, machine.ports.all_shown(mesh));
    for (instance, service) in mesh.services() {
        let files = all.remove(&instance.name).unwrap_or_default();
        if let Some(why) = &files.incomplete {
            desired.left_out.insert(instance.name.clone(), why.clone());
            continue;
        }
        let ports = shown.remove(&instance.name).unwrap_or_default();
        for name in instance.service_names() {
            match spec(mesh, (&name, instance), service, machine, &files, &ports) {
                Ok((spec, identity)) => {
                    let digest = spec.files_digest.clone();
                    let launch = Launch { spec, identity, needs: BTreeSet::new() };
                    let files = files.clone();
                    desired.services.insert(name, DesiredService { launch, files, digest });
                }
                Err(wrong) => found.push(wrong),
            }
        }
    }
    if found.is_empty() { Ok(desired) } else { Err(found) }
}

/// What the mesh wants of hooks alone: no services.
pub fn of_hooks(mesh: &Mesh, ports: &Ports) -> Desired {
    let mut desired = Desired::default();
    desired.plugs(mesh, ports, mesh.plugs.iter());
    desired
}

/// The setups of one end of a plug, in the order in which they are done.
fn setups(mesh: &Mesh, plug: &Plug, end: &End, call: Call, undo: &Arc<[Undo]>) -> Vec<(String, DesiredSetup)> {
    if plug.owner.as_ref().is_some_and(|owner| *owner != end.instance) {
        return Vec::new();
    }
    let passive = std::ptr::eq(end, plug.passive());
    let mut found: Vec<(String, DesiredSetup)> = Vec::new();
    if let Some(hook) = hooks::find(Kind::Setup, &call) {
        let key = setup_key(&end.instance, &plug.id);
        let (title, digest) = (hook.title.to_owned(), digest(&call));
        let (checks, undo) = (Arc::default(), Arc::default());
        let setup = Setup { key: key.clone(), title, digest, call: call.clone(), hosted: None, checks, undo };
        found.push((key, DesiredSetup { setup, plug: plug.id.clone(), passive, before: None }));
    }
    let product = mesh.product_of(&mesh.instances[&end.instance]);
    let checks = mesh.hooks_at(plug, end, HookKind::Check).into_iter();
    let checks: Arc<[HostedHook]> = checks.filter_map(|hook| HostedHook::of(product, hook)).collect();
    for hook in mesh.hooks_at(plug, end, HookKind::Setup) {
        let Some(hosted) = HostedHook::of(product, hook) else { continue };
        let key = numbered_setup_key(&end.instance, &plug.id, found.len() + 1);
        let before = found.last().map(|(before, _)| before.clone());
        let digest = hosted_digest(&hosted, &call);
        let (title, call) = (hook.title.clone(), call.clone());
        let (checks, undo) = (Arc::clone(&checks), Arc::clone(undo));
        let setup = Setup { key: key.clone(), title, digest, call, hosted: Some(hosted), checks, undo };
        found.push((key, DesiredSetup { setup, plug: plug.id.clone(), passive, before }));
    }
    found
}

/// What takes a plug down again: hooks of the source's side, then of the destination's, also where
/// one of them has set up both.
fn undo(mesh: &Mesh, plug: &Plug, call: impl Fn(&End) -> Call) -> Arc<[Undo]> {
    let of_end = |end: &'_ End| -> Vec<Undo> {
        let product = mesh.product_of(&mesh.instances[&end.instance]);
        let hooks = mesh.hooks_at(plug, end, HookKind::Teardown).into_iter();
        let undo = |declared: &DeclaredHook| {
            let hook = HostedHook::of(product, declared)?;
            Some(Undo { title: declared.title.clone(), call: call(end), hook, of_others: false })
        };
        hooks.filter_map(undo).collect()
    };
    [&plug.source, &plug.destination].into_iter().flat_map(of_end).collect()
}

/// Digest of what a setup by a hook in a file goes by. Settings are not among it: the hook itself may
/// write some.
fn hosted_digest(hook: &HostedHook, call: &Call) -> String {
    let peer = call.peer.as_ref().map(|peer| (&peer.name, &peer.product));
    digest_of(&(&hook.file, &hook.function, &call.own.product, peer, &call.topic, &call.mode, &call.format))
}

/// Digest of what a setup goes by. Ports are not among it, nor are other plugs of the own instance:
/// they do not change what is set up.
fn digest(call: &Call) -> String {
    let peer = call.peer.as_ref().map(|peer| (&peer.name, &peer.product, &peer.settings, &peer.takes));
    digest_of(&(&call.own.settings, peer, &call.topic, &call.mode, &call.format, &call.settings))
}

fn spec(
    mesh: &Mesh,
    (name, instance): (&String, &Instance),
    service: &Service,
    machine: &Machine<'_>,
    files: &Files,
    ports: &BTreeMap<String, u16>,
) -> Result<(ServiceSpec, String), Diagnostic> {
    let wrong = |why: String| {
        Diagnostic::error(service.embedded.at.clone(), format!("`{name}` cannot be started: {why}"))
            .coded(Code::Configuration)
    };
    let program = machine.programs.get(name).ok_or_else(|| wrong("its program was not looked for".to_owned()))?;
    let address = |port: &String| {
        let number = ports.get(port).ok_or_else(|| wrong(format!("it has no port `{port}`")))?;
        Ok(ports::reach(instance.settings.get("listen"), *number))
    };
    let ready = match &service.ready {
        ReadyProbe::Control => Ready::Control,
        ReadyProbe::Http { path, port } => Ready::Http(format!("http://{}{path}", address(port)?)),
        ReadyProbe::Tcp { port } => Ready::Tcp(address(port)?),
    };
    let folder = machine.state.rendered(&instance.name);
    let places = Places {
        files: &folder,
        data: &machine.state.data(name),
        control: &program.control,
        product: product_folder(mesh.product_of(instance), machine.state),
    };
    let args = args(&service.embedded.args, &places).map_err(wrong)?;
    let has_control = service.embedded.args.iter().any(|arg| arg.contains("control"));
    let spec = ServiceSpec {
        instance: name.clone(),
        product: instance.product.clone(),
        label: program.label.clone(),
        program: program.path.clone(),
        args,
        directory: folder,
        ready,
        control: has_control.then(|| program.control.clone()),
        reload: service.reload.clone(),
        stop_within: STOP_WITHIN,
        ports: ports.clone(),
        files_digest: files.digest(machine.key),
    };
    let typed: Vec<Option<String>> = typed_secrets(mesh, instance)
        .map(|key| machine.secrets.get(&instance.name, key).map(|secret| machine.key.digest(&secret.expose())))
        .collect();
    Ok((spec, machine.key.digest(&(&instance.settings, &program.identity, typed))))
}

/// Keys of the secrets that the product of an instance asks its user for.
pub(super) fn typed_secrets<'a>(mesh: &'a Mesh, instance: &Instance) -> impl Iterator<Item = &'a str> {
    mesh.product_of(instance).settings.iter().filter(|setting| setting.secret).map(|setting| setting.name.as_str())
}

/// The folder of a product's files on this machine; none if it is built in.
fn product_folder(product: &Product, state: &StateFolder) -> Option<PathBuf> {
    Some(state.root().parent()?.join(hooks::folder(product)?))
}

/// What the arguments of a program may name.
struct Places<'a> {
    files: &'a Path,
    data: &'a Path,
    control: &'a Path,
    product: Option<PathBuf>,
}

fn args(templates: &[String], places: &Places<'_>) -> Result<Vec<String>, String> {
    let Places { files, data, control, product } = places;
    let mut known = BTreeMap::from([("files", *files), ("data", *data), ("control", *control)]);
    known.extend(product.as_deref().map(|product| ("product", product)));
    let context: BTreeMap<&str, String> =
        known.into_iter().map(|(name, path)| (name, path.to_string_lossy().into_owned())).collect();
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(ARGUMENT_STEPS));
    let render = |arg: &String| {
        environment.render_str(arg, &context).map_err(|error| {
            let there = context.keys().copied().collect::<Vec<_>>().join("`, `");
            format!("argument `{arg}`: {} (there is `{there}`)", error.kind())
        })
    };
    templates.iter().map(render).collect()
}

/// Digest of a spec's files that are on disk now; none when the folder is not there.
pub fn digest_on_disk(folder: &Path, key: &Key) -> Option<String> {
    let files = files_on_disk(folder).ok()?;
    Some(key.files(files.iter().map(|(path, content)| (path.as_str(), content.as_slice()))))
}

/// The files of a folder and those below it, by path.
///
/// # Errors
/// When one cannot be read.
pub fn files_on_disk(folder: &Path) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    collect(folder, "", &mut files)?;
    Ok(files)
}

fn collect(folder: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, std::fs::read(entry.path())?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_name_folders_and_nothing_else() {
        let [files, data, control] = ["/f", "/d", "/c"].map(Path::new);
        let args = |arg: &str, product: Option<&str>| {
            args(&[arg.to_owned()], &Places { files, data, control, product: product.map(PathBuf::from) })
        };
        let all = args("{{ product }}/run.py {{ files }} {{ data }} {{ control }}", Some("/p"));
        assert_eq!(all, Ok(vec!["/p/run.py /f /d /c".to_owned()]));
        let built_in = args("{{ product }}/run.py", None).expect_err("built-in products have no folder");
        assert_eq!(built_in, "argument `{{ product }}/run.py`: undefined value (there is `control`, `data`, `files`)");
        assert!(args("{{ prodct }}", Some("/p")).is_err());
        assert!(args("{% for i in range(9999) %}{{ i }}{% endfor %}", None).is_err());
    }
}
