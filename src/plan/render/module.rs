//! Modules: the code lies with the rendered files, in a folder named after its content. So what runs is what was there,
//! and trusted, when the mesh was brought up.

use std::collections::BTreeMap;

use minijinja::{Value, context};
use sha2::{Digest, Sha256};

use super::hex;
use crate::hooks::packages;
use crate::mesh::model::{DeclaredHook, HookCode, Instance, Mesh, Product};
use crate::plan::desired::typed_secrets;
use crate::project::names;

/// The folder with the folders of code, below an instance's rendered one.
pub(crate) const FOLDER: &str = "code";

/// From an instance's rendered folder to the state folder.
const STATE: &str = "../..";

/// The files of a module's code, by path below the instance's rendered folder.
pub(crate) fn files(product: &Product) -> BTreeMap<String, String> {
    if product.module().is_none() {
        return BTreeMap::new();
    }
    let folder = folder(product);
    product.code.iter().map(|(path, text)| (format!("{folder}/{path}"), text.clone())).collect()
}

/// What templates see of a module: `code`, for its configuration, and `secrets`, the files with the values of its
/// secret settings. Nothing for other products.
pub(super) fn seen(mesh: &Mesh, instance: &Instance) -> Value {
    let product = mesh.product_of(instance);
    let Some(hook) = product.module() else { return Value::UNDEFINED };
    let secrets: BTreeMap<&str, String> = typed_secrets(mesh, instance)
        .map(|key| (key, format!("{STATE}/secrets/{}/{key}", names::id(&instance.name))))
        .collect();
    context! { code => code(product, hook), secrets }
}

/// What configurations say of a module's code; nothing for other products.
pub(crate) fn code_of(product: &Product) -> Value {
    product.module().map_or(Value::UNDEFINED, |hook| code(product, hook))
}

fn code(product: &Product, hook: &DeclaredHook) -> Value {
    let folder = folder(product);
    match &hook.code {
        HookCode::Vrl { file } => context! { language => "vrl", folder, file },
        HookCode::Python { file, function, line } => {
            let requirements = product.code.get(packages::REQUIREMENTS);
            let environment = requirements.and_then(|text| packages::environment(&product.name, text.as_bytes()));
            let environment = environment.map(|name| format!("{STATE}/{}/{name}", packages::FOLDER));
            let code = context! { language => "python", folder, product => product.name, file, function, line };
            match environment {
                Some(environment) => context! { environment, ..code },
                None => code,
            }
        }
        HookCode::Rust { .. } | HookCode::Own { .. } | HookCode::Builtin => Value::UNDEFINED,
    }
}

fn folder(product: &Product) -> String {
    let mut digest = Sha256::new();
    for part in product.code.iter().flat_map(|(path, text)| [path, text]) {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    format!("{FOLDER}/{}", &hex(&digest.finalize())[..12])
}
