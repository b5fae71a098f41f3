//! Under which names a module knows the attributes.

use std::collections::HashMap;

use syn::{Item, UseTree};

/// The crate that has the attributes.
const SDK: &str = "resilmesh_sdk";

/// What a module has imported of the SDK.
#[derive(Debug, Clone, Default)]
pub(super) struct Imports {
    /// `use resilmesh_sdk::*`, or `use super::*` below such a module.
    all: bool,
    /// `use resilmesh_sdk::setup as on_setup`: attribute by name.
    names: HashMap<String, String>,
    /// `use resilmesh_sdk as mesh`.
    crates: Vec<String>,
}

impl Imports {
    /// Those of a module with these items, in a module with those.
    pub(super) fn of(items: &[Item], around: &Self) -> Self {
        let mut own = Self { all: false, names: HashMap::new(), crates: vec![SDK.to_owned()] };
        for item in items {
            if let Item::Use(import) = item {
                own.tree(&import.tree, &[], around);
            }
        }
        own
    }

    fn tree(&mut self, tree: &UseTree, before: &[String], around: &Self) {
        let joined = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &joined(&path.ident), around),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, before, around)),
            UseTree::Name(name) => self.name(&joined(&name.ident), name.ident.to_string(), around),
            UseTree::Rename(name) => self.name(&joined(&name.ident), name.rename.to_string(), around),
            UseTree::Glob(_) => self.glob(before, around),
        }
    }

    /// Imports `path` as `bound`.
    fn name(&mut self, path: &[String], bound: String, around: &Self) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path[..] {
            [SDK] | [SDK, "self"] => self.crates.push(bound),
            [SDK, attribute] => drop(self.names.insert(bound, attribute.to_owned())),
            ["super" | "crate", name] => {
                if let Some(attribute) = around.names.get(name) {
                    self.names.insert(bound, attribute.clone());
                }
            }
            _ => {}
        }
    }

    fn glob(&mut self, path: &[String], around: &Self) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path[..] {
            [SDK] => self.all = true,
            ["super" | "crate"] => {
                self.all |= around.all;
                self.names.extend(around.names.clone());
                self.crates.extend(around.crates.iter().cloned());
            }
            _ => {}
        }
    }

    /// The attribute of the SDK that a path names, if it is one.
    pub(super) fn attribute(&self, path: &syn::Path) -> Option<&str> {
        let parts: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        match parts.as_slice() {
            [name] => match self.names.get(name) {
                Some(attribute) => Some(attribute),
                None if self.all => known(name),
                None => None,
            },
            [own, name] if self.crates.contains(own) => known(name),
            _ => None,
        }
    }
}

/// The name of an attribute of the SDK, if it is one.
fn known(name: &str) -> Option<&'static str> {
    resilmesh_sdk_attributes::Signature::of(name).map(|signature| signature.name)
}
