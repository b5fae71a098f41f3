//! A project made for a trial: the product, an instance of it, and stand-ins at the other ends of its plugs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mesh::integrations::capabilities;
use crate::mesh::model::{DeclaredHook, HookKind, Mode, Product, Role, Setting, SettingType};
use crate::project::definition::SECTIONS;
use crate::project::load::PRODUCTS;
use crate::project::plug_file::file_name;
use crate::project::write;

/// The product at the other end, where the product under trial names none.
const STAND_IN: &str = "stand_in";
/// The topic of a plug of a capability for every topic.
const ANY_TOPIC: &str = "events";
/// Folders with nothing that hooks are made of.
const LEFT_OUT: [&str; 4] = [".git", "target", "__pycache__", ".venv"];

/// Settings, by name.
pub type Settings = BTreeMap<String, Value>;

/// A project in a temporary folder.
#[derive(Debug)]
pub(super) struct Stage {
    place: TempDir,
    /// Its instances and plugs, by path, as they are before hooks have changed them.
    documents: BTreeMap<PathBuf, String>,
}

/// The product under trial and its instance.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The product.
    pub product: &'a Product,
    /// Its folder, absolute.
    pub folder: &'a Path,
    /// The name of the instance.
    pub instance: &'a str,
    /// Its settings; what is missing is made up.
    pub settings: Settings,
}

impl Stage {
    /// Makes it.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(super) fn make(subject: &Subject<'_>) -> io::Result<Self> {
        let place = tempfile::Builder::new().prefix("rm-try-").tempdir()?;
        let name = &subject.product.name;
        copy(subject.folder, &place.path().join(PRODUCTS).join(name))?;
        for (target, sections) in stand_ins(subject.product) {
            let folder = place.path().join(PRODUCTS).join(&target);
            put(&folder.join("definition.yaml"), &write::to_yaml(&sections))?;
            put(&folder.join("hooks.py"), &own_ends(subject.product, &target))?;
        }
        let stage = Self { documents: documents(subject), place };
        stage.reset()?;
        Ok(stage)
    }

    /// The project's folder.
    pub(super) fn root(&self) -> &Path {
        self.place.path()
    }

    /// Instances and plugs are again as they were.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn reset(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(self.root().join("instances")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.documents.iter().try_for_each(|(path, text)| put(&self.root().join(path), text))
    }
}

/// One plug of a product: what it is about, and who is at the other end.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    target: String,
    topic: String,
    role: Role,
    mode: Mode,
    format: Option<String>,
}

/// A plug for all that the product has setup hooks for: each topic, part and mode once.
fn wanted(product: &Product) -> Vec<Wanted> {
    let topic = |topic: Option<&str>| topic.unwrap_or(ANY_TOPIC).to_owned();
    let general = capabilities(product).into_iter().map(|(of, role, mode, format)| Wanted {
        target: STAND_IN.to_owned(),
        topic: topic(of.as_deref()),
        role,
        mode,
        format,
    });
    let explicit = product.integrations.iter().filter(|own| own.target != product.name).map(|own| Wanted {
        target: own.target.clone(),
        topic: topic(own.topic.as_deref()),
        role: own.role,
        mode: own.mode,
        format: own.format.clone(),
    });
    // What nobody sets up cannot be plugged.
    let is_set_up = |one: &Wanted| {
        let own = product.integrations.iter().filter(|own| own.target == one.target).flat_map(|own| &own.hooks);
        let mut setups = product.hooks.iter().chain(own).filter(|hook| hook.kind == HookKind::Setup);
        setups.any(|hook| hook.serves(one.role, &one.topic, one.mode, one.format.as_deref()))
    };
    let mut all: Vec<Wanted> = general.chain(explicit).filter(is_set_up).collect();
    all.sort();
    all.dedup_by(|one, other| {
        (&one.target, &one.topic, one.role, one.mode) == (&other.target, &other.topic, other.role, other.mode)
    });
    all
}

/// The definitions of the products at the other ends, by name.
fn stand_ins(product: &Product) -> BTreeMap<String, Settings> {
    let mut all: BTreeMap<String, Settings> = BTreeMap::new();
    for one in wanted(product) {
        let role = one.role.counterpart();
        let Some((section, _)) = SECTIONS.into_iter().find(|(_, part)| *part == role) else { continue };
        let topics = all.entry(one.target).or_default().entry(section.to_owned()).or_insert_with(|| json!({}));
        let Some(topics) = topics.as_object_mut() else { continue };
        let capability = one
            .format
            .map_or(json!({"mode": one.mode.word()}), |format| json!({"mode": one.mode.word(), "format": format}));
        if let Some(entries) = topics.entry(one.topic).or_insert_with(|| json!([])).as_array_mut() {
            entries.push(capability);
        }
    }
    all
}

/// Hooks of a stand-in, which nobody calls, for the ends that are its own to set up.
fn own_ends(product: &Product, target: &str) -> String {
    let of_target = product.integrations.iter().filter(|own| own.target == target).flat_map(|own| &own.hooks);
    let hooks: Vec<&DeclaredHook> = product.hooks.iter().chain(of_target).collect();
    let is_set_up = |one: &Wanted| {
        let mut setups = hooks.iter().filter(|hook| hook.kind == HookKind::Setup && hook.owns_both);
        setups.any(|hook| hook.serves(one.role, &one.topic, one.mode, one.format.as_deref()))
    };
    let own = wanted(product).into_iter().filter(|one| one.target == target && !is_set_up(one));
    let hooks = own.enumerate().map(|(number, one)| {
        let (role, mode) = (one.role.counterpart().word(), one.mode.word());
        let topic = Value::from(one.topic);
        format!("\n\n@setup_{role}({topic}, mode=\"{mode}\")\ndef set_up_{number}():\n    pass\n")
    });
    std::iter::once("from resilmesh.decorators import *\n".to_owned()).chain(hooks).collect()
}

/// The name of the instance at the other end.
fn instance_of(target: &str) -> String {
    if target == STAND_IN { STAND_IN.to_owned() } else { format!("{target}_{STAND_IN}") }
}

fn documents(subject: &Subject<'_>) -> BTreeMap<PathBuf, String> {
    let folder = |product: &str, instance: &str| Path::new("instances").join(product).join(instance);
    let text = |document: Value| match document {
        Value::Object(entries) => write::to_yaml(&entries.into_iter().collect()),
        _ => String::new(),
    };
    let own = &subject.product.name;
    let missing = subject.product.settings.iter().filter_map(|own| Some((own.name.clone(), made_up(own)?)));
    let settings: Settings = missing.chain(subject.settings.clone()).collect();
    let config = text(json!({"name": subject.instance, "settings": settings}));
    let mut all = BTreeMap::from([(folder(own, subject.instance).join("config.yaml"), config)]);
    let of_plugs = subject.product.integrations.iter().flat_map(|own| &own.settings);
    let of_plugs: Settings = of_plugs.filter_map(|own| Some((own.name.clone(), made_up(own)?))).collect();
    for one in wanted(subject.product) {
        let other = instance_of(&one.target);
        let config = text(json!({"name": other}));
        all.insert(folder(&one.target, &other).join("config.yaml"), config);
        let is_source = matches!(one.role, Role::Producer | Role::Trigger);
        let (source, destination) = if is_source { (subject.instance, &*other) } else { (&*other, subject.instance) };
        let product = if is_source { own } else { &one.target };
        let explicit = subject.product.integrations.iter().any(|own| own.target == one.target);
        let mut plug = json!({
            "src_instance": source, "dst_instance": destination, "topic": one.topic, "mode": one.mode.word(),
        });
        if let Some(format) = &one.format {
            plug["format"] = Value::from(format.as_str());
        }
        if explicit && !of_plugs.is_empty() {
            plug["settings"] = json!(of_plugs);
        }
        let path = folder(product, source).join("plugs").join(destination).join(file_name(&one.topic, one.mode));
        all.insert(path, text(plug));
    }
    all
}

/// A value for a setting that must have one; none if it need not, or is a secret.
fn made_up(setting: &Setting) -> Option<Value> {
    if setting.secret || !setting.required || !setting.default.is_null() {
        return None;
    }
    if let Some(first) = setting.choices.first() {
        return Some(if setting.kind == SettingType::Array { json!([first]) } else { first.clone() });
    }
    let example = setting.bounds.example.as_deref();
    Some(match setting.kind {
        SettingType::String => {
            Value::from(example.unwrap_or_else(|| match setting.name.to_lowercase().contains("url") {
                // Nobody has this name: it can be told from an address that is kept.
                true => "https://made-up.invalid",
                false => "made-up",
            }))
        }
        SettingType::Integer | SettingType::Float => {
            let least = setting.bounds.minimum.unwrap_or(1.0);
            if setting.kind == SettingType::Float { Value::from(least) } else { Value::from(least.ceil() as i64) }
        }
        SettingType::Boolean => Value::from(false),
        SettingType::Array => json!([]),
        SettingType::Object => {
            let known = setting.properties.iter().filter_map(|own| Some((own.name.clone(), made_up(own)?)));
            Value::Object(known.collect())
        }
    })
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    std::fs::write(path, text)
}

/// Copies files, not what links lead to outside.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let left_out: BTreeSet<&str> = LEFT_OUT.into();
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if name.to_str().is_some_and(|name| left_out.contains(name)) {
            continue;
        }
        if kind.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
