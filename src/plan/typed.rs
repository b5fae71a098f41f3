//! Secrets that people typed: from the vault into this machine's state, where services read them.
//!
//! A service that restarts at night must need no passphrase, so `up` keeps what services need in
//! `.resilmesh/secrets/`. What was taken over from which version of the vault's file is remembered, so
//! that the next `up` opens the vault only for what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::desired;
use super::paths;
use super::secrets::Secrets;
use super::session::Typed;
use super::trouble::Trouble;
use crate::mesh::model::{Instance, Mesh};
use crate::mesh::secrets::{name_of_instance, wanted};
use crate::project::code::Code;
use crate::project::names;
use crate::project::position::Diagnostic;
use crate::vault::meshroom::Meshroom;
use crate::vault::{Prompting, Secret, SecretName, Vault, VaultError};

const VERSION: u32 = 1;

/// Which version of the vault's files the secrets here are: the SHA-256 of the encrypted file, by
/// `<instance>/<key>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Taken {
    version: u32,
    secrets: BTreeMap<String, String>,
    /// What Meshroom's vault held when it was last opened.
    #[serde(default)]
    meshroom: Option<Inside>,
}

/// The names of the secrets in one version of Meshroom's vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Inside {
    version: String,
    names: BTreeSet<String>,
}

/// Why a secret is not known without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// It has changed, and a key here may open it.
    Passphrase,
    /// It has changed, and no key here opens it.
    NoKey,
    /// It may be in Meshroom's vault, which was not opened as it is now.
    InMeshroom,
}

impl Taken {
    /// Reads what is remembered. What cannot be understood is forgotten: all is then taken anew.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(path: &Path) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(text) => {
                Ok(serde_json::from_slice(&text).ok().filter(|own: &Self| own.version == VERSION).unwrap_or_default())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// The names of the secrets in Meshroom's vault, if it was opened as it is now.
    pub fn names_in(&self, meshroom: &Meshroom) -> Option<&BTreeSet<String>> {
        self.meshroom.as_ref().filter(|inside| inside.version == meshroom.version()).map(|inside| &inside.names)
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        paths::write_file(path, &serde_json::to_vec_pretty(&Self { version: VERSION, ..self.clone() })?)
    }
}

/// Takes over what the services of the mesh need, from the vault or else from Meshroom's; returns the
/// names of what could not be read without asking, and why.
///
/// # Errors
/// Why a secret cannot be read: all of them at once. With [`Prompting::Never`], a locked one is no
/// error.
pub fn take(
    mesh: &Mesh,
    from: &Typed<'_>,
    taken: &mut Taken,
    secrets: &mut Secrets,
) -> Result<BTreeMap<String, Locked>, Trouble> {
    let mut sources = Sources { from, opened: None };
    let mut locked = sources.look_beside(mesh, taken)?;
    lacking(mesh, from.vault, taken, &locked)?;
    let mut failed = Vec::new();
    for (instance, _) in mesh.services() {
        for key in desired::typed_secrets(mesh, instance) {
            let name = name_of_instance(&instance.product, &instance.name, key);
            if locked.contains_key(&name) {
                continue;
            }
            match sources.one(instance, key, taken, secrets) {
                Ok(()) => {}
                Err(error) if error.is_locked() && from.prompting == Prompting::Never => {
                    locked.insert(name, why_locked(&error));
                }
                Err(error) => failed.push(error),
            }
        }
    }
    match failed.first() {
        None => Ok(locked),
        Some(first) => {
            let hint = hint(first);
            let what: Vec<String> = failed.iter().map(ToString::to_string).collect();
            Err(Trouble::new(what.join("\n")).hint(hint))
        }
    }
}

fn why_locked(error: &VaultError) -> Locked {
    if matches!(error, VaultError::NoKey { .. }) { Locked::NoKey } else { Locked::Passphrase }
}

/// The names of all secrets that services are given.
fn of_services(mesh: &Mesh) -> impl Iterator<Item = String> {
    mesh.services().flat_map(|(instance, _)| {
        desired::typed_secrets(mesh, instance).map(|key| name_of_instance(&instance.product, &instance.name, key))
    })
}

/// Refuses to go on without the secrets that nothing works without.
fn lacking(mesh: &Mesh, vault: &Vault, taken: &Taken, locked: &BTreeMap<String, Locked>) -> Result<(), Trouble> {
    let there = vault.names()?;
    let beside = taken.meshroom.as_ref().map(|inside| &inside.names);
    let is_there = |name: &String| {
        there.iter().any(|own| own.as_str() == name)
            || beside.is_some_and(|names| names.contains(name))
            || locked.contains_key(name)
    };
    let found: Vec<Diagnostic> = wanted(mesh)
        .into_iter()
        .filter(|one| one.required && !is_there(&one.name))
        .map(|one| {
            let lacking = Diagnostic::error(one.at, format!("{} needs secret `{}`", one.owner, one.key));
            lacking.coded(Code::MissingSecret).with_hint(format!(
                "`resilmesh secret set {}` gives it; `resilmesh secret import` takes over Meshroom's secrets",
                one.name
            ))
        })
        .collect();
    if found.is_empty() { Ok(()) } else { Err(found.into()) }
}

/// Where secrets are taken from.
struct Sources<'a> {
    from: &'a Typed<'a>,
    /// What is in Meshroom's vault, once it has been opened.
    opened: Option<BTreeMap<String, Secret>>,
}

impl Sources<'_> {
    /// Learns what is in Meshroom's vault, if something is wanted that ours has not: the names that
    /// cannot be told without asking.
    fn look_beside(&mut self, mesh: &Mesh, taken: &mut Taken) -> Result<BTreeMap<String, Locked>, Trouble> {
        let Some(meshroom) = &self.from.meshroom else {
            taken.meshroom = None;
            return Ok(BTreeMap::new());
        };
        if taken.names_in(meshroom).is_some() {
            return Ok(BTreeMap::new());
        }
        taken.meshroom = None;
        let there = self.from.vault.names()?;
        let required = wanted(mesh).into_iter().filter(|one| one.required).map(|one| one.name);
        let mut missing: BTreeSet<String> = required.chain(of_services(mesh)).collect();
        missing.retain(|name| !there.iter().any(|own| own.as_str() == name));
        if missing.is_empty() {
            return Ok(BTreeMap::new());
        }
        let prompting = self.from.prompting;
        match self.beside(meshroom) {
            Ok(values) => {
                let names = values.keys().cloned().collect();
                taken.meshroom = Some(Inside { version: meshroom.version().to_owned(), names });
                Ok(BTreeMap::new())
            }
            Err(error) if error.is_locked() && prompting == Prompting::Never => {
                Ok(missing.into_iter().map(|name| (name, Locked::InMeshroom)).collect())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens Meshroom's vault, once.
    fn beside(&mut self, meshroom: &Meshroom) -> Result<&BTreeMap<String, Secret>, VaultError> {
        let values = match self.opened.take() {
            Some(values) => values,
            None => meshroom.open(self.from.vault.keys(), self.from.prompting)?,
        };
        Ok(self.opened.insert(values))
    }

    /// Takes over one secret, if it is another version than the one here.
    fn one(
        &mut self,
        instance: &Instance,
        key: &str,
        taken: &mut Taken,
        secrets: &mut Secrets,
    ) -> Result<(), VaultError> {
        let place = format!("{}/{key}", names::id(&instance.name));
        let name: SecretName = name_of_instance(&instance.product, &instance.name, key).parse()?;
        let meshroom = self.from.meshroom.as_ref();
        let in_meshroom =
            meshroom.filter(|file| taken.names_in(file).is_some_and(|names| names.contains(name.as_str())));
        let own = version(self.from.vault, &name)?;
        let Some(version) = own.clone().or_else(|| in_meshroom.map(|file| file.version().to_owned())) else {
            // Taken out of the vault, it must not live on here. One that never was in it stays.
            if taken.secrets.remove(&place).is_some() {
                secrets.withdraw(&instance.name, key);
            }
            return Ok(());
        };
        if taken.secrets.get(&place) == Some(&version) && secrets.get(&instance.name, key).is_some() {
            return Ok(());
        }
        let value = match in_meshroom.filter(|_| own.is_none()) {
            None => self.from.vault.get_with(&name, self.from.prompting)?,
            Some(file) => {
                let values = self.beside(file)?;
                values.get(name.as_str()).cloned().ok_or(VaultError::NoSecret(name))?
            }
        };
        secrets.put(&instance.name, key, value);
        taken.secrets.insert(place, version);
        Ok(())
    }
}

/// What tells one version of a secret's file from another; none when there is no such secret.
fn version(vault: &Vault, name: &SecretName) -> Result<Option<String>, VaultError> {
    if !vault.contains(name)? {
        return Ok(None);
    }
    let path = vault.file(name);
    let bytes = std::fs::read(&path).map_err(|source| VaultError::Io { doing: "read", path, source })?;
    Ok(Some(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()))
}

impl From<VaultError> for Trouble {
    fn from(error: VaultError) -> Self {
        Self::new(error.to_string()).hint(hint(&error))
    }
}

fn hint(error: &VaultError) -> String {
    match error {
        VaultError::NoKey { .. } => {
            "`resilmesh secret recipients request` asks the members for access, or name your key in RESILMESH_KEY_FILE"
        }
        VaultError::NoPassphrase { .. } => "run it on a terminal, or set RESILMESH_PASSPHRASE_FILE",
        VaultError::WrongPassphrase { .. } => "try again, or see RESILMESH_PASSPHRASE_FILE",
        _ => "`resilmesh secret check` tells more; `git checkout -- secrets` brings the last committed state back",
    }
    .to_owned()
}
