//! Plugs.

use std::collections::BTreeMap;

use resilmesh_hook_api::{self as api, Failure, InstanceName, PlugName};
use serde_json::{Map, Value};

use super::super::documents;
use super::{Answer, failure, instances, integrations, not_written, to_value};
use crate::mesh::matching::{self, Choice, Request};
use crate::mesh::model::{Mode, PlugId, Product, Role};
use crate::project::change::{Change, plug_path, plug_text};
use crate::project::load::ProjectFiles;
use crate::project::plug_file::PlugFile;
use crate::project::saved::Saved;
use crate::project::{names, write};

/// What a plug's path says, or is not worth saying.
const FROM_PATH: [&str; 4] = ["src_instance", "dst_instance", "topic", "mode"];

/// A mode by its word.
pub(super) fn mode(word: Option<&str>) -> Result<Option<Mode>, Failure> {
    match word {
        None => Ok(None),
        Some("push") => Ok(Some(Mode::Push)),
        Some("pull") => Ok(Some(Mode::Pull)),
        Some(other) => Err(failure(format!("mode `{other}` is neither `push` nor `pull`"))),
    }
}

/// What names the plug; by push if nothing is said.
pub(super) fn id(name: &PlugName) -> Result<PlugId, Failure> {
    Ok(PlugId {
        source: name.src_instance.clone(),
        destination: name.dst_instance.clone(),
        topic: name.topic.clone(),
        mode: mode(name.mode.as_deref())?.unwrap_or_default(),
    })
}

pub(super) fn list(files: &ProjectFiles, [source, destination, topic, mode]: &[Option<String>; 4]) -> Answer {
    let fits = |said: &Option<String>, own: &str| said.as_ref().is_none_or(|said| said == own);
    let mut plugs: Vec<&PlugFile> = files
        .plugs
        .iter()
        .filter(|plug| fits(source, &plug.id.source) && fits(destination, &plug.id.destination))
        .filter(|plug| fits(topic, &plug.id.topic) && fits(mode, plug.id.mode.word()))
        .collect();
    plugs.sort_by(|one, other| one.id.cmp(&other.id));
    plugs.into_iter().map(|plug| to_value(&document(files, plug))).collect()
}

pub(super) fn get(files: &ProjectFiles, name: &PlugName) -> Answer {
    find(files, name)?.map_or(Ok(Value::Null), |plug| to_value(&document(files, plug)))
}

fn find<'a>(files: &'a ProjectFiles, name: &PlugName) -> Result<Option<&'a PlugFile>, Failure> {
    let mode = mode(name.mode.as_deref())?;
    let is_it = |plug: &&PlugFile| {
        plug.id.source == name.src_instance
            && plug.id.destination == name.dst_instance
            && plug.id.topic == name.topic
            && mode.is_none_or(|mode| mode == plug.id.mode)
    };
    Ok(files.plugs.iter().filter(is_it).min_by_key(|plug| plug.id.mode))
}

fn required<'a>(files: &'a ProjectFiles, name: &PlugName) -> Result<&'a PlugFile, Failure> {
    find(files, name)?.ok_or_else(|| {
        let PlugName { src_instance, dst_instance, topic, .. } = name;
        failure(format!("there is no plug of `{topic}` from `{src_instance}` to `{dst_instance}`"))
    })
}

fn product_of(files: &ProjectFiles, instance: &str) -> Result<String, Failure> {
    Ok(instances::find(files, &InstanceName { product: None, name: instance.into() })?.product.clone())
}

pub(super) fn create(
    mut files: ProjectFiles,
    name: &PlugName,
    format: Option<String>,
    owner: Option<String>,
) -> Answer {
    if let Some(there) = find(&files, name)? {
        return to_value(&document(&files, there));
    }
    names::check_topic(&name.topic).map_err(failure)?;
    let mode = mode(name.mode.as_deref())?;
    let (source, destination) = ends(&mut files, name)?;
    let request = Request {
        topic: &name.topic,
        mode,
        format: format.as_deref(),
        trigger: None,
        owner: owner.as_deref(),
        source: (&name.src_instance, &source),
        destination: (&name.dst_instance, &destination),
    };
    let choice = matching::resolve(&request).map_err(|wrong| Failure { hint: wrong.hint, ..failure(wrong.message) })?;
    let id = PlugId { mode: choice.mode, ..self::id(name)? };
    let trigger = choice.source.capability.role == Role::Trigger;
    let mut text = plug_text(&id, choice.format.as_deref(), trigger);
    if let Some(owner) = owner {
        text.push_str(&format!("owner: {}\n", write::inline(&owner.into())));
    }
    keep(&files, &source.name, &id, text)
}

pub(super) fn save(files: &ProjectFiles, name: &PlugName, mut document: Map<String, Value>) -> Answer {
    let id = id(name)?;
    names::check_topic(&id.topic).map_err(failure)?;
    let product = product_of(files, &id.source)?;
    names::check_instance(&id.destination).map_err(failure)?;
    let path = [&id.source, &id.destination, &id.topic].map(|word| Value::from(word.as_str()));
    let path = path.into_iter().chain([Value::from(id.mode.word())]);
    FROM_PATH.iter().zip(path).for_each(|(key, value)| drop(document.insert((*key).to_owned(), value)));
    document.retain(|_, value| !is_empty(value));
    document.retain(|key, value| key != "status" && (key != "kind" || value == "trigger"));
    let kept = keep(files, &product, &id, write::to_yaml(&document.into_iter().collect()))?;
    // What a hook saves is no edit of a person. As the file has it: numbers may look different there.
    let mut document = documents::read(&files.root.join(plug_path(&product, &id))).unwrap_or_default();
    let settings = match document.remove("settings") {
        Some(Value::Object(settings)) => settings.into_iter().collect(),
        _ => BTreeMap::new(),
    };
    let noted = Saved::of(&files.root).note(&id, &settings);
    noted.map_err(|error| failure(format!("what was saved of plug `{id}` cannot be kept: {error}")))?;
    Ok(kept)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn keep(files: &ProjectFiles, product: &str, id: &PlugId, text: String) -> Answer {
    let path = files.root.join(plug_path(product, id));
    let change = Change::WritePlug { product: product.into(), id: id.clone(), text };
    change.make(&files.root).map_err(|error| not_written(&path, &error))?;
    let destination = product_of(files, &id.destination).unwrap_or_default();
    to_value(&at(files, product, &destination, id, None))
}

pub(super) fn delete(files: &ProjectFiles, name: &PlugName) -> Answer {
    let plug = required(files, name)?;
    let change = Change::DeletePlug { product: plug.source_product.clone(), id: plug.id.clone() };
    change.make(&files.root).map_err(|error| failure(format!("plug `{}` cannot be deleted: {error}", plug.id)))?;
    Ok(Value::Null)
}

fn ends(files: &mut ProjectFiles, name: &PlugName) -> Result<(Product, Product), Failure> {
    let mut of = |instance: &str| {
        let product = product_of(files, instance)?;
        files.need_product(&product);
        files.products.get(&product).cloned().ok_or_else(|| failure(format!("there is no product `{product}`")))
    };
    Ok((of(&name.src_instance)?, of(&name.dst_instance)?))
}

/// How a plug that is there is made.
fn with_choice<T>(
    mut files: ProjectFiles,
    name: &PlugName,
    with: impl FnOnce(&ProjectFiles, &PlugFile, Option<Choice<'_>>) -> T,
) -> Result<T, Failure> {
    let plug = required(&files, name)?.clone();
    let (source, destination) = ends(&mut files, name)?;
    let request = Request {
        topic: &plug.id.topic,
        mode: Some(plug.id.mode),
        format: plug.format.as_ref().map(|format| format.value.as_str()),
        trigger: None,
        owner: plug.owner.as_ref().map(|owner| owner.value.as_str()),
        source: (&plug.id.source, &source),
        destination: (&plug.id.destination, &destination),
    };
    Ok(with(&files, &plug, matching::resolve(&request).ok()))
}

pub(super) fn integrations(files: ProjectFiles, name: &PlugName) -> Answer {
    with_choice(files, name, |files, plug, choice| {
        let Some(choice) = choice else { return Ok(Value::Array(vec![Value::Null, Value::Null])) };
        let products = [&plug.id.source, &plug.id.destination].map(|end| product_of(files, end));
        let [source, destination] = products;
        let (source, destination) = (source?, destination?);
        let of = |own: &str, other: &str, side: &matching::Side<'_>| {
            let key = documents::IntegrationKey {
                product: own,
                target: other,
                topic: &plug.id.topic,
                role: side.capability.role,
                mode: choice.mode,
            };
            integrations::of_key(files, &key, side.capability.format.clone())
        };
        let both = [of(&source, &destination, &choice.source), of(&destination, &source, &choice.destination)];
        Ok(Value::Array(both.into_iter().collect::<Result<_, _>>()?))
    })?
}

pub(super) fn unconfigured(files: ProjectFiles, name: &PlugName) -> Answer {
    with_choice(files, name, |_, plug, choice| {
        let explicit = choice.iter().flat_map(|choice| [choice.source.explicit, choice.destination.explicit]);
        let settings = explicit.flatten().flat_map(|own| &own.settings);
        settings.filter(|setting| !plug.settings.contains_key(&setting.name)).map(instances::setting).collect()
    })
}

fn document(files: &ProjectFiles, plug: &PlugFile) -> api::Plug {
    let destination = product_of(files, &plug.id.destination).unwrap_or_default();
    let format = plug.format.as_ref().map(|format| format.value.clone());
    at(files, &plug.source_product, &destination, &plug.id, format)
}

fn at(files: &ProjectFiles, source: &str, destination: &str, id: &PlugId, format: Option<String>) -> api::Plug {
    let path = files.root.join(plug_path(source, id));
    let document = documents::read(&path).unwrap_or_default();
    let said = document.get("format").and_then(Value::as_str).map(str::to_owned);
    let up = document.get("status").and_then(Value::as_str) == Some("up");
    api::Plug {
        src_instance: id.source.clone(),
        src_product: source.into(),
        dst_instance: id.destination.clone(),
        dst_product: destination.into(),
        topic: id.topic.clone(),
        mode: id.mode.word().into(),
        format: format.or(said),
        status: if up { "up" } else { "down" }.into(),
        path: path.to_string_lossy().into_owned(),
        document,
    }
}
