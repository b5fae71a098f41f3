//! Projects of Meshroom: the files of their plugs say whether they are up. That is believed of plugs
//! that the journal does not know, and kept up to date, so that both programs can be used on a project.

use std::io;
use std::path::Path;

use super::desired::Desired;
use super::journal::{Journal, Undoing, UpPlug};
use crate::mesh::model::Mesh;
use crate::project::edit::set_key;
use crate::project::write::{self, Rewrite};

/// Takes into the journal what Meshroom has brought up.
pub fn adopt(mesh: &Mesh, desired: &Desired, journal: &mut Journal) {
    let known = |journal: &Journal, plug: &str| journal.plugs.contains_key(plug) || journal.undo.contains_key(plug);
    for plug in mesh.plugs.iter().filter(|plug| mesh.is_meshrooms && plug.up) {
        let (Some(digest), name) = (desired.plugs.get(&plug.id), plug.id.to_string()) else { continue };
        let mut setups = desired.setups_of(&plug.id).peekable();
        // What runs on this machine is up only if it was brought up here.
        if known(journal, &name) || setups.peek().is_none() || setups.any(|(_, setup)| setup.setup.hosted.is_none()) {
            continue;
        }
        for (key, setup) in desired.setups_of(&plug.id) {
            journal.setups.insert(key.clone(), setup.setup.done());
        }
        let hooks = desired.undo.get(&plug.id).map(|undo| undo.to_vec()).unwrap_or_default();
        journal.undo.insert(name.clone(), Undoing { plug: plug.id.clone(), hooks, begun: false });
        journal.plugs.insert(name, UpPlug { plug: plug.id.clone(), digest: digest.clone(), unverified: false });
    }
}

/// Writes into the files of plugs whether they are up.
///
/// # Errors
/// When a file cannot be read or written; the others are written all the same.
pub fn note_status(project: &Path, mesh: &Mesh, journal: &Journal) -> io::Result<()> {
    let (mut result, mut files) = (Ok(()), Vec::new());
    for plug in mesh.plugs.iter().filter(|_| mesh.is_meshrooms) {
        let up = journal.plugs.contains_key(&plug.id.to_string());
        if up != plug.up {
            let path = project.join(&plug.at.file);
            let value = up.then(|| "up".into());
            match std::fs::read_to_string(&path) {
                Ok(before) => {
                    let after = set_key(&before, None, "status", value.as_ref());
                    files.push(Rewrite { path, before, after });
                }
                Err(error) => result = Err(error),
            }
        }
    }
    result.and(write::rewrite_all(project, &files))
}
