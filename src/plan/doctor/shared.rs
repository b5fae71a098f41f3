//! What came with the project from others: keys of those who may read secrets, the secrets themselves, code.

use resilmesh_vault::{KeyReport, Validity};

use super::{Area, Finding, Patient};
use crate::mesh::secrets::{Owner, Wanted, wanted};
use crate::project::names;
use crate::trust::{Gate, Refused};
use crate::vault::{self, MESHROOM_FILE, Vault};

/// Looks at what is shared.
pub fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let mut found = match vault::open_without_keys(patient.root) {
        Ok(vault) => of_vault(patient, &vault),
        Err(error) => vec![unreadable(&error.to_string())],
    };
    found.extend(code(patient));
    found
}

fn unreadable(why: &str) -> Finding {
    Finding::bad(Area::Secrets, format!("the vault cannot be read: {why}"), "`resilmesh secret check` tells more")
}

fn of_vault(patient: &Patient<'_>, vault: &Vault) -> Vec<Finding> {
    let mut found = Vec::new();
    match vault.exists() {
        Ok(false) => {}
        Ok(true) => match vault.key_reports() {
            Ok(keys) => found.extend(keys.iter().map(key)),
            Err(error) => found.push(unreadable(&error.to_string())),
        },
        Err(error) => found.push(unreadable(&error.to_string())),
    }
    // What Meshroom's vault holds is not known before it is opened.
    if !patient.root.join(MESHROOM_FILE).is_file() {
        found.extend(missing(patient, vault));
    }
    found
}

/// How the key of a recipient stands. Secrets can be read with an old key; what is encrypted needs a good one.
fn key(report: &KeyReport) -> Finding {
    let who = report.user_ids.first().map(|who| format!(" of {who}")).unwrap_or_default();
    let message = format!("key {}{who}: {}", report.id, vault::state(report));
    match report.validity {
        Validity::Good(_) => Finding::ok(Area::Keys, message),
        Validity::EndsSoon(_) => {
            let hint = "its owner makes it last longer (`gpg --quick-set-expire`) and sends the public part: `resilmesh secret recipients add FILE` takes it";
            Finding::warn(Area::Keys, message, hint)
        }
        Validity::Expired(_) | Validity::Revoked | Validity::Unusable(_) => {
            let hint = "no secret can be written until its owner sends a good one (`resilmesh secret recipients add FILE`), or is taken out (`... remove KEY`)";
            Finding::warn(Area::Keys, message, hint)
        }
    }
}

/// Secrets that the mesh needs and the vault lacks. Services do not start without theirs; what a hook of
/// others needs, it asks for.
fn missing(patient: &Patient<'_>, vault: &Vault) -> Vec<Finding> {
    let (Some(mesh), Ok(there)) = (patient.mesh, vault.names()) else { return Vec::new() };
    let wanted = wanted(mesh);
    let lacks =
        wanted.iter().filter(|one| (one.required || one.expected) && !there.iter().any(|own| own.as_str() == one.name));
    let told = |one: &Wanted| {
        let message = format!("{} needs secret `{}`, which the vault does not have", one.owner, one.name);
        let hint = format!("`resilmesh secret set {}`", one.name);
        match &one.owner {
            Owner::Instance(name) if one.required && mesh.service(name).is_some() => {
                Finding::bad(Area::Secrets, message, hint)
            }
            _ => Finding::warn(Area::Secrets, message, hint),
        }
    };
    lacks.map(told).collect()
}

/// Whether the code that is in use may run.
fn code(patient: &Patient<'_>) -> Option<Finding> {
    let gate = match Gate::open(patient.files) {
        Ok(gate) => gate,
        Err(error) => return Some(Finding::bad(Area::Trust, error.what, error.hint)),
    };
    let used = patient.files.instances.iter().map(|own| own.product.clone()).collect();
    match gate.permit(used) {
        Ok(_) if gate.subjects.is_empty() => None,
        Ok(_) => Some(Finding::ok(Area::Trust, "all code of products that is in use may run")),
        Err(Refused { names, came, .. }) => {
            let message =
                format!("code of {} is not trusted; it {came}", names::list(names.iter().map(String::as_str)));
            Some(Finding::bad(
                Area::Trust,
                message,
                format!("`resilmesh trust {}` shows it, and asks", names.join(" ")),
            ))
        }
    }
}
