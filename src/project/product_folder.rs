//! A product from the files of its folder, on disk or built in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::code::Code;
use super::decode::Report;
use super::definition;
use super::integration_file;
use super::position::{Diagnostic, Mark, Position};
use super::python_hooks::{self, Place};
use super::rust_hooks;
use super::yaml;
use crate::mesh::model::{DeclaredHook, HookCode, HookKind, Integration, Mode, Product, ProductSource, Role};

/// The name of the file that defines a product.
pub const DEFINITION: &str = "definition.yaml";
/// The program of a module in VRL.
pub const PROGRAM: &str = "process.vrl";

/// The files of a product's folder that say something, by path below it.
#[derive(Debug, Default)]
pub struct ProductFolder {
    /// Texts by path.
    pub files: BTreeMap<String, String>,
}

impl ProductFolder {
    /// Whether a file of a product is read at all: its definition, its integrations, its hooks, its
    /// templates.
    pub fn wants(path: &str) -> bool {
        let yaml = path.ends_with(".yml") || path.ends_with(".yaml");
        match path.split('/').collect::<Vec<_>>()[..] {
            [DEFINITION] => true,
            ["templates", ..] => true,
            // Folders below a target, such as `dist`, hold what hooks build.
            ["integrations", _, _] => yaml || path.ends_with(".py"),
            [_] => path.ends_with(".py") || path == PROGRAM,
            ["hooks", "src", ..] => rust_hooks::is_code(path),
            _ => false,
        }
    }

    /// Whether a file of a module belongs to its code: all that its hook may import or read. What only describes
    /// the product, or has another use, does not.
    pub fn is_of_module(path: &str) -> bool {
        let (first, name) = (path.split('/').next().unwrap_or(path), path.rsplit('/').next().unwrap_or(path));
        let described = name.ends_with(".md") || matches!(name, "LICENSE" | "NOTICE") || name.ends_with(".pyc");
        path != DEFINITION && !Self::is_apart(first) && !described && !path.split('/').any(|part| part == "__pycache__")
    }

    /// Whether a folder of a product holds something else than a module's code.
    pub fn is_apart(folder: &str) -> bool {
        matches!(folder, "integrations" | "templates" | "tests" | "hooks" | "__pycache__")
    }

    /// Whether a file holds hooks.
    pub fn is_code(path: &str) -> bool {
        path.ends_with(".py") || rust_hooks::is_code(path)
    }

    /// The product that these files make; `base` is the folder's path in messages.
    pub fn decode(self, name: &str, base: &Path, source: ProductSource, found: &mut Vec<Diagnostic>) -> Product {
        let definition = base.join(DEFINITION);
        let mut product = definition::bare(name, &definition, source);
        match self.files.get(DEFINITION) {
            Some(text) => read(&definition, text, found, |node, report| definition::decode(node, &mut product, report)),
            // The folder alone makes a product, but its name must do.
            None => {
                let nothing = yaml::Node { value: yaml::Value::Null, at: Mark::START };
                let mut report = Report::new(&definition);
                definition::decode(&nothing, &mut product, &mut report);
                found.append(&mut report.found);
            }
        }
        let is_code = |path: &str| Self::is_code(path) && !path.starts_with("templates/");
        let (code, files): (Vec<_>, Vec<_>) = self.files.into_iter().partition(|(path, _)| is_code(path));
        let is_own = |(path, _): &&(String, String)| Self::is_of_module(path);
        product.code = code.iter().chain(&files).filter(is_own).cloned().collect();
        for (path, text) in files {
            if let Some(template) = path.strip_prefix("templates/") {
                product.templates.insert(template.to_owned(), text);
            } else if let Some(integration) = path.strip_prefix("integrations/") {
                self::integration(integration, &base.join(&path), &text, &mut product, found);
            }
        }
        for (path, text) in code {
            if rust_hooks::is_code(&path) {
                let hooks = rust_hooks::read(&path, &base.join(&path), &text, found);
                hooks.into_iter().for_each(|hook| hook.join(&mut product));
                continue;
            }
            match path.strip_prefix("integrations/") {
                Some(integration) => integration_hooks(integration, &path, base, &text, &mut product, found),
                None => {
                    product.hooks.extend(python_hooks::read(&path, &base.join(&path), &text, Place::Product, found))
                }
            }
        }
        if product.code.contains_key(PROGRAM) {
            let program = program(base, &product);
            product.hooks.push(program);
        }
        if product.module().is_none() {
            product.code.clear();
        }
        product
    }
}

/// The hook that a program in VRL is; the definition says which topics it works between.
fn program(base: &Path, product: &Product) -> DeclaredHook {
    let topic = |role: Role| {
        let mut own = product.capabilities.iter().filter(|own| own.role == role);
        own.find_map(|own| own.topic.clone())
    };
    DeclaredHook {
        topic: topic(Role::Consumer),
        into: topic(Role::Producer),
        title: product.description.clone().unwrap_or_else(|| product.name.clone()),
        code: HookCode::Vrl { file: PROGRAM.to_owned() },
        at: Position::new(base.join(PROGRAM), Mark::START),
        ..DeclaredHook::any(HookKind::Process, None)
    }
}

/// The hooks in the file beside an integration. Such a file alone makes an integration too.
fn integration_hooks(
    below: &str,
    path: &str,
    base: &Path,
    text: &str,
    product: &mut Product,
    found: &mut Vec<Diagnostic>,
) {
    let Some((target, name)) = below.split_once('/') else { return };
    // Whatever is named otherwise is imported by those that are not.
    let Ok(means) = integration_file::parse_stem(name.strip_suffix(".py").unwrap_or(name)) else { return };
    let shown = base.join(path);
    let hooks = python_hooks::read(path, &shown, text, Place::Integration, found);
    add_to_integration(product, &shown, target, means, hooks);
}

/// Adds hooks to an integration, which they make if it has no file.
pub(super) fn add_to_integration(
    product: &mut Product,
    shown: &Path,
    target: &str,
    means: (Option<String>, Role, Mode),
    hooks: Vec<DeclaredHook>,
) {
    let known =
        |own: &Integration| own.target == target && (&own.topic, own.role, own.mode) == (&means.0, means.1, means.2);
    let index = product.integrations.iter().position(known).unwrap_or_else(|| {
        let nothing = yaml::Node { value: yaml::Value::Null, at: Mark::START };
        let mut report = Report::new(shown);
        product.integrations.push(integration_file::decode(&nothing, &product.name, target, means, &mut report));
        product.integrations.len() - 1
    });
    let integration = &mut product.integrations[index];
    let (topic, role, mode) = (integration.topic.clone(), integration.role, integration.mode);
    let own = hooks.into_iter();
    let own = own.map(|hook| DeclaredHook { topic: topic.clone(), role: Some(role), mode: Some(mode), ..hook });
    integration.hooks.extend(own);
}

fn integration(path: &str, file: &Path, text: &str, product: &mut Product, found: &mut Vec<Diagnostic>) {
    let Some((target, name)) = path.split_once('/') else { return };
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")).unwrap_or(name);
    let means = match integration_file::parse_stem(stem) {
        Ok(means) => means,
        Err(wrong) => {
            found.push(
                Diagnostic::warning(Position::new(file, Mark::START), format!("{wrong}; it is left out"))
                    .coded(Code::Misnamed)
                    .with_hint("names are `<topic>_<role>[_pull].yml`, such as `alerts_producer.yml`"),
            );
            return;
        }
    };
    let twice = product
        .integrations
        .iter()
        .find(|other| other.target == target && (&other.topic, other.role, other.mode) == (&means.0, means.1, means.2));
    if let Some(other) = twice {
        let message = format!("the same integration stands in `{}`", other.at.file.display());
        let twice = Diagnostic::error(Position::new(file, Mark::START), message).coded(Code::Duplicate);
        found.push(twice.with_hint("delete one of the files"));
        return;
    }
    read(file, text, found, |node, report| {
        let read = integration_file::decode(node, &product.name, target, means, report);
        product.integrations.push(read);
    });
}

/// Parses `text` and has it decoded, keeping all that is found wrong.
pub(super) fn read(
    file: &Path,
    text: &str,
    found: &mut Vec<Diagnostic>,
    decode: impl FnOnce(&yaml::Node, &mut Report),
) {
    match yaml::parse(text, file) {
        Ok(node) => {
            let mut report = Report::new(file);
            decode(&node, &mut report);
            found.append(&mut report.found);
        }
        Err(mut wrong) => found.append(&mut wrong),
    }
}

/// Where the file of a built-in product is said to stand.
pub fn builtin_base(name: &str) -> PathBuf {
    Path::new("<catalogue>").join(name)
}
