//! The compiled mesh: every name resolved, every default filled in.
//!
//! [`compile`](super::compile::compile) makes it; nothing in it can be wrong any more.

mod bounds;
mod hook;
mod replicas;
mod service;
mod setting;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::bounds::{Bounds, Pattern, TextFormat};
pub use self::hook::{DeclaredHook, HookCode, HookKind, HookOrder};
pub use self::replicas::{Replicas, Replication, Unless};
pub use self::service::{Fetch, Needs, Program, ReadyProbe, Render, Service};
pub use self::setting::{Setting, SettingType};
use super::guarantees::Delivery;
use super::hooks;
use crate::project::names;
use crate::project::position::Position;

/// The part a product plays for a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes events.
    Consumer,
    /// Gives events.
    Producer,
    /// Gives commands.
    Trigger,
    /// Carries commands out.
    Executor,
}

impl Role {
    /// The part at the other end of a plug.
    pub fn counterpart(self) -> Self {
        match self {
            Self::Consumer => Self::Producer,
            Self::Producer => Self::Consumer,
            Self::Trigger => Self::Executor,
            Self::Executor => Self::Trigger,
        }
    }

    /// What one who plays it does with a topic.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Consumer => "consumes",
            Self::Producer => "produces",
            Self::Trigger => "triggers",
            Self::Executor => "executes",
        }
    }

    /// Its word in YAML and file names.
    pub fn word(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Producer => "producer",
            Self::Trigger => "trigger",
            Self::Executor => "executor",
        }
    }
}

/// Which end is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The source sends.
    #[default]
    Push,
    /// The destination fetches.
    Pull,
}

impl Mode {
    /// Its word in YAML and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
        }
    }
}

/// A runtime's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeName {
    /// Supervised processes on this machine; nothing to install.
    #[default]
    Embedded,
}

/// Into which instance's rendered configuration a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Into {
    /// The instance whose product or integration says so.
    #[default]
    #[serde(rename = "self")]
    Own,
    /// The instance at the other end of the plug.
    Peer,
}

/// What a product wants to have said about an instance when an expression holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caution {
    /// The expression (minijinja) over `instance` and `settings`.
    pub when: String,
    /// What to say.
    pub message: String,
    /// Where it is declared.
    pub at: Position,
}

/// What a product promises of the events that it gives or takes at an end of a plug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarantee {
    /// The part that it plays there.
    pub role: Role,
    /// In which mode; none = any.
    pub mode: Option<Mode>,
    /// In which format; none = any.
    pub format: Option<String>,
    /// With which product at the other end; none = any.
    pub product: Option<String>,
    /// An expression (minijinja) over `settings` and `peer` that must be true; none = always.
    pub when: Option<String>,
    /// How often an event arrives.
    pub delivery: Delivery,
    /// Why.
    pub because: String,
    /// Where it is declared.
    pub at: Position,
}

/// How a product plays a part towards one other product: a file of its own, which overrides what
/// the definition says.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// The product at the other end.
    pub target: String,
    /// The topic; none = every topic.
    pub topic: Option<String>,
    /// The part it plays.
    pub role: Role,
    /// Which end is active.
    pub mode: Mode,
    /// The format; none = any.
    pub format: Option<String>,
    /// Overrides whether the other end is set up too.
    pub owns_both: Option<bool>,
    /// Overrides the files to render.
    pub renders: Option<Vec<Render>>,
    /// Overrides the ports.
    pub ports: Option<BTreeMap<String, u16>>,
    /// What it wants to be told for each plug.
    pub settings: Vec<Setting>,
    /// For people.
    pub description: Option<String>,
    /// Where to read more.
    pub documentation_url: Option<String>,
    /// Its own hooks: with some of a kind, the product's of that kind are not called.
    pub hooks: Vec<DeclaredHook>,
    /// Where it is declared.
    pub at: Position,
}

/// What a product can do for a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// The topic; none = every topic.
    pub topic: Option<String>,
    /// The part it plays.
    pub role: Role,
    /// Which end is active.
    pub mode: Mode,
    /// The format; none = any.
    pub format: Option<String>,
    /// Sets up the other end too.
    pub owns_both: bool,
    /// Files it renders, per plug.
    pub renders: Vec<Render>,
    /// Ports it needs, per plug, with default numbers.
    pub ports: BTreeMap<String, u16>,
}

/// What the code of a product says it needs. Shown when it is to be trusted, and again when it asks
/// for more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Permissions {
    /// Hosts that it talks to: `api.example.org`, `*.example.org`.
    #[serde(default)]
    pub hosts: BTreeSet<String>,
    /// Secrets that it reads.
    #[serde(default)]
    pub secrets: BTreeSet<String>,
    /// Paths that it reads or writes.
    #[serde(default)]
    pub paths: BTreeSet<String>,
}

/// Where a product comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductSource {
    /// The catalogue that is built in.
    Builtin,
    /// The project.
    Project,
    /// A git catalogue of the project.
    Catalogue {
        /// Its name.
        name: String,
        /// Where its files lie on this machine.
        root: PathBuf,
    },
}

/// A product, from the project or a catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Its name, which is its folder's.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Who makes it.
    pub vendor: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: ProductSource,
    /// What its code says it needs.
    pub permissions: Permissions,
    /// Passes each topic on as it came: `nats`.
    pub broker: bool,
    /// How many different topics may leave an instance; none = any number.
    pub outgoing_topics: Option<usize>,
    /// What it wants to be told.
    pub settings: Vec<Setting>,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// Its integrations with single products.
    pub integrations: Vec<Integration>,
    /// Its hooks, in the order of files and lines.
    pub hooks: Vec<DeclaredHook>,
    /// What to warn of.
    pub cautions: Vec<Caution>,
    /// What it promises; of those that are about an end of a plug, the first counts.
    pub guarantees: Vec<Guarantee>,
    /// How a managed instance runs; none = a tenant.
    pub service: Option<Service>,
    /// Template texts by path below `templates/`.
    pub templates: BTreeMap<String, String>,
    /// Of a module, the texts of its code and of what that reads, by path below the product's folder.
    pub code: BTreeMap<String, String>,
    /// Where it is defined.
    pub at: Position,
}

/// A product in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its name, unique in the mesh.
    pub name: String,
    /// Its product's name.
    pub product: String,
    /// Its settings, defaults filled in, without secrets.
    pub settings: BTreeMap<String, Value>,
    /// Where it runs if it is managed.
    pub runtime: RuntimeName,
    /// How many like services run for it, if it is managed.
    pub replicas: Replicas,
    /// Its network zone.
    pub zone: Option<String>,
    /// Where it is declared.
    pub at: Position,
    /// What the profile in force says about its settings, as written; null = the default.
    pub over: BTreeMap<String, Value>,
    /// Where the values of settings are written that count; what is not in it has its default.
    pub written: BTreeMap<String, Position>,
}

impl Instance {
    /// Where the value of a setting is written, else where the instance is declared.
    pub fn place_of(&self, setting: &str) -> &Position {
        self.written.get(setting).unwrap_or(&self.at)
    }

    /// The names of its services, if it is managed.
    pub fn service_names(&self) -> impl Iterator<Item = String> + '_ {
        (1..=self.replicas.number).map(|number| names::service(&self.name, number))
    }
}

/// What names a plug: one topic, in one mode, from one instance to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlugId {
    /// The instance that gives.
    pub source: String,
    /// The instance that takes.
    pub destination: String,
    /// The topic.
    pub topic: String,
    /// Which end is active.
    pub mode: Mode,
}

impl fmt::Display for PlugId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.source, self.destination)?;
        if self.mode == Mode::Pull { write!(f, " (pull)") } else { Ok(()) }
    }
}

/// One end of a plug: how its product plays its part there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The instance.
    pub instance: String,
    /// The part it plays.
    pub role: Role,
    /// The integration in force, generic or explicit, as a capability with the plug's topic.
    pub capability: Capability,
    /// The integration file in force, by its place among those of the product.
    pub explicit: Option<usize>,
}

/// A connection of two instances.
#[derive(Debug, Clone, PartialEq)]
pub struct Plug {
    /// What names it.
    pub id: PlugId,
    /// The format agreed on.
    pub format: Option<String>,
    /// The end that gives (producer or trigger).
    pub source: End,
    /// The end that takes (consumer or executor).
    pub destination: End,
    /// The instance that sets both ends up alone; none = each end sets itself up. Hooks of the other
    /// end are then not called, and its capability has no renders.
    pub owner: Option<String>,
    /// The plug's own settings.
    pub settings: BTreeMap<String, Value>,
    /// Its file says that Meshroom brought it up.
    pub up: bool,
    /// Where it is declared.
    pub at: Position,
}

impl Plug {
    /// The end that waits to be connected to: set up first.
    pub fn passive(&self) -> &End {
        match self.id.mode {
            Mode::Push => &self.destination,
            Mode::Pull => &self.source,
        }
    }

    /// The end that connects.
    pub fn active(&self) -> &End {
        match self.id.mode {
            Mode::Push => &self.source,
            Mode::Pull => &self.destination,
        }
    }
}

/// A mesh that can be brought up.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    /// Its name.
    pub name: String,
    /// The profile in force; none = what is written counts as it is.
    pub profile: Option<String>,
    /// It is one of Meshroom: the files of its plugs say whether they are up.
    pub is_meshrooms: bool,
    /// The products in use, by name.
    pub products: BTreeMap<String, Product>,
    /// The instances, by name.
    pub instances: BTreeMap<String, Instance>,
    /// The plugs, in order of their ids.
    pub plugs: Vec<Plug>,
}

impl Mesh {
    /// The hooks of a moment that are in force at one end of a plug, in the order in which they are
    /// called.
    pub fn hooks_at(&self, plug: &Plug, end: &End, kind: HookKind) -> Vec<&DeclaredHook> {
        let product = self.product_of(&self.instances[&end.instance]);
        let explicit = end.explicit.and_then(|index| product.integrations.get(index));
        let part =
            hooks::Part { role: end.role, topic: &plug.id.topic, mode: plug.id.mode, format: plug.format.as_deref() };
        hooks::in_force(product, explicit, kind, part)
    }

    /// The product of an instance of this mesh.
    pub fn product_of(&self, instance: &Instance) -> &Product {
        &self.products[&instance.product]
    }

    /// The plugs that an instance is an end of.
    pub fn plugs_of(&self, instance: &str) -> Vec<&Plug> {
        self.plugs.iter().filter(|plug| plug.id.source == instance || plug.id.destination == instance).collect()
    }

    /// The plugs of every instance: for those who go through all of them.
    pub fn plugs_by_instance(&self) -> HashMap<&str, Vec<&Plug>> {
        let mut plugs: HashMap<&str, Vec<&Plug>> = HashMap::new();
        for plug in &self.plugs {
            for end in BTreeSet::from([plug.id.source.as_str(), &plug.id.destination]) {
                plugs.entry(end).or_default().push(plug);
            }
        }
        plugs
    }

    /// An instance that resilmesh runs, with how it runs.
    pub fn service(&self, instance: &str) -> Option<(&Instance, &Service)> {
        let instance = self.instances.get(instance)?;
        Some((instance, self.product_of(instance).service.as_ref()?))
    }

    /// The instances that resilmesh runs, with how they run.
    pub fn services(&self) -> impl Iterator<Item = (&Instance, &Service)> {
        self.instances.values().filter_map(|instance| Some((instance, self.product_of(instance).service.as_ref()?)))
    }
}
