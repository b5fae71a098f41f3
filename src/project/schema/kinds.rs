//! The kinds of documents.

use super::{Record, tables};

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What holds for the whole project.
    Project,
    /// What a product is and can do.
    Definition,
    /// How a product works with one other product.
    Integration,
    /// A product in use.
    Instance,
    /// A connection of two instances.
    Plug,
    /// What is different in one environment.
    Profile,
    /// Test cases of the mesh or of a product.
    Tests,
    /// The git catalogues that are in use.
    Lock,
}

impl Kind {
    /// All of them, as a reader wants to meet them.
    pub const ALL: [Self; 8] = [
        Self::Project,
        Self::Definition,
        Self::Integration,
        Self::Instance,
        Self::Plug,
        Self::Profile,
        Self::Tests,
        Self::Lock,
    ];

    /// Its table.
    pub fn record(self) -> &'static Record {
        match self {
            Self::Project => &tables::PROJECT,
            Self::Definition => &tables::DEFINITION,
            Self::Integration => &tables::INTEGRATION,
            Self::Instance => &tables::INSTANCE,
            Self::Plug => &tables::PLUG,
            Self::Profile => &tables::PROFILE,
            Self::Tests => &tables::TESTS,
            Self::Lock => &tables::LOCK,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        self.record().name
    }

    /// Where such documents lie in a project.
    pub fn place(self) -> &'static str {
        match self {
            Self::Project => "resilmesh.yaml",
            Self::Definition => "products/<product>/definition.yaml",
            Self::Integration => "products/<product>/integrations/<target>/<topic>_<role>[_pull].yml",
            Self::Instance => "instances/<product>/<instance>/config.yaml",
            Self::Plug => "instances/<product>/<source>/plugs/<destination>/<topic>[_pull].yaml",
            Self::Profile => "profiles/<profile>.yaml",
            Self::Tests => "tests/*.yaml, products/<product>/tests/*.yaml",
            Self::Lock => "resilmesh.lock",
        }
    }
}
