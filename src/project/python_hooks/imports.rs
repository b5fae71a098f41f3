//! Under which names a module knows the decorators.

use std::collections::HashMap;

use ruff_python_ast::{Expr, StmtImport, StmtImportFrom};

/// The modules that have the decorators.
const MODULES: [&str; 3] = ["meshroom.decorators", "resilmesh.decorators", "resilmesh"];

/// What a module has imported of the decorators.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// `from meshroom.decorators import *`.
    all: bool,
    /// `from meshroom.decorators import setup_consumer as setup`: decorator by name.
    names: HashMap<String, String>,
    /// `import meshroom.decorators as on`, `from meshroom import decorators`: dotted names.
    modules: Vec<String>,
}

impl Imports {
    pub(super) fn import(&mut self, import: &StmtImport) {
        for alias in &import.names {
            if MODULES.contains(&alias.name.as_str()) {
                let name = alias.asname.as_ref().unwrap_or(&alias.name);
                self.modules.push(name.to_string());
                // `import resilmesh.decorators` binds `resilmesh` as well.
            }
        }
    }

    pub(super) fn import_from(&mut self, import: &StmtImportFrom) {
        let Some(module) = import.module.as_ref().filter(|_| import.level == 0) else { return };
        for alias in &import.names {
            let bound = alias.asname.as_ref().unwrap_or(&alias.name).to_string();
            if MODULES.contains(&format!("{module}.{}", alias.name).as_str()) {
                self.modules.push(bound);
            } else if MODULES.contains(&module.as_str()) {
                if alias.name.as_str() == "*" {
                    self.all = true;
                } else {
                    self.names.insert(bound, alias.name.to_string());
                }
            }
        }
    }

    /// The decorator that an expression names, if it is one of these modules'.
    pub(super) fn decorator<'a>(&'a self, callee: &'a Expr) -> Option<&'a str> {
        match callee {
            Expr::Name(name) => match self.names.get(name.id.as_str()) {
                Some(decorator) => Some(decorator),
                None => self.all.then_some(name.id.as_str()),
            },
            Expr::Attribute(attribute) => {
                let module = dotted(&attribute.value)?;
                self.modules.contains(&module).then_some(attribute.attr.as_str())
            }
            _ => None,
        }
    }
}

fn dotted(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(attribute) => Some(format!("{}.{}", dotted(&attribute.value)?, attribute.attr)),
        _ => None,
    }
}
