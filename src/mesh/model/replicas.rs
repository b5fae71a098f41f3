//! Several like services of one instance that share its work.

use crate::project::position::Position;

/// How many like services run for an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replicas {
    /// How many, at least 1.
    pub number: u16,
    /// Where that is written; none = nowhere, and it is one.
    pub at: Option<Position>,
}

impl Replicas {
    /// The most that an instance can have on one machine.
    pub const MOST: u16 = 64;
}

impl Default for Replicas {
    fn default() -> Self {
        Self { number: 1, at: None }
    }
}

/// That several services of one instance of a product can share its work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replication {
    /// When they cannot; the first that holds counts.
    pub unless: Vec<Unless>,
}

/// A case in which an instance cannot have several services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unless {
    /// The expression (minijinja) over `instance` and `settings`; none = always.
    pub when: Option<String>,
    /// Why not, with the instance for a subject: `reads files, ...`.
    pub because: String,
    /// Where it is declared.
    pub at: Position,
}
