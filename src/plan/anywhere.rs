//! What a plan would find wrong, without asking this machine anything: every port is free, every
//! program is there, every password is made up and forgotten. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use super::desired::{self, Desired, Machine, Program};
use super::keyed::Key;
use super::paths::StateFolder;
use super::ports::probe::{self, Protocols};
use super::ports::{self, Claims, Ports};
use super::render;
use super::secrets::Secrets;
use crate::mesh::model::{Mesh, PlugId};
use crate::project::code::Code;
use crate::project::position::Diagnostic;

/// What the mesh would want of a machine that refuses nothing.
#[derive(Debug)]
pub struct Anywhere {
    /// Services.
    pub desired: Desired,
    /// The passwords in the rendered files: made up.
    pub secrets: Secrets,
    /// The plugs that a rendered file is for, by instance and path; no entry = none in particular.
    pub of_plugs: BTreeMap<(String, String), BTreeSet<PlugId>>,
    /// Instances that would be left out.
    pub found: Vec<Diagnostic>,
}

/// Goes through everything up to the plan for the project in a folder.
///
/// # Errors
/// What is wrong with the mesh, all that one stage finds at once.
pub fn anywhere(project: &Path, mesh: &Mesh) -> Result<Anywhere, Vec<Diagnostic>> {
    let state = StateFolder::of(project);
    let (remembered, held) = (Ports::default(), BTreeMap::new());
    let ports = ports::allocate(&Claims { mesh, remembered: &remembered, held: &held }, &Willing::default())?.ports;
    let secrets = Arc::new(Secrets::default());
    let rendered = render::render(mesh, &ports, &secrets)?;
    let of_plugs = rendered.of_plugs.clone();
    let programs = programs(mesh, &state);
    let machine = Machine { state: &state, ports: &ports, programs: &programs, secrets: &secrets, key: &Key::random() };
    // Steps wait for each other only where services do, and rings of those are no mesh.
    let desired = desired::services(mesh, &machine, rendered)?;
    let left_out = desired.left_out.iter().filter_map(|(name, why)| {
        let at = mesh.instances.get(name)?.at.clone();
        Some(Diagnostic::warning(at, format!("`{name}` would be left out: {why}")).coded(Code::Incomplete))
    });
    let found = left_out.collect();
    let secrets = Arc::into_inner(secrets).unwrap_or_default();
    Ok(Anywhere { desired, secrets, of_plugs, found })
}

/// Programs as they are named; ourselves where we are.
fn programs(mesh: &Mesh, state: &StateFolder) -> BTreeMap<String, Program> {
    let path = |name: &str| match name {
        "resilmesh" => std::env::current_exe().unwrap_or_else(|_| PathBuf::from(name)),
        other => PathBuf::from(other),
    };
    let one = |name: &str| Program {
        path: path(name),
        label: name.to_owned(),
        identity: String::new(),
        control: state.root().join("control"),
    };
    let services = mesh.services().flat_map(|(instance, service)| {
        instance.service_names().map(move |name| (name, service.embedded.program.as_str()))
    });
    services.map(|(name, program)| (name, one(program))).collect()
}

/// A machine on which every port is free.
#[derive(Debug)]
struct Willing(AtomicU16);

impl Default for Willing {
    /// From here on the system gives out numbers.
    fn default() -> Self {
        Self(AtomicU16::new(32_768))
    }
}

impl probe::Machine for Willing {
    fn can_listen(&self, _listen: &str, _number: u16, _protocols: Protocols) -> io::Result<()> {
        Ok(())
    }

    fn any_free(&self, _listen: &str, _protocols: Protocols) -> Option<u16> {
        Some(self.0.fetch_add(1, Ordering::Relaxed).max(1024))
    }

    fn holder(&self, _number: u16) -> Option<String> {
        None
    }
}
