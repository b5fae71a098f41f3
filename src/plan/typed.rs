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
use super::trouble::Trouble;
use crate::mesh::model::{Instance, Mesh};
use crate::mesh::secrets::{name_of_instance, wanted};
use crate::project::names;
use crate::project::position::Diagnostic;
use crate::vault::{Prompting, SecretName, Vault, VaultError};

const VERSION: u32 = 1;

/// Which version of the vault's files the secrets here are: the SHA-256 of the encrypted file, by
/// `<instance>/<key>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Taken {
    version: u32,
    secrets: BTreeMap<String, String>,
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

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        paths::write_file(path, &serde_json::to_vec_pretty(&Self { version: VERSION, ..self.clone() })?)
    }
}

/// Takes over what the services of the mesh need; returns the names of what could not be read without
/// asking.
///
/// # Errors
/// Why a secret cannot be read: all of them at once. With [`Prompting::Never`], a locked one is no
/// error.
pub fn take(
    mesh: &Mesh,
    vault: &Vault,
    prompting: Prompting,
    taken: &mut Taken,
    secrets: &mut Secrets,
) -> Result<BTreeSet<String>, Trouble> {
    let (mut locked, mut failed) = (BTreeSet::new(), Vec::new());
    lacking(mesh, vault)?;
    for (instance, _) in mesh.services() {
        for key in desired::typed_secrets(mesh, instance) {
            match one(vault, instance, key, prompting, taken, secrets) {
                Ok(()) => {}
                Err(error) if error.is_locked() && prompting == Prompting::Never => {
                    locked.insert(name_of_instance(&instance.product, &instance.name, key));
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

/// Refuses to go on without the secrets that nothing works without.
fn lacking(mesh: &Mesh, vault: &Vault) -> Result<(), Trouble> {
    let there = vault.names()?;
    let is_there = |name: &str| there.iter().any(|own| own.as_str() == name);
    let found: Vec<Diagnostic> = wanted(mesh)
        .into_iter()
        .filter(|one| one.required && !is_there(&one.name))
        .map(|one| {
            Diagnostic::error(one.at, format!("{} needs secret `{}`", one.owner, one.key)).with_hint(format!(
                "`resilmesh secret set {}` gives it; `resilmesh secret import` takes over Meshroom's secrets",
                one.name
            ))
        })
        .collect();
    if found.is_empty() { Ok(()) } else { Err(found.into()) }
}

fn one(
    vault: &Vault,
    instance: &Instance,
    key: &str,
    prompting: Prompting,
    taken: &mut Taken,
    secrets: &mut Secrets,
) -> Result<(), VaultError> {
    let place = format!("{}/{key}", names::id(&instance.name));
    let name: SecretName = name_of_instance(&instance.product, &instance.name, key).parse()?;
    let Some(version) = version(vault, &name)? else {
        // Taken out of the vault, it must not live on here. One that never was in it stays.
        if taken.secrets.remove(&place).is_some() {
            secrets.withdraw(&instance.name, key);
        }
        return Ok(());
    };
    if taken.secrets.get(&place) == Some(&version) && secrets.get(&instance.name, key).is_some() {
        return Ok(());
    }
    secrets.put(&instance.name, key, vault.get_with(&name, prompting)?);
    taken.secrets.insert(place, version);
    Ok(())
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
