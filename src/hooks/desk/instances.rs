//! Instances.

use std::collections::BTreeMap;

use resilmesh_hook_api::{Failure, InstanceName};
use serde_json::{Map, Value};

use super::super::documents::{self, Reader};
use super::{Answer, failure, not_written, to_value};
use crate::mesh::model::Setting;
use crate::project::change::{Change, instance_folder};
use crate::project::instance_file::InstanceFile;
use crate::project::load::ProjectFiles;
use crate::project::{names, write};

pub(super) fn list(files: &ProjectFiles, product: Option<&str>, search: Option<&str>) -> Answer {
    let wanted = files.instances.iter().filter(|own| {
        product.is_none_or(|product| own.product == product) && search.is_none_or(|part| own.name.contains(part))
    });
    wanted.map(|own| document(files, own)).collect()
}

pub(super) fn get(files: &ProjectFiles, name: &InstanceName) -> Answer {
    find(files, name).map_or(Ok(Value::Null), |own| document(files, own))
}

/// The instance of this name.
pub(super) fn find<'a>(files: &'a ProjectFiles, name: &InstanceName) -> Result<&'a InstanceFile, Failure> {
    let is_it = |own: &&InstanceFile| {
        own.name == name.name && name.product.as_ref().is_none_or(|product| own.product == *product)
    };
    files.instances.iter().find(is_it).ok_or_else(|| failure(format!("there is no instance `{}`", name.name)))
}

pub(super) fn create(mut files: ProjectFiles, product: &str, name: Option<String>) -> Answer {
    if !files.need_product(product) {
        return Err(failure(format!("there is no product `{product}`")));
    }
    let name = name.unwrap_or_else(|| product.to_owned());
    names::check_instance(&name).map_err(failure)?;
    let there = |own: &&InstanceFile| own.name == name && own.product == product;
    if let Some(own) = files.instances.iter().find(there) {
        return document(&files, own);
    }
    keep(&files, product, &name, Map::new())
}

pub(super) fn save(files: &ProjectFiles, name: &InstanceName, settings: Map<String, Value>) -> Answer {
    let product = match &name.product {
        Some(product) => product.clone(),
        None => find(files, name)?.product.clone(),
    };
    let mut settings = settings;
    let reader = Reader::default();
    let file = documents::instance_of(&reader, &files.root, &product, &name.name, Map::new).settings;
    documents::lift_off(&mut settings, &over(files, &name.name), &file);
    keep(files, &product, &name.name, settings)
}

/// What the profile in force says about the settings of an instance.
fn over(files: &ProjectFiles, name: &str) -> BTreeMap<String, Value> {
    let own = files.profile_in_force().and_then(|profile| profile.instances.get(name));
    let settings = own.into_iter().flat_map(|own| &own.settings);
    settings.map(|(name, given)| (name.clone(), given.value.to_json())).collect()
}

/// An instance as hooks see it, by what stands in its file and in the profile in force.
fn seen(files: &ProjectFiles, product: &str, name: &str) -> Answer {
    let mut instance = documents::instance_of(&Reader::default(), &files.root, product, name, Map::new);
    documents::lay_over(&mut instance.settings, &over(files, name));
    to_value(&instance)
}

fn keep(files: &ProjectFiles, product: &str, name: &str, settings: Map<String, Value>) -> Answer {
    names::check_instance(name).map_err(failure)?;
    names::check_product(product).map_err(failure)?;
    let path = files.root.join(instance_folder(product, name)).join(crate::project::load::CONFIG);
    let mut entries: BTreeMap<String, Value> = documents::read(&path).unwrap_or_default().into_iter().collect();
    entries.insert("name".into(), name.into());
    entries.insert("product".into(), product.into());
    entries.remove("settings");
    if !settings.is_empty() {
        entries.insert("settings".into(), settings.into());
    }
    let change = Change::WriteInstance { product: product.into(), name: name.into(), text: write::to_yaml(&entries) };
    change.make(&files.root).map_err(|error| not_written(&path, &error))?;
    seen(files, product, name)
}

pub(super) fn delete(files: &ProjectFiles, name: &InstanceName) -> Answer {
    let own = find(files, name)?;
    let change = Change::DeleteInstance { product: own.product.clone(), name: own.name.clone() };
    change.make(&files.root).map_err(|error| failure(format!("instance `{}` cannot be deleted: {error}", own.name)))?;
    Ok(Value::Null)
}

pub(super) fn schema(mut files: ProjectFiles, name: &InstanceName) -> Answer {
    let product = find(&files, name)?.product.clone();
    files.need_product(&product);
    let settings = files.products.get(&product).map_or(&[][..], |product| &product.settings);
    Ok(settings.iter().map(setting).collect())
}

/// A setting as YAML has it.
pub(super) fn setting(setting: &Setting) -> Value {
    let mut entries = Map::from_iter([("name".to_owned(), Value::from(setting.name.as_str()))]);
    if let Ok(kind) = serde_json::to_value(setting.kind) {
        entries.insert("type".into(), kind);
    }
    if !setting.default.is_null() {
        entries.insert("default".into(), setting.default.clone());
    }
    if let Some(description) = &setting.description {
        entries.insert("description".into(), description.as_str().into());
    }
    for (key, flag) in [("secret", setting.secret), ("required", setting.required)] {
        if flag {
            entries.insert(key.into(), true.into());
        }
    }
    entries.into()
}

fn document(files: &ProjectFiles, own: &InstanceFile) -> Answer {
    seen(files, &own.product, &own.name)
}
