//! The programs of the services on the embedded runtime.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::desired::Program;
use super::session::Programs;
use super::trouble::Trouble;
use crate::mesh::model::{self, Instance, Mesh};
use crate::runtime::RuntimeError;
use crate::runtime::embedded::program::Finder;
use crate::runtime::embedded::{Embedded, resolve_program};
use crate::trust::Trusted;

/// Finds programs on this machine, and fetches those that are not there.
pub struct OnThisMachine<'a> {
    /// Whose control sockets.
    pub runtime: &'a Embedded,
    /// Proof that what the mesh names may run. Without it, a program that would have to be fetched is
    /// only named, and none is asked for its version: for `plan`, which changes and runs nothing.
    pub fetch: Option<&'a Trusted>,
    /// Hears what takes long.
    pub notice: &'a (dyn Fn(&str) + Send + Sync),
}

impl fmt::Debug for OnThisMachine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnThisMachine").field("fetch", &self.fetch.is_some()).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Programs for OnThisMachine<'_> {
    async fn find(&self, mesh: &Mesh) -> Result<BTreeMap<String, Program>, Trouble> {
        let mut programs = BTreeMap::new();
        for (instance, service) in mesh.services() {
            let program = self.one(instance, &service.embedded).await?;
            for name in instance.service_names() {
                let control = self.runtime.control_socket(&name)?;
                programs.insert(name, Program { control, ..program.clone() });
            }
        }
        Ok(programs)
    }
}

impl OnThisMachine<'_> {
    async fn one(&self, instance: &Instance, program: &model::Program) -> Result<Program, RuntimeError> {
        let control = self.runtime.control_socket(&instance.name)?;
        let setting = instance.settings.get("program").and_then(serde_json::Value::as_str);
        let found = if self.fetch.is_some_and(|trusted| trusted.covers(&instance.product)) {
            resolve_program(program, setting, self.notice).await?
        } else {
            let finder = Finder { may_run: false, ..Finder::from_environment() };
            match finder.resolve(program, setting, &|_| {}).await {
                Err(_) if setting.is_none() && program.fetch.is_some() => {
                    let path = PathBuf::from(&program.program);
                    return Ok(Program { path, label: program.program.clone(), identity: String::new(), control });
                }
                found => found?,
            }
        };
        Ok(Program { path: found.path, label: found.label, identity: found.identity, control })
    }
}
