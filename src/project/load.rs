//! From a folder to documents: everything that can be read is, everything else is told.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::catalogue;
use super::code::Code;
use super::excerpt::Texts;
use super::files::{Folder, Source};
use super::git_catalogue;
use super::instance_file::InstanceFile;
use super::lock_file::{self, LockFile};
use super::plug_file::{self, PlugFile};
use super::position::{Diagnostic, Mark, Position, Severity};
use super::product_folder::{self, ProductFolder};
use super::profile_file::{self, PROFILES, ProfileFile};
use super::project_file::{self, ProjectFile};
use super::rust_hooks;
use crate::mesh::model::{PlugId, Product, ProductSource};

/// The folder of a project's products.
pub const PRODUCTS: &str = "products";
/// The folder of a project's instances.
pub const INSTANCES: &str = "instances";
/// The file of an instance.
pub const CONFIG: &str = "config.yaml";
/// From how many products or instances on several are read at once.
const MANY: usize = 32;
/// How deep templates may lie; a loop of links must end somewhere.
const DEEPEST_TEMPLATE: usize = 16;

/// A project as it stands on disk, read but not understood yet.
#[derive(Debug, Clone)]
pub struct ProjectFiles {
    /// The project's folder.
    pub root: PathBuf,
    /// The name of that folder.
    pub folder_name: String,
    /// `resilmesh.yaml`.
    pub project: ProjectFile,
    /// It has no `resilmesh.yaml`: a project of Meshroom.
    pub is_meshrooms: bool,
    /// The profiles, by name.
    pub profiles: BTreeMap<String, ProfileFile>,
    /// The profile in force; none = what is written counts as it is.
    pub profile: Option<String>,
    /// `resilmesh.lock`.
    pub lock: LockFile,
    /// The project's products, and those of catalogues that its instances use.
    pub products: BTreeMap<String, Product>,
    /// The instances, sorted by product and name.
    pub instances: Vec<InstanceFile>,
    /// The plugs, sorted by source product, source, destination and file.
    pub plugs: Vec<PlugFile>,
    /// Names of instances whose files could not be read.
    pub unreadable: BTreeSet<String>,
    /// Products of git catalogues that cannot be used, and why; it is among `found` too.
    pub unusable: BTreeMap<String, Diagnostic>,
    /// What could not be read or is no document of its kind.
    pub found: Vec<Diagnostic>,
    /// The texts of the files, for the lines that findings are about.
    pub texts: Texts,
}

impl ProjectFiles {
    /// The profile in force, unless there is none of its name.
    pub fn profile_in_force(&self) -> Option<&ProfileFile> {
        self.profiles.get(self.profile.as_ref()?)
    }

    /// Adds product `name` from a git catalogue, else the built-in one, unless the project has one of
    /// that name. False if there is no such product at all.
    pub fn need_product(&mut self, name: &str) -> bool {
        if self.products.contains_key(name) || self.unusable.contains_key(name) {
            return true;
        }
        let pinned = self.lock.with_product(name).map(|(own, locked)| git_catalogue::product(own, locked, name));
        let found = match pinned {
            Some(Ok(found)) => Some(found),
            Some(Err(why)) => {
                self.found.push(why.clone());
                self.unusable.insert(name.to_owned(), why);
                return true;
            }
            None => catalogue::product(name),
        };
        let Some((product, found)) = found else { return false };
        self.found.extend(found);
        self.products.insert(name.to_owned(), product);
        true
    }

    /// The names of all products that can be used, sorted.
    pub fn product_names(&self) -> Vec<&str> {
        let mut names = catalogue::names();
        names.extend(self.products.keys().map(String::as_str));
        names.extend(self.lock.product_names());
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Reads the project in the folder `root`. Mistakes are in [`ProjectFiles::found`].
///
/// # Errors
/// When the folder itself cannot be opened.
pub fn load(root: &Path) -> std::io::Result<ProjectFiles> {
    let folder = Folder::open(root)?;
    Ok(read(root, &mut Loader { several: Some(&folder), ..Loader::of(&folder) }))
}

/// Reads the project in `source`, which stands for the folder `root`.
pub fn load_from(root: &Path, source: &dyn Source) -> ProjectFiles {
    read(root, &mut Loader::of(source))
}

fn read(root: &Path, loader: &mut Loader<'_>) -> ProjectFiles {
    let (project, is_meshrooms) = loader.project();
    let mut files = ProjectFiles {
        root: root.to_owned(),
        folder_name: loader.source.name(),
        project,
        is_meshrooms,
        profiles: loader.profiles(),
        profile: None,
        lock: loader.lock(),
        products: loader.products(),
        instances: Vec::new(),
        plugs: Vec::new(),
        unreadable: BTreeSet::new(),
        unusable: BTreeMap::new(),
        found: Vec::new(),
        texts: Texts::default(),
    };
    loader.instances(&mut files);
    (files.found, files.texts) = (take(&mut loader.found), take(&mut loader.texts));
    files.texts.put_into(&mut files.found);
    let used: Vec<String> = files.instances.iter().map(|instance| instance.product.clone()).collect();
    for product in used {
        // Unknown ones are named when the mesh is compiled.
        files.need_product(&product);
    }
    files
}

/// Reads one product of a catalogue; `shown` is its folder in messages.
pub fn load_product(source: &dyn Source, name: &str, shown: &Path, from: ProductSource) -> (Product, Vec<Diagnostic>) {
    let mut loader = Loader::of(source);
    let base = Path::new(PRODUCTS).join(name);
    let mut folder = ProductFolder::default();
    loader.product_files(&base, "", 0, &mut folder);
    for at in loader.found.iter_mut().filter_map(|found| found.at.as_mut()) {
        at.file = at.file.strip_prefix(&base).map_or_else(|_| at.file.clone(), |below| shown.join(below));
    }
    let mut texts = Texts::default();
    folder.files.iter().for_each(|(path, text)| texts.note(&shown.join(path), text));
    let mut product = folder.decode(name, shown, from, &mut loader.found);
    if product.module().is_some() {
        loader.module_files(&base, "", 0, &mut product);
    }
    texts.put_into(&mut loader.found);
    forget_templates(&product, shown, &mut loader.found);
    (product, loader.found)
}

/// Templates of a product that renders none are of its hooks: they may be pictures, and of any size.
fn forget_templates(product: &Product, base: &Path, found: &mut Vec<Diagnostic>) {
    if product.rendered().next().is_none() {
        let templates = base.join("templates");
        found.retain(|found| found.at.as_ref().is_none_or(|at| !at.file.starts_with(&templates)));
    }
}

struct Loader<'a> {
    source: &'a dyn Source,
    /// The same source, if several can read from it at once.
    several: Option<&'a (dyn Source + Sync)>,
    found: Vec<Diagnostic>,
    texts: Texts,
}

/// What the folder of an instance says.
#[derive(Default)]
struct InstanceFolder {
    instance: Option<InstanceFile>,
    is_unreadable: bool,
    plugs: Vec<PlugFile>,
}

impl<'a> Loader<'a> {
    fn of(source: &'a dyn Source) -> Self {
        Self { source, several: None, found: Vec::new(), texts: Texts::default() }
    }

    /// Reads what is many in a project, on as many processors as there are; in the same order.
    fn each<U: Sync, T: Send>(&mut self, units: &[U], read: impl Fn(&mut Loader<'_>, &U) -> T + Sync) -> Vec<T> {
        let Some(source) = self.several.filter(|_| units.len() >= MANY) else {
            return units.iter().map(|unit| read(self, unit)).collect();
        };
        let own = |unit| {
            let mut loader = Loader::of(source);
            let done = read(&mut loader, unit);
            (done, loader.found, loader.texts)
        };
        let parts: Vec<_> = units.par_iter().map(own).collect();
        let mut all = Vec::with_capacity(parts.len());
        for (done, found, texts) in parts {
            all.push(done);
            self.found.extend(found);
            self.texts.extend(texts);
        }
        all
    }

    /// The project's own document, and whether there is none.
    fn project(&mut self) -> (ProjectFile, bool) {
        let mut project = ProjectFile::default();
        let path = Path::new(project_file::FILE_NAME);
        let mistakes = self.found.len();
        let text = self.text(path);
        let is_missing = text.is_none() && self.found.len() == mistakes;
        if let Some(text) = text {
            product_folder::read(path, &text, &mut self.found, |node, report| {
                project = ProjectFile::decode(node, report);
            });
        }
        (project, is_missing)
    }

    fn lock(&mut self) -> LockFile {
        let mut lock = LockFile::default();
        let path = Path::new(lock_file::FILE_NAME);
        if let Some(text) = self.text(path) {
            product_folder::read(path, &text, &mut self.found, |node, report| lock = LockFile::decode(node, report));
        }
        lock
    }

    fn profiles(&mut self) -> BTreeMap<String, ProfileFile> {
        let mut profiles = BTreeMap::new();
        let base = Path::new(PROFILES);
        for file in self.list(base).files {
            let path = base.join(&file);
            let name = match profile_file::name_of(&path) {
                Ok(Some(name)) => name.to_owned(),
                Ok(None) => continue,
                Err(wrong) => {
                    self.found.push(wrong);
                    continue;
                }
            };
            if let Some(text) = self.text(&path) {
                product_folder::read(&path, &text, &mut self.found, |node, report| {
                    profiles.insert(name, ProfileFile::decode(node, &path, report));
                });
            }
        }
        profiles
    }

    fn products(&mut self) -> BTreeMap<String, Product> {
        let base = Path::new(PRODUCTS);
        let names = self.list(base).folders;
        let products = self.each(&names, |loader, name| loader.product(&base.join(name), name));
        names.into_iter().zip(products).collect()
    }

    fn product(&mut self, base: &Path, name: &str) -> Product {
        let mut folder = ProductFolder::default();
        self.product_files(base, "", 0, &mut folder);
        let mut product = folder.decode(name, base, ProductSource::Project, &mut self.found);
        if product.module().is_some() {
            self.module_files(base, "", 0, &mut product);
        }
        forget_templates(&product, base, &mut self.found);
        self.need_host(&product, base);
        product
    }

    /// The host that a product brings must be there: it is started when a hook is called.
    fn need_host(&mut self, product: &Product, base: &Path) {
        let Some((host, hook)) = product.hooks.iter().find_map(|hook| Some((hook.code.own_host()?, hook))) else {
            return;
        };
        let path = base.join(host);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !self.list(path.parent().unwrap_or(base)).files.iter().any(|file| file == name) {
            let message = format!("`{}` is to run this hook, but there is no such file", path.display());
            let hint = "`host` names a program of the product, by its path below the product's folder";
            self.found.push(Diagnostic { hint: Some(hint.to_owned()), ..Diagnostic::error(hook.at.clone(), message) });
        }
    }

    /// Adds what the code of a module reads besides.
    fn module_files(&mut self, base: &Path, below: &str, depth: usize, product: &mut Product) {
        let entries = self.list(&base.join(below));
        for name in entries.files {
            let path = join(below, &name);
            if ProductFolder::is_of_module(&path)
                && !product.code.contains_key(&path)
                && let Some(text) = self.text(&base.join(&path))
            {
                product.code.insert(path, text);
            }
        }
        for name in entries.folders {
            if depth < DEEPEST_TEMPLATE && !(depth == 0 && ProductFolder::is_apart(&name)) {
                self.module_files(base, &join(below, &name), depth + 1, product);
            }
        }
    }

    fn product_files(&mut self, base: &Path, below: &str, depth: usize, folder: &mut ProductFolder) {
        let entries = self.list(&base.join(below));
        for name in entries.files {
            let path = join(below, &name);
            if !ProductFolder::wants(&path) {
                continue;
            }
            let mistakes = self.found.len();
            if let Some(text) = self.text(&base.join(&path)) {
                folder.files.insert(path, text);
            } else if ProductFolder::is_code(&path) {
                // Without its code, a product can still do what its definition says.
                self.found[mistakes..].iter_mut().for_each(|found| found.severity = Severity::Warning);
            }
        }
        for name in entries.folders {
            let path = join(below, &name);
            let known = depth > 0 || name == "integrations" || name == "templates" || name == rust_hooks::CRATE;
            let known = known && !rust_hooks::is_output(&path);
            if known && depth < DEEPEST_TEMPLATE {
                self.product_files(base, &path, depth + 1, folder);
            }
        }
    }

    fn instances(&mut self, files: &mut ProjectFiles) {
        let base = Path::new(INSTANCES);
        let mut folders: Vec<(String, String)> = Vec::new();
        for product in self.list(base).folders {
            folders.extend(self.list(&base.join(&product)).folders.into_iter().map(|name| (product.clone(), name)));
        }
        let read = self.each(&folders, |loader, (product, name)| loader.instance(base, product, name));
        for ((_, name), folder) in folders.into_iter().zip(read) {
            files.instances.extend(folder.instance);
            files.plugs.extend(folder.plugs);
            if folder.is_unreadable {
                files.unreadable.insert(name);
            }
        }
    }

    fn instance(&mut self, instances: &Path, product: &str, name: &str) -> InstanceFolder {
        let base = instances.join(product).join(name);
        let path = base.join(CONFIG);
        for other in self.list(&base).files.iter().filter(|other| *other != CONFIG) {
            self.misnamed(&base.join(other), "an instance", CONFIG);
        }
        let mistakes = self.found.len();
        let text = self.text(&path);
        let mut folder = InstanceFolder { is_unreadable: self.found.len() > mistakes, ..InstanceFolder::default() };
        folder.plugs = self.plugs(&base.join("plugs"), product, name);
        match text {
            Some(text) => {
                product_folder::read(&path, &text, &mut self.found, |node, report| {
                    folder.instance = Some(InstanceFile::decode(node, product, name, report));
                });
                folder.is_unreadable |= folder.instance.is_none();
            }
            None if !folder.plugs.is_empty() && !folder.is_unreadable => {
                folder.is_unreadable = true;
                self.found.push(
                    Diagnostic::error(
                        Position::new(&path, Mark::START),
                        format!("instance `{name}` has plugs but no `{CONFIG}`"),
                    )
                    .coded(Code::UnknownInstance)
                    .with_hint(format!("`resilmesh add {product} {name}` makes it")),
                );
            }
            None => {}
        }
        folder
    }

    fn plugs(&mut self, base: &Path, product: &str, source: &str) -> Vec<PlugFile> {
        let mut plugs = Vec::new();
        for destination in self.list(base).folders {
            let base = base.join(&destination);
            for name in self.list(&base).files {
                let Some(stem) = name.strip_suffix(".yaml") else {
                    self.misnamed(&base.join(&name), "a plug", "<topic>[_pull].yaml");
                    continue;
                };
                let path = base.join(&name);
                let (topic, mode) = plug_file::topic_and_mode(stem);
                let id = PlugId {
                    source: source.to_owned(),
                    destination: destination.clone(),
                    topic: topic.to_owned(),
                    mode,
                };
                if let Some(text) = self.text(&path) {
                    product_folder::read(&path, &text, &mut self.found, |node, report| {
                        plugs.push(PlugFile::decode(node, product, id, report));
                    });
                }
            }
        }
        plugs
    }

    /// Warns of a file that was meant as a document, but is not read because of its name.
    fn misnamed(&mut self, path: &Path, what: &str, named: &str) {
        if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            let warning = Diagnostic::warning(Position::new(path, Mark::START), "not read because of its name");
            self.found.push(warning.coded(Code::Misnamed).with_hint(format!("the file of {what} is called `{named}`")));
        }
    }

    fn text(&mut self, path: &Path) -> Option<String> {
        let text = self.source.text(path).unwrap_or_else(|wrong| {
            self.found.push(wrong);
            None
        });
        if let Some(text) = &text {
            self.texts.note(path, text);
        }
        text
    }

    fn list(&mut self, path: &Path) -> super::files::Entries {
        self.source.entries(path).unwrap_or_else(|wrong| {
            self.found.push(wrong);
            super::files::Entries::default()
        })
    }
}

fn join(below: &str, name: &str) -> String {
    if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") }
}
