//! Trust in a product whose own hooks have changed it.
//!
//! Hooks of a product run only if it is trusted as it is. A definition or an integration that they then ask
//! this program to write comes from code that was trusted, and needs no second word of the user as long as it
//! describes. Code does, whatever decides what runs or what a service is given (a program, settings of a product,
//! templates, permissions), and every file that hooks write by themselves.

use std::path::Path;

use serde_json::{Map, Value};

use super::Gate;
use super::Standing;
use super::subject::Subject;
use crate::project::content::Entry;
use crate::project::load::{PRODUCTS, ProjectFiles};
use crate::project::product_folder::DEFINITION;
use crate::project::written::Written;
use crate::project::yaml;

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
    let folder = files.root.join(PRODUCTS).join(&now.product);
    let (old_files, new_files) = (&old.content.0, &now.content.0);
    let gone = old_files.keys().any(|path| !new_files.contains_key(path));
    let same_runs = old.runs == now.runs && old.permissions == now.permissions;
    let mut changed = new_files.iter().filter(|(path, entry)| old_files.get(*path) != Some(*entry));
    let of_project = now.catalogue.is_none() && now.broken.is_empty();
    let ours = |path: &str, entry: &Entry| {
        written.has(&folder.join(path), entry) && only_describes_more(path, old_files.get(path), entry)
    };
    of_project && same_runs && !gone && changed.all(|(path, entry)| ours(path, entry))
}

/// What a definition says to people, and what the product can do.
const DESCRIBES: [&str; 7] = ["description", "vendor", "tags", "consumes", "produces", "triggers", "executes"];

/// Whether a file is a definition or an integration that differs in nothing that a service is made from.
fn only_describes_more(path: &str, old: Option<&Entry>, new: &Entry) -> bool {
    let is_integration = path.starts_with("integrations/") && (path.ends_with(".yml") || path.ends_with(".yaml"));
    let old = old.map_or_else(|| Some(Map::new()), document);
    let (Some(mut old), Some(mut new)) = (old, document(new)) else { return false };
    let (mut then, mut now) = (Vec::new(), Vec::new());
    renders(&Value::Object(old.clone()), &mut then);
    renders(&Value::Object(new.clone()), &mut now);
    for key in DESCRIBES {
        old.remove(key);
        new.remove(key);
    }
    then == now && (is_integration || (path == DEFINITION && old == new))
}

fn document(entry: &Entry) -> Option<Map<String, Value>> {
    let Entry::File { text: Some(text), .. } = entry else { return None };
    match yaml::parse(text, Path::new("")).ok()?.to_json() {
        Value::Object(entries) => Some(entries),
        Value::Null => Some(Map::new()),
        _ => None,
    }
}

/// What files and ports a document, or a capability in it, gives to services.
fn renders(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                match key.as_str() {
                    "renders" | "ports" => found.push(value.clone()),
                    _ => renders(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| renders(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_is_made_from_needs_a_second_word() {
        let more =
            |path: &str, old: &str, new: &str| only_describes_more(path, Some(&Entry::text(old)), &Entry::text(new));
        let definition = "vendor: a\nservice: {embedded: {program: x}}\n";
        assert!(more(DEFINITION, definition, &format!("{definition}produces: {{alerts: [{{}}]}}\n")));
        assert!(!more(DEFINITION, definition, "vendor: a\nservice: {embedded: {program: y}}\n"));
        assert!(!more(DEFINITION, definition, &format!("{definition}settings: [{{name: x, default: y}}]\n")));
        assert!(!more(
            DEFINITION,
            definition,
            &format!("{definition}produces: {{alerts: [{{renders: [{{to: x}}]}}]}}\n")
        ));
        let integration = "integrations/siem/alerts_producer.yml";
        assert!(only_describes_more(integration, None, &Entry::text("vendor_id: 7\n")));
        assert!(!only_describes_more(integration, None, &Entry::text("renders: [{template: a, to: b}]\n")));
        for other in ["hooks.py", "templates/a.yaml", "integrations/siem/alerts_producer.py"] {
            assert!(!more(other, "", "vendor: a\n"), "{other}");
        }
        assert!(!more(DEFINITION, definition, "- 1\n"));
    }
}
