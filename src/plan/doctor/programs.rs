//! The programs that services, hooks and commands run: whether they are there, where, in which version.
//!
//! A program is asked for its version only if it is one of those that are named here, or that a built-in
//! product names: what other products name is code that somebody may not have trusted.

use std::collections::BTreeMap;
use std::path::Path;

use futures::future::join_all;

use super::{Area, Finding};
use crate::hooks::host::interpreter;
use crate::hooks::rust;
use crate::mesh::model::{HookCode, Mesh, Product, ProductSource, Program};
use crate::project::names;
use crate::runtime::RuntimeError;
use crate::runtime::embedded::program::{Finder, ask_version, ask_version_of};

/// A program that commands use.
struct Tool {
    name: &'static str,
    /// What is not to be had without it; none = it is told only where it is.
    lack: Option<(&'static str, &'static str)>,
}

const TOOLS: [Tool; 6] = [
    Tool { name: "git", lack: Some(("the mesh cannot be shared or cloned", "install git")) },
    Tool { name: "gpg", lack: Some(("keys in GnuPG cannot be used", "install gnupg, unless your key is a file")) },
    Tool {
        name: "python3",
        lack: Some(("programs and packages cannot be fetched", "install python3 with pip and venv")),
    },
    Tool { name: "uv", lack: None },
    Tool { name: "docker", lack: None },
    Tool { name: "docker-compose", lack: None },
];

/// Looks at programs: those that commands use, and those of the mesh.
pub async fn examine(mesh: Option<&Mesh>) -> Vec<Finding> {
    let finder = Finder { may_run: false, ..Finder::from_environment() };
    let tools = join_all(TOOLS.iter().map(|tool| tool_of(tool, &finder)));
    let mut found: Vec<Finding> = tools.await.into_iter().flatten().collect();
    if let Some(mesh) = mesh {
        found.extend(join_all(uses(mesh).into_values().map(|used| service(used, &finder))).await);
        found.extend(host(mesh).await);
        found.extend(compiler(mesh).await);
    }
    found
}

/// A program with its version, where it is, and whom it is for.
fn told(name: &str, version: Option<String>, path: &Path, whom: &str) -> Finding {
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    Finding::ok(Area::Programs, format!("{name}{version} (`{}`){whom}", path.display()))
}

async fn tool_of(tool: &Tool, finder: &Finder) -> Option<Finding> {
    if let Some(path) = finder.on_path(tool.name) {
        return Some(told(tool.name, ask_version(&path).await, &path, ""));
    }
    let (lacks, hint) = tool.lack?;
    Some(Finding::warn(Area::Programs, format!("`{}` is not on PATH: {lacks}", tool.name), hint))
}

/// A program of services.
struct Used<'a> {
    program: &'a Program,
    setting: Option<&'a str>,
    /// A built-in product names it, and no setting.
    is_known: bool,
    instances: Vec<&'a str>,
}

/// The programs of all services but our own, each once.
fn uses(mesh: &Mesh) -> BTreeMap<(&str, Option<&str>), Used<'_>> {
    let mut uses: BTreeMap<_, Used<'_>> = BTreeMap::new();
    for (instance, service) in mesh.services().filter(|(_, service)| service.embedded.program != "resilmesh") {
        let program = &service.embedded;
        let setting = instance.settings.get("program").and_then(serde_json::Value::as_str);
        let is_known = setting.is_none() && mesh.product_of(instance).source == ProductSource::Builtin;
        let used = uses.entry((program.program.as_str(), setting));
        used.or_insert(Used { program, setting, is_known, instances: Vec::new() }).instances.push(&instance.name);
    }
    uses
}

async fn service(used: Used<'_>, finder: &Finder) -> Finding {
    let Used { program, setting, is_known, instances } = used;
    let whom = format!(", for {}", names::list(instances));
    let variable = finder.named_by(program).filter(|_| setting.is_none());
    match finder.resolve(program, setting, &|_| {}).await {
        Ok(found) if is_known => match (ask_version_of(&found.path, &program.program).await, variable) {
            // Those that built-in products name all do.
            (None, Some(variable)) => {
                let (name, path) = (&program.program, found.path.display());
                let message = format!("`{path}`, which `{variable}` names, does not say that it is {name}{whom}");
                Finding::bad(Area::Programs, message, format!("let `{variable}` name {name}, or unset it"))
            }
            (version, _) => told(&program.program, version, &found.path, &whom),
        },
        Ok(found) => told(&program.program, None, &found.path, &whom),
        Err(_) if setting.is_none() && variable.is_none() && program.fetch.is_some() => {
            Finding::ok(Area::Programs, format!("{} is not here yet: `up` fetches it{whom}", program.program))
        }
        Err(RuntimeError::Failed { what, hint }) => {
            let other = || match &variable {
                Some(variable) => format!("let `{variable}` name one that is there, or unset it"),
                None => "name another one with setting `program`".to_owned(),
            };
            let hint = hint.unwrap_or_else(other);
            Finding::bad(Area::Programs, format!("{what}{whom}"), hint)
        }
    }
}

/// The host of hooks in Python, if a product of the mesh has some.
async fn host(mesh: &Mesh) -> Option<Finding> {
    let products: Vec<&str> =
        mesh.products.values().filter(|product| has_python(product)).map(|own| own.name.as_str()).collect();
    if products.is_empty() {
        return None;
    }
    let whom = format!(", for the hooks of {}", names::list(products));
    Some(match interpreter().await {
        Ok(python) => told("the host of hooks, with Python", Some(python.version), &python.program, &whom),
        Err(error) => {
            let hint = error.hint.unwrap_or_else(|| "install resilmesh again: the host comes with it".to_owned());
            Finding::bad(Area::Programs, format!("{}{whom}", error.what), hint)
        }
    })
}

/// What builds hooks in Rust, if a product of the mesh has some.
async fn compiler(mesh: &Mesh) -> Option<Finding> {
    let products: Vec<&str> = mesh
        .products
        .values()
        .filter(|product| has_hooks(product, |code| matches!(code, HookCode::Rust { .. })))
        .map(|own| own.name.as_str())
        .collect();
    if products.is_empty() {
        return None;
    }
    let whom = format!(", for the hooks of {}", names::list(products));
    Some(match rust::compiler().await {
        Ok(version) => Finding::ok(Area::Programs, format!("cargo with rustc {version}{whom}")),
        Err(error) => Finding::warn(
            Area::Programs,
            format!("{}{whom}", error.what),
            "install Rust (https://rustup.rs), unless the products bring built programs",
        ),
    })
}

fn has_python(product: &Product) -> bool {
    has_hooks(product, |code| matches!(code, HookCode::Python { .. }))
}

fn has_hooks(product: &Product, of: impl Fn(&HookCode) -> bool) -> bool {
    let of_integrations = product.integrations.iter().flat_map(|integration| &integration.hooks);
    product.hooks.iter().chain(of_integrations).any(|hook| of(&hook.code))
}
