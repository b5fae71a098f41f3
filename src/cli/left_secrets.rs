//! Secrets of what is taken out of a project: they are named, or deleted with it.

use super::Context;
use super::failure::Failure;
use crate::mesh::model::PlugId;
use crate::mesh::secrets::{name_of_instance, name_of_plug};
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::vault::{self, SecretName};

/// Whose secrets they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// An instance.
    Instance {
        /// Its product.
        product: String,
        /// Its name.
        name: String,
    },
    /// A plug.
    Plug(PlugId),
}

impl Owner {
    /// What the names of its secrets start with.
    fn start(&self) -> String {
        match self {
            Self::Instance { product, name } => name_of_instance(product, name, ""),
            Self::Plug(id) => name_of_plug(id, ""),
        }
    }
}

/// Deletes the secrets of what was taken out of `files`, or says which are left in the vault.
///
/// # Errors
/// When the vault cannot be read or written.
pub(super) fn settle(cx: &Context, files: &ProjectFiles, gone: &[Owner], purge: bool) -> Result<(), Failure> {
    let vault = vault::open_without_keys(&files.root)?;
    if !vault.exists()? {
        return Ok(());
    }
    let left = of(gone, &owners(files), vault.names()?);
    if purge {
        for name in &left {
            vault.remove(name)?;
            cx.ui.progress(format!("removed secret `{name}`"));
        }
    } else if !left.is_empty() {
        let quoted = names::list(left.iter().map(SecretName::as_str));
        let plain: Vec<&str> = left.iter().map(SecretName::as_str).collect();
        cx.ui.progress(format!(
            "still in the vault: {quoted}; `resilmesh secret rm {}` deletes what nobody needs",
            plain.join(" ")
        ));
    }
    Ok(())
}

/// All who may have secrets.
fn owners(files: &ProjectFiles) -> Vec<Owner> {
    let instances =
        files.instances.iter().map(|own| Owner::Instance { product: own.product.clone(), name: own.name.clone() });
    instances.chain(files.plugs.iter().map(|plug| Owner::Plug(plug.id.clone()))).collect()
}

/// The secrets of those who are gone. A name that could as well be that of somebody who stays is left alone.
fn of(gone: &[Owner], all: &[Owner], known: Vec<SecretName>) -> Vec<SecretName> {
    let starts = |owners: &mut dyn Iterator<Item = &Owner>| owners.map(Owner::start).collect::<Vec<_>>();
    let (own, others) = (starts(&mut gone.iter()), starts(&mut all.iter().filter(|owner| !gone.contains(owner))));
    let belongs = |name: &SecretName, starts: &[String]| starts.iter().any(|start| name.as_str().starts_with(start));
    known.into_iter().filter(|name| belongs(name, &own) && !belongs(name, &others)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(product: &str, name: &str) -> Owner {
        Owner::Instance { product: product.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn secrets_that_may_be_of_others_are_left_alone() {
        let known =
            |names: &[&str]| names.iter().map(|name| name.parse().expect("a name")).collect::<Vec<SecretName>>();
        let all = [instance("a", "b"), instance("a", "b_c"), instance("a_b", "d")];
        let names = known(&["a_b_key", "a_b_c_key", "a_b_d_key", "a_bc", "free"]);
        assert_eq!(of(&all[..1], &all, names.clone()), known(&["a_b_key"]));
        assert_eq!(of(&all[..2], &all, names), known(&["a_b_key", "a_b_c_key"]));
    }
}
