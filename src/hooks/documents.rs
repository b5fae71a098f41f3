//! The project's documents as hooks are given them: what stands in the file now, with what its path
//! says. A file that is gone or cannot be read counts as empty, or as what was known of it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::Mutex;
use resilmesh_hook_api as api;
use serde_json::{Map, Value};

use super::{Call, Party};
use crate::mesh::model::{Mode, Role};
use crate::project::change::{instance_folder, plug_path};
use crate::project::integration_file;
use crate::project::load::CONFIG;
use crate::project::stamp::Stamp;
use crate::project::yaml;

/// The map in a YAML file; none if there is no such file, or no map in it.
pub fn read(path: &Path) -> Option<Map<String, Value>> {
    let text = std::fs::read_to_string(path).ok()?;
    match yaml::parse(&text, path).ok()?.to_json() {
        Value::Object(map) => Some(map),
        Value::Null => Some(Map::new()),
        _ => None,
    }
}

/// Reads documents, and each only once as long as its file stays as it is: every hook of an `up` is given
/// some of the same ones.
#[derive(Debug, Default)]
pub struct Reader {
    known: Mutex<HashMap<PathBuf, Known>>,
}

/// What was read, and of what file.
type Known = (Stamp, Option<Map<String, Value>>);

impl Reader {
    /// As [`read`].
    pub fn read(&self, path: &Path) -> Option<Map<String, Value>> {
        let Some(stamp) = Stamp::of(&std::fs::metadata(path).ok()?) else { return read(path) };
        if let Some((_, document)) = self.known.lock().get(path).filter(|(known, _)| *known == stamp) {
            return document.clone();
        }
        let since = SystemTime::now();
        let document = read(path);
        if stamp.is_settled(since) {
            self.known.lock().insert(path.to_owned(), (stamp, document.clone()));
        }
        document
    }
}

/// An instance; with the settings that were known of it when its file is gone.
pub fn instance(reader: &Reader, project: &Path, party: &Party) -> api::Instance {
    let settings = || party.settings.clone().into_iter().collect();
    let mut instance = instance_of(reader, project, &party.product, &party.name, settings);
    lay_over(&mut instance.settings, &party.over);
    instance
}

/// Puts what a profile says over settings as an instance's file has them.
pub fn lay_over(settings: &mut Map<String, Value>, over: &BTreeMap<String, Value>) {
    for (name, value) in over {
        match value {
            Value::Null => drop(settings.remove(name)),
            value => drop(settings.insert(name.clone(), value.clone())),
        }
    }
}

/// Takes what a profile says out of settings that are to be kept: what the instance's file has stays in it,
/// unless the value was changed.
pub fn lift_off(settings: &mut Map<String, Value>, over: &BTreeMap<String, Value>, file: &Map<String, Value>) {
    for (name, value) in over {
        if settings.get(name).unwrap_or(&Value::Null) == value {
            match file.get(name) {
                Some(own) => drop(settings.insert(name.clone(), own.clone())),
                None => drop(settings.remove(name)),
            }
        }
    }
}

/// The instance of these names, with `otherwise` as settings if it has no file.
pub fn instance_of(
    reader: &Reader,
    project: &Path,
    product: &str,
    name: &str,
    otherwise: impl FnOnce() -> Map<String, Value>,
) -> api::Instance {
    let folder = project.join(instance_folder(product, name));
    let settings = match reader.read(&folder.join(CONFIG)) {
        Some(mut document) => match document.remove("settings") {
            Some(Value::Object(settings)) => settings,
            _ => Map::new(),
        },
        None => otherwise(),
    };
    api::Instance { name: name.into(), product: product.into(), path: folder.to_string_lossy().into_owned(), settings }
}

/// The file of the plug that a call is about.
pub fn path_of_plug(project: &Path, call: &Call) -> Option<PathBuf> {
    let (id, peer) = (call.plug.as_ref()?, call.peer.as_ref()?);
    let source = if id.source == call.own.name { &call.own } else { peer };
    Some(project.join(plug_path(&source.product, id)))
}

/// The settings of the plug that a call is about, as they are in its file; none if it has none.
pub fn settings_of_plug(reader: &Reader, project: &Path, call: &Call) -> Option<BTreeMap<String, Value>> {
    match reader.read(&path_of_plug(project, call)?)?.remove("settings") {
        Some(Value::Object(settings)) => Some(settings.into_iter().collect()),
        _ => Some(BTreeMap::new()),
    }
}

/// The plug that a call is about; with `told`, with the settings of the call over those of its file.
pub fn plug(reader: &Reader, project: &Path, call: &Call, up: bool, told: bool) -> Option<api::Plug> {
    let (id, peer) = (call.plug.as_ref()?, call.peer.as_ref()?);
    let (source, destination) = if id.source == call.own.name { (&call.own, peer) } else { (peer, &call.own) };
    let path = project.join(plug_path(&source.product, id));
    let mut document = reader.read(&path).unwrap_or_else(|| {
        let settings: Map<String, Value> = call.settings.clone().into_iter().collect();
        if settings.is_empty() { Map::new() } else { Map::from_iter([("settings".to_owned(), settings.into())]) }
    });
    if told
        && !call.settings.is_empty()
        && let Value::Object(settings) = document.entry("settings").or_insert_with(|| Map::new().into())
    {
        settings.extend(call.settings.clone());
    }
    configure(&mut document, "src_config", source, &call.settings);
    configure(&mut document, "dst_config", destination, &call.settings);
    Some(api::Plug {
        src_instance: id.source.clone(),
        src_product: source.product.clone(),
        dst_instance: id.destination.clone(),
        dst_product: destination.product.clone(),
        topic: id.topic.clone(),
        mode: id.mode.word().into(),
        format: call.format.clone(),
        status: if up { "up" } else { "down" }.into(),
        path: path.to_string_lossy().into_owned(),
        document,
    })
}

/// Puts the settings that an end's integration declares where Meshroom's hooks look for them.
fn configure(document: &mut Map<String, Value>, key: &str, end: &Party, known: &BTreeMap<String, Value>) {
    let values = end.of_plug.iter().filter_map(|name| Some((name.clone(), known.get(name)?.clone())));
    let values: Vec<_> = values.filter(|(_, value)| !value.is_null()).collect();
    if let Value::Object(config) = document.entry(key).or_insert_with(|| Map::new().into()) {
        config.extend(values);
    }
}

/// What names an integration.
#[derive(Debug, Clone, Copy)]
pub struct IntegrationKey<'a> {
    /// The product that plays the part.
    pub product: &'a str,
    /// The product at the other end.
    pub target: &'a str,
    /// The topic.
    pub topic: &'a str,
    /// The part.
    pub role: Role,
    /// The mode.
    pub mode: Mode,
}

/// What an integration's hooks set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Owns {
    /// Both ends.
    pub both: bool,
    /// Its own end.
    pub own: bool,
}

/// The file of an integration without extension, below its product's folder.
pub fn integration_path(key: &IntegrationKey<'_>) -> PathBuf {
    let stem = integration_file::stem(Some(key.topic), key.role, key.mode);
    Path::new("integrations").join(key.target).join(stem)
}

/// An integration of the product in `folder`.
pub fn integration(
    reader: &Reader,
    folder: &Path,
    key: &IntegrationKey<'_>,
    format: Option<String>,
    owns: Owns,
) -> api::Integration {
    let path = folder.join(integration_path(key));
    let with = |extension: &str| {
        let mut file = path.clone().into_os_string();
        file.push(extension);
        PathBuf::from(file)
    };
    // Most are generic: then there is not even the folder.
    let is_there = path.parent().is_some_and(Path::is_dir);
    let from_file = || reader.read(&with(".yml")).or_else(|| reader.read(&with(".yaml")));
    let document = is_there.then(from_file).flatten();
    let said = document.as_ref().and_then(|own| own.get("format")).and_then(Value::as_str).map(str::to_owned);
    api::Integration {
        product: key.product.into(),
        target_product: key.target.into(),
        topic: key.topic.into(),
        role: key.role.word().into(),
        mode: key.mode.word().into(),
        format: said.or(format),
        is_generic: document.is_none() && !(is_there && with(".py").is_file()),
        owns_both: owns.both,
        owns_self: owns.own,
        path: path.to_string_lossy().into_owned(),
        document: document.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_file_now_is_read_however_soon_it_changes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("plug.yaml");
        let reader = Reader::default();
        assert_eq!(reader.read(&path), None);
        for number in 0..200 {
            std::fs::write(&path, format!("number: {}\n", number % 10)).expect("writable");
            for _ in 0..2 {
                let read = reader.read(&path).expect("a map");
                assert_eq!(read.get("number"), Some(&Value::from(number % 10)));
            }
        }
        std::fs::remove_file(&path).expect("ours");
        assert_eq!(reader.read(&path), None);
    }
}
