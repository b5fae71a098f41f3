//! How commands talk to a mesh that is up: `produce`, `search`, `status`, `watch`.

use std::path::PathBuf;

use super::Context;
use super::failure::Failure;
use crate::hooks::{Call, HookContext, HookError};
use crate::mesh::model::{Instance, Mesh, Mode, Plug, Role};
use crate::plan::calls::{self, Surroundings};
use crate::plan::journal::Journal;
use crate::plan::paths::StateFolder;
use crate::plan::ports::Ports;
use crate::project::names;
use crate::runtime::embedded::Embedded;

/// A mesh with its ports on this machine.
pub(super) struct Running {
    /// The mesh as it is written down.
    pub(super) mesh: Mesh,
    /// The project's folder, absolute.
    pub(super) root: PathBuf,
    /// What is up.
    pub(super) journal: Journal,
    ports: Ports,
    state: StateFolder,
    runtime: Embedded,
}

impl Running {
    /// The mesh of the project at hand.
    ///
    /// # Errors
    /// When there is none, or it has mistakes.
    pub(super) fn open(cx: &Context) -> Result<Self, Failure> {
        let (root, mesh, _) = cx.compiled()?;
        let journal = cx.journal(&root);
        Self::of(root, mesh, journal)
    }

    /// This mesh of the project in `root`, of which the journal tells what is up.
    ///
    /// # Errors
    /// When this machine's state of it cannot be read.
    pub(super) fn of(root: PathBuf, mesh: Mesh, journal: Journal) -> Result<Self, Failure> {
        let state = StateFolder::of(&root);
        let path = state.ports();
        let ports = Ports::load(&path)
            .map_err(|error| Failure::new(format!("`{}` cannot be read: {error}", path.display())))?;
        let runtime = Embedded::new(&root)?;
        let root = root.canonicalize().unwrap_or(root);
        Ok(Self { mesh, root, journal, ports, state, runtime })
    }

    /// The instance of this name.
    ///
    /// # Errors
    /// When there is none, with the closest name.
    pub(super) fn instance(&self, name: &str) -> Result<&Instance, Failure> {
        self.mesh.instances.get(name).ok_or_else(|| {
            let failure = Failure::new(format!("no instance is called `{name}`"));
            match names::closest(name, self.mesh.instances.keys().map(String::as_str)) {
                Some(close) => failure.hint(format!("did you mean `{close}`?")),
                None => failure.hint("`resilmesh list instances` names them"),
            }
        })
    }

    /// The plug of a topic between two instances, pushed before pulled.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn plug(
        &self,
        topic: &str,
        source: &str,
        destination: &str,
        mode: Option<Mode>,
    ) -> Result<&Plug, Failure> {
        self.instance(source)?;
        self.instance(destination)?;
        let of_pair = |plug: &&Plug| plug.id.source == source && plug.id.destination == destination;
        let found = self
            .mesh
            .plugs
            .iter()
            .filter(of_pair)
            .find(|plug| plug.id.topic == topic && mode.is_none_or(|mode| plug.id.mode == mode));
        found.ok_or_else(|| {
            let topics: Vec<&str> = self.mesh.plugs.iter().filter(of_pair).map(|plug| plug.id.topic.as_str()).collect();
            let failure = Failure::new(format!("topic `{topic}` is not plugged from `{source}` to `{destination}`"));
            if topics.is_empty() {
                failure.hint("`resilmesh list plugs` shows what is plugged into what")
            } else {
                failure.hint(format!("plugged there: {}", topics.join(", ")))
            }
        })
    }

    /// What a hook about one end of a plug is given.
    ///
    /// # Errors
    /// When the runtime cannot be reached.
    pub(super) fn at_plug(&self, plug: &Plug, source: bool) -> Result<HookContext, Failure> {
        let end = if source { &plug.source } else { &plug.destination };
        self.context(calls::of_plug(&Surroundings::of(&self.mesh, &self.ports), plug, end))
    }

    /// What a hook about an instance is given: about a topic that it takes or gives, or about all.
    ///
    /// # Errors
    /// When the runtime cannot be reached.
    pub(super) fn at_instance(
        &self,
        instance: &Instance,
        topic: Option<&str>,
        role: Option<Role>,
    ) -> Result<HookContext, Failure> {
        self.context(calls::of_instance(&self.mesh, &self.ports, instance, topic, role))
    }

    /// The topics of an instance: those that it takes or those that it gives.
    pub(super) fn topics(&self, instance: &str, role: Role) -> Vec<&str> {
        let of = |plug: &Plug| {
            if role == Role::Consumer { plug.id.destination == instance } else { plug.id.source == instance }
        };
        let mut topics: Vec<&str> =
            self.mesh.plugs.iter().filter(|plug| of(plug)).map(|plug| plug.id.topic.as_str()).collect();
        topics.dedup();
        topics
    }

    fn context(&self, call: Call) -> Result<HookContext, Failure> {
        let own = &call.own.name;
        let mut running: Vec<&str> = self.journal.services.keys().map(String::as_str).collect();
        running.retain(|service| names::instance_of(service) == own);
        if running.is_empty() {
            running.push(own);
        }
        let controls = running.into_iter().map(|service| self.runtime.control_socket(service));
        let controls = controls.collect::<Result<_, _>>()?;
        Ok(HookContext { call, secrets: self.state.secrets(), controls })
    }
}

impl From<HookError> for Failure {
    fn from(error: HookError) -> Self {
        Self { hints: error.hint.into_iter().collect(), trace: error.trace, ..Self::new(error.what) }
    }
}
