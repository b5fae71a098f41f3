//! Products from the templates that are built in: `templates/product/<category>/`.
//!
//! The folder of a category holds its definition, and whatever differs from what all share
//! (`templates/product/_shared/`), which is rendered from the definition: a README, and in a folder for each
//! language (`_python/`, ...) hooks and their tests. A category with folders of its own for languages takes none
//! of the shared ones.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use include_dir::Dir;
use minijinja::context;
use serde_json::{Value as Json, json};

use super::render::{self, TEMPLATES};
use crate::mesh::model::{Product, ProductSource, Role};
use crate::project::load::PRODUCTS;
use crate::project::names;
use crate::project::product_folder::{DEFINITION, ProductFolder};
use crate::project::setting::show;

/// What all categories share.
const SHARED: &str = "_shared";

/// A language that a product's code can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Language {
    /// Python
    #[default]
    Python,
    /// Rust
    Rust,
    /// Vector Remap Language: programs of modules.
    Vrl,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Python, Self::Rust, Self::Vrl];

    /// As it stands on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Rust => "rust",
            Self::Vrl => "vrl",
        }
    }

    /// The folder of a template with what is written in it.
    fn folder(self) -> String {
        format!("_{}", self.word())
    }
}

/// A template as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The category.
    pub name: String,
    /// The product that it makes, with the name of the category.
    pub product: Product,
    /// The files that it makes, by path below the product.
    pub files: BTreeMap<String, String>,
}

/// The names of the templates, sorted.
pub fn names() -> Vec<&'static str> {
    let folders = TEMPLATES.get_dir("product").into_iter().flat_map(Dir::dirs);
    let mut names: Vec<&str> = folders
        .filter_map(|folder| folder.path().file_name().and_then(|name| name.to_str()))
        .filter(|name| !name.starts_with('_'))
        .collect();
    names.sort_unstable();
    names
}

/// A template as it is listed; none if there is none of that name.
///
/// # Errors
/// When it does not work; a test sees to it that all do.
pub fn template(name: &str) -> Result<Option<Template>, String> {
    let Some(files) = files(name, name, Language::default())? else { return Ok(None) };
    let product = decode(&files[DEFINITION], name)?;
    Ok(Some(Template { name: name.to_owned(), product, files }))
}

/// The languages that a template is to be had in.
pub fn languages(template: &str) -> Vec<Language> {
    let offered = |folder: &str| -> Vec<Language> {
        let has = |language: &Language| !paths(&format!("{folder}/{}", language.folder())).is_empty();
        Language::ALL.into_iter().filter(has).collect()
    };
    let own = offered(template);
    if own.is_empty() { offered(SHARED) } else { own }
}

/// The files of product `name` made from a template, by path below the product's folder; none if
/// there is no such template.
///
/// # Errors
/// When the template does not work in that language, one of [`languages`]; a test sees to it that all do.
pub fn files(template: &str, name: &str, language: Language) -> Result<Option<BTreeMap<String, String>>, String> {
    if !names().contains(&template) {
        return Ok(None);
    }
    let base = format!("product/{template}");
    let definition = render::builtin(&format!("{base}/{DEFINITION}"), &context! { name, language => language.word() })?;
    let values = values(template, language, &decode(&definition, name)?);
    let mut files = BTreeMap::from([(DEFINITION.to_owned(), definition)]);
    for folder in layers(template, language) {
        // Names with `_` are parts of others.
        for path in paths(&folder).into_iter().filter(|path| !path.starts_with('_')) {
            // What is more special goes first.
            let from = format!("product/{folder}/{path}");
            if let Entry::Vacant(place) = files.entry(path) {
                place.insert(render::builtin(&from, &values)?);
            }
        }
    }
    Ok(Some(files))
}

/// The folders that a product's files come from, the most special first.
fn layers(template: &str, language: Language) -> Vec<String> {
    let of_language = |folder: &str| format!("{folder}/{}", language.folder());
    let own = of_language(template);
    let of_language = if paths(&own).is_empty() { of_language(SHARED) } else { own };
    vec![of_language, template.to_owned(), SHARED.to_owned()]
}

/// The place of a product's file in the project.
pub fn place(product: &str, file: &str) -> PathBuf {
    Path::new(PRODUCTS).join(product).join(file)
}

/// The files of a template's folder, by path below it.
fn paths(template: &str) -> Vec<String> {
    fn collect(folder: &Dir<'_>, base: &Path, found: &mut Vec<String>) {
        let below = |path: &Path| path.strip_prefix(base).ok().and_then(Path::to_str).map(str::to_owned);
        found.extend(folder.files().filter_map(|file| below(file.path())));
        folder.dirs().for_each(|folder| collect(folder, base, found));
    }
    let base = Path::new("product").join(template);
    let mut found = Vec::new();
    if let Some(folder) = TEMPLATES.get_dir(&base) {
        collect(folder, &base, &mut found);
    }
    found
}

fn decode(definition: &str, name: &str) -> Result<Product, String> {
    let mut folder = ProductFolder::default();
    folder.files.insert(DEFINITION.to_owned(), definition.to_owned());
    let mut found = Vec::new();
    let base = Path::new(PRODUCTS).join(name);
    let product = folder.decode(name, &base, ProductSource::Project, &mut found);
    match found.into_iter().next() {
        None => Ok(product),
        Some(wrong) => Err(wrong.message),
    }
}

/// What the shared templates see of a product.
fn values(template: &str, language: Language, product: &Product) -> minijinja::Value {
    let topics = |role: Role| -> BTreeSet<&str> {
        let own = product.capabilities.iter().filter(|own| own.role == role);
        own.filter_map(|own| own.topic.as_deref()).collect()
    };
    let named = |role: Role| -> Vec<Json> {
        topics(role).into_iter().map(|topic| json!({"name": topic, "id": names::python(topic)})).collect()
    };
    // Setup in both modes is one hook, which names none.
    let mut ends: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for own in &product.capabilities {
        if let Some(topic) = &own.topic {
            ends.entry((own.role.word(), topic)).or_default().insert(own.mode.word());
        }
    }
    let ends: Vec<Json> = ends
        .iter()
        .map(|((role, topic), modes)| {
            let mode = modes.first().filter(|_| modes.len() == 1);
            json!({"role": role, "topic": topic, "mode": mode, "id": names::python(topic)})
        })
        .collect();
    let settings: Vec<Json> = product
        .settings
        .iter()
        .map(|own| {
            let default = if own.default.is_null() { String::new() } else { show(&own.default) };
            json!({"name": own.name, "secret": own.secret, "required": own.required, "description": own.description, "default": default})
        })
        .collect();
    let capabilities: Vec<Json> = product
        .capabilities
        .iter()
        .map(|own| json!({"topic": own.topic, "role": own.role, "mode": own.mode, "format": own.format}))
        .collect();
    let [consumes, triggers, executes] = [Role::Consumer, Role::Trigger, Role::Executor].map(named);
    let mut decorators: BTreeSet<String> = product
        .capabilities
        .iter()
        .filter(|own| own.topic.is_some())
        .map(|own| format!("setup_{}", own.role.word()))
        .collect();
    for (used, names) in [
        (!consumes.is_empty(), &["produce", "watch"][..]),
        (!executes.is_empty(), &["execute"]),
        (!triggers.is_empty(), &["trigger"]),
    ] {
        decorators.extend(names.iter().filter(|_| used).map(|name| (*name).to_owned()));
    }
    context! {
        name => product.name,
        decorators,
        template,
        language => language.word(),
        description => product.description,
        settings,
        capabilities,
        ends,
        consumes,
        triggers,
        executes,
    }
}
