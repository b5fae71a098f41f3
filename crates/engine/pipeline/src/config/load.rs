//! Finding and reading the files of a configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::error::{ConfigError, Position};
use super::globals::{self, Engine, Globals};
use super::options::{Options, Section};
use super::secrets::Secrets;
use super::yaml::{self, Document};

/// A whole configuration as written: names are not resolved yet.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The root file, to which errors about the whole point.
    pub root: PathBuf,
    /// Settings of the whole pipeline.
    pub globals: Globals,
    /// What our engine knows beyond Vector's configuration.
    pub engine: Engine,
    /// The file of [`Config::engine`].
    pub engine_file: PathBuf,
    /// All components.
    pub components: Vec<Component>,
    /// The ids of components that could not be read: what they give is not known.
    pub broken: Vec<String>,
    /// The secrets that were put in.
    pub secrets: Secrets,
}

/// One component as written.
#[derive(Debug, Clone)]
pub struct Component {
    /// What it takes events from; empty for a source.
    pub inputs: Vec<Input>,
    /// Everything else.
    pub options: Options,
}

/// One entry of `inputs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// An output such as `in`, `parse.dropped`, or with wildcards `in_*`.
    pub name: String,
    /// Where it stands.
    pub at: Option<Position>,
}

/// Whether references to secrets are replaced by their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretMode {
    /// They stay as written: nothing of the machine is looked at.
    Leave,
    /// They are looked up; a missing one is an error.
    PutIn,
}

/// Loads a configuration: a folder that holds `vector/` (and perhaps `engine.yaml`), a plain
/// Vector folder, or one file with everything. Beside what could be read come all mistakes that
/// can be told from one another; none of them shows the value of a secret.
pub fn load(path: &Path, secrets: SecretMode) -> (Config, Vec<ConfigError>) {
    let mut files = Files::default();
    let (folder, engine_file) = if path.join("vector").is_dir() {
        (path.join("vector"), path.join("engine.yaml"))
    } else {
        (path.to_owned(), path.parent().unwrap_or(path).join("engine.yaml"))
    };
    if folder.is_dir() {
        files.folder(&folder);
    } else {
        files.root(&folder);
    }
    let engine_file = if path.join("vector").is_dir() { Some(engine_file) } else { None };
    files.config(&folder, engine_file, secrets)
}

/// The texts of a configuration before they are parsed.
#[derive(Default)]
struct Files {
    roots: Vec<(PathBuf, String)>,
    components: Vec<(PathBuf, String, Section)>,
    errors: Vec<ConfigError>,
}

impl Files {
    fn folder(&mut self, folder: &Path) {
        for file in self.list(folder) {
            if file.is_file() && is_config(&file) {
                self.root(&file);
            }
        }
        for section in Section::ALL {
            let folder = folder.join(section.key());
            if !folder.is_dir() {
                continue;
            }
            for file in self.list(&folder) {
                if file.is_dir() && section == Section::Transform {
                    self.errors.push(
                        ConfigError::new(&file, "a folder below `transforms` is not part of a configuration")
                            .hint("move its files up"),
                    );
                } else if file.is_file() && is_config(&file) {
                    self.component(&file, section);
                }
            }
        }
        if folder.join("enrichment_tables").is_dir() {
            self.errors.push(ConfigError::new(
                folder.join("enrichment_tables"),
                "enrichment tables are one of Vector's features that this engine does not have",
            ));
        }
    }

    fn list(&mut self, folder: &Path) -> Vec<PathBuf> {
        match std::fs::read_dir(folder) {
            Ok(entries) => {
                let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
                paths.sort();
                paths
            }
            Err(error) => {
                self.errors.push(ConfigError::new(folder, format!("the folder cannot be read: {error}")));
                Vec::new()
            }
        }
    }

    fn root(&mut self, file: &Path) {
        if let Some(text) = self.read(file) {
            self.roots.push((file.to_owned(), text));
        }
    }

    fn component(&mut self, file: &Path, section: Section) {
        if let Some(text) = self.read(file) {
            self.components.push((file.to_owned(), text, section));
        }
    }

    fn read(&mut self, file: &Path) -> Option<String> {
        if file.extension().is_some_and(|extension| extension == "toml") {
            self.errors.push(ConfigError::new(file, "this engine reads YAML and JSON, not TOML"));
            return None;
        }
        match std::fs::read_to_string(file) {
            Ok(text) => Some(text),
            Err(error) => {
                self.errors.push(
                    ConfigError::new(file, format!("the configuration cannot be read: {error}"))
                        .hint("name a folder that holds `vector/vector.yaml`, or a file"),
                );
                None
            }
        }
    }

    fn config(self, root: &Path, engine_file: Option<PathBuf>, mode: SecretMode) -> (Config, Vec<ConfigError>) {
        let mut errors = self.errors.clone();
        let secrets = match mode {
            SecretMode::Leave => Secrets::default(),
            SecretMode::PutIn => self.secrets().unwrap_or_else(|missing| {
                errors.extend(missing);
                Secrets::default()
            }),
        };
        let mut config = Config {
            root: self.roots.first().map_or_else(|| root.to_owned(), |(file, _)| file.clone()),
            secrets: secrets.clone(),
            ..Config::default()
        };
        for (file, text) in &self.roots {
            match yaml::parse(file, &secrets.put_in(text)) {
                Ok(document) => root_file(file, &document, &mut config, &mut errors),
                Err(error) => errors.push(error),
            }
        }
        for (file, text, section) in &self.components {
            match yaml::parse(file, &secrets.put_in(text)) {
                Ok(document) => component_file(file, *section, &document, &mut config, &mut errors),
                Err(error) => {
                    config.broken.push(id_of(file));
                    errors.push(error);
                }
            }
        }
        if let Some(file) = engine_file {
            match engine(&file) {
                Ok(engine) => config.engine = engine,
                Err(error) => errors.push(error),
            }
            config.engine_file = file;
        }
        check_ids(&config, &mut errors);
        check_sections(&config, &mut errors);
        let errors = errors.into_iter().map(|error| secrets.hide_in(error)).collect();
        (config, errors)
    }

    fn secrets(&self) -> Result<Secrets, Vec<ConfigError>> {
        let mut globals = Globals::default();
        for (file, text) in &self.roots {
            // What is wrong with the file itself is reported when it is parsed for good.
            if let Ok(document) = yaml::parse(file, text) {
                globals::read(file, &document, &mut globals, &mut Vec::new());
            }
        }
        let mut texts = self.roots.clone();
        texts.extend(self.components.iter().map(|(file, text, _)| (file.clone(), text.clone())));
        Secrets::look_up(&globals.secret, &texts)
    }
}

fn is_config(file: &Path) -> bool {
    file.extension().is_some_and(|e| ["yaml", "yml", "json", "toml"].iter().any(|known| e == *known))
}

fn root_file(file: &Path, document: &Document, config: &mut Config, errors: &mut Vec<ConfigError>) {
    let Value::Mapping(mapping) = &document.value else {
        if !document.value.is_null() {
            errors.push(ConfigError::new(file, "the file must hold a mapping of settings"));
        }
        return;
    };
    globals::read(file, document, &mut config.globals, errors);
    for section in Section::ALL {
        let Some(value) = mapping.get(section.key()) else { continue };
        let at = document.places.get(section.key()).map(|place| place.key);
        let Value::Mapping(components) = value else {
            errors.push(ConfigError::new(file, format!("`{}` must be a mapping of components", section.key())).at(at));
            continue;
        };
        for (id, value) in components {
            let Some(id) = id.as_str() else {
                errors.push(ConfigError::new(file, format!("the id of a {section} must be a text")).at(at));
                continue;
            };
            let path = format!("{}.{id}", section.key());
            let own = document.places.get(&path).map(|place| place.key);
            let places = yaml::below(&document.places, &path);
            add(file, section, id, value, &places, own, config, errors);
        }
    }
}

/// The id of the component in a file of its own.
fn id_of(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn component_file(
    file: &Path,
    section: Section,
    document: &Document,
    config: &mut Config,
    errors: &mut Vec<ConfigError>,
) {
    add(file, section, &id_of(file), &document.value, &document.places, None, config, errors);
}

#[allow(clippy::too_many_arguments, reason = "called twice, each time with all it knows of the place")]
fn add(
    file: &Path,
    section: Section,
    id: &str,
    value: &Value,
    places: &BTreeMap<String, yaml::Place>,
    own: Option<Position>,
    config: &mut Config,
    errors: &mut Vec<ConfigError>,
) {
    let component = format!("{section} `{id}`");
    let mistake = |message: String, at: Option<Position>| ConfigError::new(file, message).at(at).of(component.as_str());
    let Value::Mapping(mapping) = value else {
        config.broken.push(id.to_owned());
        return errors.push(mistake("must be a mapping of options".to_owned(), own));
    };
    let mut mapping: Mapping = mapping.clone();
    let kind = match mapping.remove("type") {
        Some(Value::String(kind)) => kind,
        Some(_) => {
            config.broken.push(id.to_owned());
            let at = places.get("type").map(|place| place.key);
            return errors.push(mistake("`type` must be a text".to_owned(), at));
        }
        None => {
            config.broken.push(id.to_owned());
            let mut error = mistake("missing `type`".to_owned(), own);
            if mapping.contains_key(section.key()) {
                error =
                    error.hint(format!("a file below `{0}/` holds one {section} without the key `{0}`", section.key()));
            }
            return errors.push(error);
        }
    };
    let inputs = match (section, mapping.remove("inputs")) {
        (Section::Source, None) => Vec::new(),
        (Section::Source, Some(_)) => {
            let at = places.get("inputs").map(|place| place.key);
            errors.push(mistake("a source has no `inputs`".to_owned(), at));
            Vec::new()
        }
        (_, inputs) => read_inputs(inputs, places, own, &mistake, errors),
    };
    if let Some(value) = mapping.remove("acknowledgements")
        && globals::acknowledgements(&value).is_none()
    {
        let at = places.get("acknowledgements").map(|place| place.key);
        errors.push(mistake("`acknowledgements` must be `{enabled: true}` or `{enabled: false}`".to_owned(), at));
    }
    // How Vector draws a component; nothing here draws it.
    mapping.remove("graph");
    let options = Options::new(file, section, id, &kind, mapping, places.clone(), own);
    config.components.push(Component { inputs, options });
}

fn read_inputs(
    inputs: Option<Value>,
    places: &BTreeMap<String, yaml::Place>,
    own: Option<Position>,
    mistake: &dyn Fn(String, Option<Position>) -> ConfigError,
    errors: &mut Vec<ConfigError>,
) -> Vec<Input> {
    let at = |path: &str| places.get(path).map(|place| place.key);
    let names = match inputs {
        None => {
            errors.push(mistake("missing `inputs`".to_owned(), own));
            return Vec::new();
        }
        Some(Value::Sequence(names)) => names,
        Some(_) => {
            errors.push(mistake("`inputs` must be a list".to_owned(), at("inputs")));
            return Vec::new();
        }
    };
    if names.is_empty() {
        errors.push(mistake("`inputs` is empty".to_owned(), at("inputs")));
    }
    let mut read: Vec<Input> = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let place = at(&format!("inputs[{index}]"));
        match name {
            Value::String(name) if read.iter().any(|input| input.name == name) => {
                errors.push(mistake(format!("input `{name}` is given twice"), place));
            }
            Value::String(name) => read.push(Input { name, at: place }),
            _ => errors.push(mistake("an input must be a text".to_owned(), place)),
        }
    }
    read
}

fn engine(file: &Path) -> Result<Engine, ConfigError> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Engine::default()),
        Err(error) => return Err(ConfigError::new(file, format!("cannot be read: {error}"))),
    };
    if text.trim().is_empty() {
        return Ok(Engine::default());
    }
    serde_yaml::from_str(&text).map_err(|error| {
        let at = error.location().map(|place| Position { line: place.line(), column: place.column() });
        ConfigError::new(file, error.to_string()).at(at)
    })
}

fn check_ids(config: &Config, errors: &mut Vec<ConfigError>) {
    let mut seen: BTreeMap<&str, &Options> = BTreeMap::new();
    for Component { options, .. } in &config.components {
        if options.id.contains('.') {
            errors.push(options.error("", format!("the id `{}` must not hold a `.`", options.id)));
        }
        if let Some(first) = seen.insert(&options.id, options) {
            errors.push(
                options.error("", format!("the id is also that of a {} in {}", first.section, first.file.display())),
            );
        }
    }
}

fn check_sections(config: &Config, errors: &mut Vec<ConfigError>) {
    for section in [Section::Source, Section::Sink] {
        let any = config.components.iter().any(|component| component.options.section == section);
        // A component that could not be read has its own error.
        if !any && errors.is_empty() {
            errors.push(ConfigError::new(&config.root, format!("the configuration has no {section}")));
        }
    }
}
