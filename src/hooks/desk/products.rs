//! Products and what they can do.

use std::collections::BTreeMap;
use std::path::Path;

use resilmesh_hook_api::{Capability, Failure, Product as Document};
use serde_json::{Map, Value, json};

use super::super::{documents, hosted};
use super::{Answer, Place, failure, integrations, not_written, plugs, to_value};
use crate::mesh::integrations::{Landscape, between, capabilities as known};
use crate::mesh::model::{Product, Role};
use crate::project::load::{PRODUCTS, ProjectFiles};
use crate::project::names;
use crate::project::product_folder::DEFINITION;

pub(super) fn list(files: &ProjectFiles, tags: &[String], search: Option<&str>) -> Answer {
    let wanted = files.products.values().filter(|own| {
        (tags.is_empty() || own.tags.iter().any(|tag| tags.contains(tag)))
            && search.is_none_or(|part| own.name.contains(part))
    });
    let landscape = Landscape::new(files.products.values());
    let places: BTreeMap<&str, usize> =
        landscape.products().map(|(index, product)| (product.name.as_str(), index)).collect();
    wanted
        .map(|own| document(files, own, places.get(own.name.as_str()).map_or(0, |index| landscape.count(*index))))
        .collect()
}

pub(super) fn get(mut files: ProjectFiles, name: &str) -> Answer {
    files.need_product(name);
    let count = |own| files.products.values().map(|target| between(own, target).len()).sum();
    files.products.get(name).map_or(Ok(Value::Null), |own| document(&files, own, count(own)))
}

fn document(files: &ProjectFiles, product: &Product, integrations: usize) -> Answer {
    let folder = hosted::folder(product).unwrap_or_else(|| Path::new(PRODUCTS).join(&product.name));
    let folder = files.root.join(folder);
    to_value(&Document {
        name: product.name.clone(),
        path: folder.to_string_lossy().into_owned(),
        document: documents::read(&folder.join(DEFINITION)).unwrap_or_default(),
        integrations,
    })
}

/// Keys that say no more than their absence.
pub(super) fn is_default(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => {
            text.is_empty() || (key == "mode" && text == "push") || (key == "type" && text == "string")
        }
        Value::Bool(flag) => !flag && ["secret", "required", "is_generic", "owns_both", "owns_self"].contains(&key),
        Value::Number(_) => false,
    }
}

pub(super) fn save(place: Place<'_>, name: &str, mut document: Map<String, Value>) -> Answer {
    names::check_product(name).map_err(|wrong| Failure { hint: Some(names::NAME_HINT.into()), ..failure(wrong) })?;
    document.insert("name".to_owned(), name.into());
    document.retain(|key, value| !is_default(key, value));
    let path = place.project.join(PRODUCTS).join(name).join(DEFINITION);
    place.write(&path, document)?;
    let files = crate::project::load::load(place.project).map_err(|error| not_written(&path, &error))?;
    get(files, name)
}

/// A capability that a product is to have.
pub(super) struct Wanted {
    pub(super) topic: String,
    pub(super) role: String,
    pub(super) mode: String,
    pub(super) format: Option<String>,
}

pub(super) fn add_capability(place: Place<'_>, product: &str, wanted: &Wanted) -> Answer {
    names::check_topic(&wanted.topic).map_err(failure)?;
    let section = match integrations::role(&wanted.role)? {
        Role::Consumer => "consumes",
        Role::Producer => "produces",
        Role::Trigger => "triggers",
        Role::Executor => "executes",
    };
    let mode = plugs::mode(Some(&wanted.mode))?.unwrap_or_default();
    let path = place.project.join(PRODUCTS).join(product).join(DEFINITION);
    if !path.parent().is_some_and(Path::is_dir) {
        return Err(failure(format!("there is no product `{product}`")));
    }
    let mut document = documents::read(&path).unwrap_or_default();
    let mut entry = Map::new();
    if let Some(format) = &wanted.format {
        entry.insert("format".into(), format.as_str().into());
    }
    if mode == crate::mesh::model::Mode::Pull {
        entry.insert("mode".into(), mode.word().into());
    }
    let same = |other: &Value| {
        other.get("mode").and_then(Value::as_str).unwrap_or("push") == mode.word()
            && other.get("format").and_then(Value::as_str) == wanted.format.as_deref()
    };
    let topics = document.entry(section).or_insert_with(|| json!({}));
    let entries = topics.as_object_mut().map(|topics| topics.entry(&wanted.topic).or_insert_with(|| json!([])));
    match entries.and_then(Value::as_array_mut) {
        Some(entries) if entries.iter().any(same) => {}
        Some(entries) => entries.push(entry.into()),
        None => return Err(failure(format!("`{section}` of product `{product}` is not as it should be"))),
    }
    save(place, product, document)
}

pub(super) fn capabilities(
    mut files: ProjectFiles,
    product: &str,
    [topic, role, mode, format]: &[Option<String>; 4],
) -> Answer {
    files.need_product(product);
    let product = files.products.get(product).ok_or_else(|| failure(format!("there is no product `{product}`")))?;
    let fits =
        |said: &Option<String>, own: Option<&str>| said.as_deref().is_none_or(|said| own.is_none_or(|own| own == said));
    let known = known(product).into_iter().map(|(topic, role, mode, format)| Capability {
        topic,
        role: role.word().into(),
        mode: mode.word().into(),
        format,
    });
    let wanted = known.filter(|own| {
        fits(topic, own.topic.as_deref())
            && fits(role, Some(&own.role))
            && fits(mode, Some(&own.mode))
            && fits(format, own.format.as_deref())
    });
    wanted.map(|own| to_value(&own)).collect()
}
