//! Joining two lines of history: documents key by key, other text line by line, secrets not at all.

pub mod document;
pub mod driver;
mod revisions;

pub(super) use revisions::options;
pub use revisions::{Merge, revisions};

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::mesh::difference::show;
use crate::mesh::subject::Subject;

/// Something that both sides changed, and that cannot have both changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// What.
    #[serde(flatten)]
    pub of: Subject,
    /// In which way.
    #[serde(flatten)]
    pub clash: Clash,
}

/// How two changes do not go together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "conflict", rename_all = "snake_case")]
pub enum Clash {
    /// The same key has two values.
    Key(document::KeyConflict),
    /// We took it out, they changed it.
    RemovedHere,
    /// We changed it, they took it out.
    RemovedThere,
    /// The same lines, or what has none, differ.
    Content,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |value: &Option<Value>| value.as_ref().map_or_else(|| "taken out".to_owned(), show);
        write!(f, "{}: ", self.of)?;
        match &self.clash {
            Clash::Key(key) => {
                let name = key.key.strip_prefix("settings.").map(|name| format!("setting {name}"));
                let name = name.unwrap_or_else(|| key.key.clone());
                write!(f, "{name} is {} here and {} there", said(&key.ours), said(&key.theirs))
            }
            Clash::RemovedHere => f.write_str("removed here, changed there"),
            Clash::RemovedThere => f.write_str("changed here, removed there"),
            Clash::Content => f.write_str("changed on both sides"),
        }
    }
}
