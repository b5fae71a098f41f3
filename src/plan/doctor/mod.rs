//! What may keep a mesh from running on this machine, found before it is tried. Starts no service, runs no
//! code of others, and changes nothing.
//!
//! | module | what it looks at |
//! |---|---|
//! | [`machine`] | memory, kernel, disk and clock, read and judged apart from each other |
//! | [`ports`] | numbers that settings ask for, or that were had before |
//! | [`meshes`] | what other meshes of this user have |
//! | [`programs`] | what services, hooks and commands run |
//! | [`services`] | those that are up: whether they do their work |
//! | [`state`] | `.resilmesh/`: rights, what was left behind, locks, the supervisor |
//! | [`shared`] | keys of the vault, secrets that are missing, code of others |

use std::path::Path;

use serde::Serialize;

use crate::mesh::model::Mesh;
use crate::project::load::ProjectFiles;

pub mod machine;
pub mod meshes;
pub mod ports;
pub mod programs;
pub mod services;
pub mod shared;
pub mod state;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing is wrong.
    Ok,
    /// `up` does its work; something else will not, or not for long.
    Warn,
    /// `up` will fail.
    Bad,
}

impl Level {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// The files of the project.
    Project,
    /// What runs.
    Programs,
    /// The services that are up.
    Services,
    /// Numbers of ports.
    Ports,
    /// Other meshes of this user.
    Meshes,
    /// Memory.
    Memory,
    /// Limits of the kernel.
    Kernel,
    /// Disk space.
    Disk,
    /// The time of day.
    Clock,
    /// Keys of those who may read secrets.
    Keys,
    /// Secrets.
    Secrets,
    /// Code of others.
    Trust,
    /// Who changes or looks after the mesh.
    Locks,
    /// `.resilmesh/`.
    Files,
}

impl Area {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Programs => "programs",
            Self::Services => "services",
            Self::Ports => "ports",
            Self::Meshes => "meshes",
            Self::Memory => "memory",
            Self::Kernel => "kernel",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Keys => "keys",
            Self::Secrets => "secrets",
            Self::Trust => "trust",
            Self::Locks => "locks",
            Self::Files => "files",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What it is about.
    pub area: Area,
    /// How it stands.
    pub level: Level,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(area: Area, message: impl Into<String>) -> Self {
        Self { area, level: Level::Ok, message: message.into(), hint: None }
    }

    /// Something that does not keep `up` from its work.
    pub fn warn(area: Area, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { area, level: Level::Warn, message: message.into(), hint: Some(hint.into()) }
    }

    /// Something that `up` fails of.
    pub fn bad(area: Area, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { level: Level::Bad, ..Self::warn(area, message, hint) }
    }
}

/// A project to look at.
#[derive(Debug, Clone, Copy)]
pub struct Patient<'a> {
    /// Its folder.
    pub root: &'a Path,
    /// Its files.
    pub files: &'a ProjectFiles,
    /// Its mesh, unless it has mistakes.
    pub mesh: Option<&'a Mesh>,
}

/// Looks at everything: at this machine, and at a project if there is one. Sorted by area, the worst first.
pub async fn examine(patient: Option<Patient<'_>>) -> Vec<Finding> {
    let others = meshes::others(patient.map(|patient| patient.root));
    let mut found = programs::examine(patient.and_then(|patient| patient.mesh)).await;
    found.extend(meshes::findings(&others));
    found.extend(state::dead_sockets());
    let mut running = Vec::new();
    if let Some(patient) = patient {
        let (services, seen) = state::supervisor(patient.root).await;
        found.extend(seen);
        running = services;
        found.extend(services::examine(&running));
        found.extend(state::examine(patient.root));
        found.extend(shared::examine(&patient));
    }
    if let Some((patient, mesh)) = patient.and_then(|patient| Some((patient, patient.mesh?))) {
        found.extend(ports::examine(patient.root, mesh, &running, &others));
    }
    let mesh = patient.and_then(|patient| patient.mesh);
    found.extend(machine::examine(patient.map(|patient| patient.root), mesh, &running));
    found.sort_by(|one, other| (one.area, other.level, &one.message).cmp(&(other.area, one.level, &other.message)));
    found
}
