//! What there is to trust: products with something in them that runs or decides what runs, and
//! instances that name a program.

use std::path::{Path, PathBuf};

use crate::mesh::model::{Permissions, Product, ProductSource};
use crate::project::catalogue;
use crate::project::code::Code;
use crate::project::content::{Content, Entry};
use crate::project::git_catalogue;
use crate::project::instance_file::InstanceFile;
use crate::project::load::{PRODUCTS, ProjectFiles};
use crate::project::position::{Diagnostic, Position};
use crate::project::product_folder::DEFINITION;
use crate::project::yaml::Value;

/// The setting of an instance that names the program of its service.
const PROGRAM: &str = "program";

/// Something that is trusted as a whole or not at all.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it is remembered by: `product/edr`, `instance/bus`.
    pub key: String,
    /// The product that it is, or that the instance is of.
    pub product: String,
    /// For people: ``product `edr` ``.
    pub title: String,
    /// The git catalogue that it comes from, if it does not lie in the project.
    pub catalogue: Option<String>,
    /// Where it is defined.
    pub at: Position,
    /// What in it runs or decides what runs, for people.
    pub runs: Vec<String>,
    /// What it says it needs.
    pub permissions: Permissions,
    /// All that is in it.
    pub content: Content,
    /// What in it cannot be vouched for: it cannot be trusted then.
    pub broken: Vec<Diagnostic>,
    /// The hash of its content.
    pub hash: String,
}

impl Subject {
    /// The name that commands know it by.
    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or(&self.key, |(_, name)| name)
    }
}

/// All subjects of a project.
pub fn of(files: &ProjectFiles) -> Vec<Subject> {
    let products = files.products.values().filter_map(|product| of_product(&files.root, product));
    let instances = files.instances.iter().filter_map(|instance| of_instance(&files.root, instance));
    products.chain(instances).collect()
}

fn of_product(root: &Path, product: &Product) -> Option<Subject> {
    let (root, folder, shown, catalogue) = match &product.source {
        ProductSource::Builtin => return None,
        ProductSource::Project => {
            let shown = Path::new(PRODUCTS).join(&product.name);
            (root, root.join(&shown), shown, None)
        }
        ProductSource::Catalogue { name, root } => {
            let shown = Path::new(PRODUCTS).join(&product.name);
            (root.as_path(), root.join(shown), git_catalogue::shown(name, &product.name), Some(name.clone()))
        }
    };
    let (mut content, mut broken) = match Content::of(root, &folder, &shown) {
        Ok(content) => (content, Vec::new()),
        Err(broken) => (Content::default(), broken),
    };
    let runs = what_runs(product, &content);
    if let Some(service) = &product.service {
        add_program(&mut content, &mut broken, root, &service.embedded.program, &product.at);
    }
    (!runs.is_empty() || !broken.is_empty()).then(|| {
        let key = git_catalogue::key(&product.name);
        Subject {
            hash: content.hash(&key),
            key,
            product: product.name.clone(),
            title: format!("product `{}`", product.name),
            catalogue,
            at: product.at.clone(),
            runs,
            permissions: product.permissions.clone(),
            content,
            broken,
        }
    })
}

/// What in a product runs or decides what runs; nothing for one that only describes.
fn what_runs(product: &Product, content: &Content) -> Vec<String> {
    let mut runs = Vec::new();
    if let Some(service) = &product.service {
        let words = [std::slice::from_ref(&service.embedded.program), &service.embedded.args].concat();
        runs.push(format!("the program `{}`", words.join(" ")));
    }
    if catalogue::names().contains(&product.name.as_str()) {
        runs.push("it takes the place of the built-in product of that name".to_owned());
    }
    runs.extend(content.0.iter().filter(|(path, entry)| !describes(path, entry)).map(|(path, _)| format!("`{path}`")));
    runs
}

/// Whether a file only says something: to us, or to people.
fn describes(path: &str, entry: &Entry) -> bool {
    let Entry::File { executable: false, .. } = entry else { return false };
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let parts: Vec<&str> = path.split('/').collect();
    let integration = matches!(parts[..], ["integrations", _, _]) && ends(&[".yml", ".yaml"]);
    let hooks_or_templates = matches!(parts[..], ["hooks" | "templates", ..]);
    path == DEFINITION
        || integration
        || (!hooks_or_templates && ends(&[".md", ".png", ".svg", ".jpg", "LICENSE", "NOTICE", ".gitkeep"]))
}

fn of_instance(root: &Path, instance: &InstanceFile) -> Option<Subject> {
    let setting = instance.settings.get(PROGRAM)?;
    let Value::Text { text: program, .. } = &setting.value.value else { return None };
    let (mut content, mut broken) =
        (Content([(PROGRAM.to_owned(), Entry::text(&format!("{program}\n")))].into()), Vec::new());
    add_program(&mut content, &mut broken, root, program, &instance.at);
    let key = format!("instance/{}", instance.name);
    Some(Subject {
        hash: content.hash(&key),
        key,
        product: instance.product.clone(),
        title: format!("instance `{}`", instance.name),
        catalogue: None,
        at: Position { line: setting.at.line, column: setting.at.column, ..instance.at.clone() },
        runs: vec![format!("the program `{program}`")],
        permissions: Permissions::default(),
        content,
        broken,
    })
}

/// A program that lies in the project itself belongs to what is trusted: it could change as well.
fn add_program(content: &mut Content, broken: &mut Vec<Diagnostic>, root: &Path, program: &str, at: &Position) {
    if !program.contains('/') {
        return;
    }
    let folders = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<PathBuf>>());
    let real = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let places = [root.to_owned(), PathBuf::from(".")].into_iter().chain(folders.into_iter().flatten());
    let inside = places
        .filter_map(|folder| folder.join(program).canonicalize().ok())
        .find(|found| found.starts_with(&real) && found.is_file());
    let Some(found) = inside else { return };
    let name = found.strip_prefix(&real).unwrap_or(&found).to_string_lossy().into_owned();
    match Entry::read(&found) {
        // `/` first: no file of a product is called so.
        Ok(entry) => drop(content.0.insert(format!("/{name}"), entry)),
        Err(error) => {
            let why = format!("program `{name}` cannot be read: {error}");
            broken.push(Diagnostic::error(at.clone(), why).coded(Code::Unreadable));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_describes_needs_no_trust() {
        let plain = Entry::text("x");
        let Entry::File { size, sha256, text, .. } = plain.clone() else { panic!("a file") };
        let program = Entry::File { executable: true, size, sha256, text };
        for path in ["definition.yaml", "integrations/siem/alerts_producer.yml", "README.md", "docs/a.png", "LICENSE"] {
            assert!(describes(path, &plain), "{path}");
            assert!(!describes(path, &program), "{path}, executable");
        }
        for path in [
            "hooks.py",
            "requirements.txt",
            "hooks/build.rs",
            "hooks/README.md",
            "templates/a.md",
            "integrations/siem/alerts_producer.py",
            "integrations/siem/dist/x.yml",
            "x.so",
            "other/definition.yaml",
        ] {
            assert!(!describes(path, &plain), "{path}");
        }
        assert!(!describes("README.md", &Entry::Link { to: "hooks.py".to_owned() }));
    }
}
