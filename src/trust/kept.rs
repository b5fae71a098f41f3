//! Trust in a product whose own hooks have changed it.
//!
//! Hooks of a product run only if it is trusted as it is. A definition or an integration that they then ask
//! this program to write comes from code that was trusted, and needs no second word of the user. Code
//! does, and so does whatever decides what runs: files that hooks write by themselves, a program, permissions.

use super::Gate;
use super::Standing;
use super::subject::Subject;
use crate::project::content::Entry;
use crate::project::load::ProjectFiles;
use crate::project::product_folder::DEFINITION;
use crate::project::written::Written;

/// What was trusted before hooks ran.
#[derive(Debug)]
pub struct Before(Vec<Subject>);

/// What hooks have done to trusted products.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Names of those that are trusted as they are now.
    pub kept: Vec<String>,
    /// Names of those that have changed otherwise: the user is asked again.
    pub lost: Vec<String>,
}

impl Gate {
    /// The subjects that their user has trusted as they are.
    pub fn before(&self) -> Before {
        let trusted = |subject: &&Subject| self.standing(subject) == Standing::Trusted;
        Before(self.subjects.iter().filter(trusted).cloned().collect())
    }

    /// Trusts what this program has written since, where nothing else has changed. Nothing is saved.
    pub fn keep(&mut self, before: &Before, files: &ProjectFiles, written: &Written) -> Outcome {
        let mut outcome = Outcome::default();
        for old in &before.0 {
            let Some(now) = self.subjects.iter().find(|now| now.key == old.key && now.hash != old.hash).cloned() else {
                continue;
            };
            let name = now.name().to_owned();
            if is_kept(old, &now, files, written) {
                self.trust(&now);
                outcome.kept.push(name);
            } else {
                outcome.lost.push(name);
            }
        }
        outcome
    }
}

fn is_kept(old: &Subject, now: &Subject, files: &ProjectFiles, written: &Written) -> bool {
    let folder = files.root.join(crate::project::load::PRODUCTS).join(&now.product);
    let (old_files, new_files) = (&old.content.0, &now.content.0);
    let gone = old_files.keys().any(|path| !new_files.contains_key(path));
    let same_runs = old.runs == now.runs && old.permissions == now.permissions;
    let mut changed = new_files.iter().filter(|(path, entry)| old_files.get(*path) != Some(*entry));
    let of_project = now.catalogue.is_none() && now.broken.is_empty();
    let ours = |path: &str, entry: &Entry| is_document(path) && written.has(&folder.join(path), entry);
    of_project && same_runs && !gone && changed.all(|(path, entry)| ours(path, entry))
}

/// The definition, or the file of an integration: no code.
fn is_document(path: &str) -> bool {
    path == DEFINITION || (path.starts_with("integrations/") && (path.ends_with(".yml") || path.ends_with(".yaml")))
}
