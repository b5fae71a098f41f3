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

/// The folder with the programs of modules, below the state folder: for each instance one by the name of its code.
pub(crate) const PROGRAMS: &str = "modules";

/// The program of a module in Rust, in its folder.
pub(crate) const WORKER: &str = "worker";

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
    context! { code => code(product, hook, &names::id(&instance.name)), secrets }
}

/// What configurations say of a module's code; nothing for other products.
pub(crate) fn code_of(product: &Product) -> Value {
    product.module().map_or(Value::UNDEFINED, |hook| code(product, hook, &names::id(&product.name)))
}

/// Where the program of a module in Rust goes whose code is in this folder, below the state folder.
pub(crate) fn program(instance: &str, code: &str) -> String {
    format!("{PROGRAMS}/{instance}/{code}/{WORKER}")
}

/// For the instance with this id.
fn code(product: &Product, hook: &DeclaredHook, instance: &str) -> Value {
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
        HookCode::Rust { file, function, line } => {
            let name = folder.rsplit('/').next().unwrap_or_default();
            let program = format!("{STATE}/{}", program(instance, name));
            context! { language => "rust", folder, program, product => product.name, file, function, line }
        }
        HookCode::Own { .. } | HookCode::Builtin => Value::UNDEFINED,
    }
}

/// The folder of a product's code, below an instance's rendered one.
pub(crate) fn folder(product: &Product) -> String {
    let mut digest = Sha256::new();
    for part in product.code.iter().flat_map(|(path, text)| [path, text]) {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    format!("{FOLDER}/{}", &hex(&digest.finalize())[..12])
}
