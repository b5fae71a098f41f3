//! What `up` has done and `down` has to undo: `.resilmesh/journal.json`.
//!
//! | module | what it holds |
//! |---|---|
//! | `entries` | what is kept of a service, a setup, a plug |
//! | `environments` | the plugs between tenants of each environment |
//! | `changes` | what steps change, appended as they are begun and done |
//! | `file` | reading and writing it whole |

mod changes;
mod entries;
mod environments;
mod file;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::changes::{Appender, Change};
use self::entries::is_false;
pub use self::entries::{DoneSetup, PlugState, StartedService, Undo, Undoing, UpPlug, numbered_setup_key, setup_key};
pub use self::environments::Tenants;
pub use self::file::JournalError;
use crate::mesh::model::{Mesh, PlugId};
use crate::project::names;

const VERSION: u32 = 1;

/// The journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    version: u32,
    /// Services, by name.
    #[serde(default)]
    pub services: BTreeMap<String, StartedService>,
    /// Digest of the rendered files, by instance.
    #[serde(default)]
    pub rendered: BTreeMap<String, String>,
    /// Setup hooks, by [`setup_key`].
    #[serde(default)]
    pub setups: BTreeMap<String, DoneSetup>,
    /// Plugs, by their text form.
    #[serde(default)]
    pub plugs: BTreeMap<String, UpPlug>,
    /// What takes plugs down again whose ends were set up by hooks in files, by their text form. A plug
    /// that is only here is half up.
    #[serde(default)]
    pub undo: BTreeMap<String, Undoing>,
    /// Services that have data on this machine.
    #[serde(default)]
    pub data: BTreeSet<String>,
    /// The profile that its plugs between tenants are those of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Others know of its plugs between tenants: those that they know nothing of are down.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shared: bool,
    /// The plugs between tenants of other environments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub elsewhere: BTreeMap<String, Tenants>,
}

fn put<T>(map: &mut BTreeMap<String, T>, key: String, value: Option<T>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

impl Journal {
    /// Makes a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Service(instance, started) => put(&mut self.services, instance, started),
            Change::Rendered(instance, digest) => put(&mut self.rendered, instance, digest),
            Change::Setup(key, done) => put(&mut self.setups, key, done.map(|done| *done)),
            Change::Plug(plug, up) => put(&mut self.plugs, plug, up),
            Change::Undo(plug, undoing) => put(&mut self.undo, plug, undoing),
            Change::Data(instance, true) => drop(self.data.insert(instance)),
            Change::Data(instance, false) => drop(self.data.remove(&instance)),
        }
    }

    /// What forgets a plug whose ends were set up by hooks in files.
    pub fn without(&self, plug: &PlugId) -> Vec<Change> {
        let name = plug.to_string();
        let Some(undoing) = self.undo.get(&name) else { return Vec::new() };
        let hosted = self.setups_of(&undoing.plug).filter(|(_, done)| done.hosted.is_some());
        let setups = hosted.map(|(key, _)| Change::Setup(key.clone(), None));
        setups.chain([Change::Undo(name.clone(), None), Change::Plug(name, None)]).collect()
    }

    /// The setups at both ends of a plug.
    pub fn setups_of<'a>(&'a self, plug: &'a PlugId) -> impl Iterator<Item = (&'a String, &'a DoneSetup)> {
        [&plug.source, &plug.destination].into_iter().flat_map(move |instance| {
            let first = setup_key(instance, plug);
            let own = self.setups.range(first.clone()..).take_while(move |(key, _)| key.starts_with(&first));
            own.filter(move |(_, done)| done.call.plug.as_ref() == Some(plug))
        })
    }

    /// Whether a service of an instance was started, and not stopped since.
    pub fn runs(&self, instance: &str) -> bool {
        self.services.keys().any(|service| names::instance_of(service) == instance)
    }

    /// Taking the plug down was begun and not finished.
    pub fn is_half_down(&self, plug: &PlugId) -> bool {
        self.undo.get(&plug.to_string()).is_some_and(|undoing| undoing.begun)
    }

    /// How far a plug is, in the mesh or not.
    pub fn plug_state(&self, plug: &PlugId) -> PlugState {
        let done = |setup: &DoneSetup| setup.call.plug.as_ref() == Some(plug) && self.runs(&setup.call.own.name);
        match self.plugs.contains_key(&plug.to_string()) {
            true if self.is_half_down(plug) => PlugState::Partial,
            true => PlugState::Up,
            false if self.undo.contains_key(&plug.to_string()) => PlugState::Partial,
            false if self.setups.values().any(done) => PlugState::Partial,
            false => PlugState::Down,
        }
    }

    /// The plugs that are up and have never been seen to pass an event, though that was to be tried.
    pub fn unverified(&self) -> BTreeSet<PlugId> {
        self.plugs.values().filter(|up| up.unverified).map(|up| up.plug.clone()).collect()
    }

    /// Nothing is to be tried any more of what is up: it was, or its user does not want it.
    pub fn settle(&mut self) {
        self.plugs.values_mut().for_each(|up| up.unverified = false);
    }

    /// Whether there is nothing to take down but data.
    pub fn is_down(&self) -> bool {
        self.services.is_empty() && self.rendered.is_empty() && self.plugs.is_empty() && self.undo.is_empty()
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            version: VERSION,
            services: BTreeMap::new(),
            rendered: BTreeMap::new(),
            setups: BTreeMap::new(),
            plugs: BTreeMap::new(),
            undo: BTreeMap::new(),
            data: BTreeSet::new(),
            environment: None,
            shared: false,
            elsewhere: BTreeMap::new(),
        }
    }
}

/// The state of each plug of the mesh, as the journal tells.
pub fn plug_states(mesh: &Mesh, journal: &Journal) -> BTreeMap<PlugId, PlugState> {
    mesh.plugs.iter().map(|plug| (plug.id.clone(), journal.plug_state(&plug.id))).collect()
}
