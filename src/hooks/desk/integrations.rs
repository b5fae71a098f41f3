//! Integrations, from files and generic.

use std::path::Path;

use resilmesh_hook_api::{Failure, HookKind, IntegrationName};
use serde_json::{Map, Value};

use super::super::documents::{self, IntegrationKey, Owns, Reader};
use super::super::hosted;
use super::{Answer, Place, failure, plugs, products, to_value};
use crate::mesh::hooks::{Part, in_force};
use crate::mesh::integrations::{Landscape, Way, between};
use crate::mesh::model::{Product, Role};
use crate::project::load::{PRODUCTS, ProjectFiles};
use crate::project::names;

/// Which integrations are asked for.
pub(super) struct Only {
    pub(super) product: Option<String>,
    pub(super) target_product: Option<String>,
    pub(super) topic: Option<String>,
    pub(super) role: Option<String>,
    pub(super) mode: Option<String>,
    pub(super) format: Option<String>,
}

impl Only {
    fn has(&self, row: &Way) -> bool {
        let fits = |said: &Option<String>, own: &str| said.as_ref().is_none_or(|said| said == own);
        fits(&self.topic, &row.topic)
            && fits(&self.role, row.role.word())
            && fits(&self.mode, row.mode.word())
            && (self.format.is_none() || row.format.is_none() || self.format == row.format)
    }
}

pub(super) fn list(mut files: ProjectFiles, only: &Only) -> Answer {
    for name in only.product.iter().chain(&only.target_product) {
        files.need_product(name);
    }
    let is = |said: &Option<String>, own: &Product| said.as_ref().is_none_or(|said| *said == own.name);
    let landscape = Landscape::new(files.products.values());
    let mut found = Vec::new();
    for (index, product) in landscape.products().filter(|(_, own)| is(&only.product, own)) {
        for (target, ways) in landscape.of(index).filter(|(own, _)| is(&only.target_product, own)) {
            for way in ways.iter().filter(|way| only.has(way)) {
                found.push(of_way(&files, &product.name, &target.name, way)?);
            }
        }
    }
    Ok(found.into())
}

pub(super) fn get(mut files: ProjectFiles, name: IntegrationName) -> Answer {
    let IntegrationName { product, target_product, topic, role, mode } = name;
    files.need_product(&product);
    files.need_product(&target_product);
    let (Some(own), Some(target)) = (files.products.get(&product), files.products.get(&target_product)) else {
        return Ok(Value::Null);
    };
    let mode = mode.unwrap_or_else(|| "push".into());
    let ways = between(own, target);
    let found = ways.iter().find(|way| way.topic == topic && way.role.word() == role && way.mode.word() == mode);
    found.map_or(Ok(Value::Null), |way| of_way(&files, &product, &target_product, way))
}

pub(super) fn save(place: Place<'_>, name: &IntegrationName, mut document: Map<String, Value>) -> Answer {
    let IntegrationName { product, target_product, topic, role, mode } = name;
    for name in [product, target_product] {
        names::check_product(name).map_err(failure)?;
    }
    names::check_topic(topic).map_err(failure)?;
    let role = self::role(role)?;
    let mode = plugs::mode(mode.as_deref())?.unwrap_or_default();
    let key = IntegrationKey { product, target: target_product, topic, role, mode };
    let folder = place.project.join(PRODUCTS).join(product);
    let path = folder.join(documents::integration_path(&key)).with_extension("yml");
    document.extend([
        ("product".to_owned(), Value::from(product.as_str())),
        ("target_product".to_owned(), target_product.as_str().into()),
        ("topic".to_owned(), topic.as_str().into()),
        ("role".to_owned(), role.word().into()),
        ("mode".to_owned(), mode.word().into()),
    ]);
    document.retain(|key, value| !products::is_default(key, value));
    place.write(&path, document)?;
    to_value(&documents::integration(&Reader::default(), &folder, &key, None, Owns::default()))
}

/// A role by its word.
pub(super) fn role(word: &str) -> Result<Role, Failure> {
    [Role::Consumer, Role::Producer, Role::Trigger, Role::Executor]
        .into_iter()
        .find(|role| role.word() == word)
        .ok_or_else(|| Failure {
            hint: Some("there is consumer, producer, trigger, executor".into()),
            ..failure(format!("role `{word}` is unknown"))
        })
}

fn of_way(files: &ProjectFiles, product: &str, target: &str, way: &Way) -> Answer {
    let key = IntegrationKey { product, target, topic: &way.topic, role: way.role, mode: way.mode };
    of_key(files, &key, way.format.clone())
}

/// An integration of a product that is loaded.
pub(super) fn of_key(files: &ProjectFiles, key: &IntegrationKey<'_>, format: Option<String>) -> Answer {
    let product = files.products.get(key.product);
    let product = product.ok_or_else(|| failure(format!("there is no product `{}`", key.product)))?;
    let explicit = product.integrations.iter().find(|own| {
        own.target == key.target
            && own.role == key.role
            && own.mode == key.mode
            && own.topic.as_deref() == Some(key.topic)
    });
    let part = Part { role: key.role, topic: key.topic, mode: key.mode, format: format.as_deref() };
    let setups = in_force(product, explicit, HookKind::Setup, part);
    let both = setups.iter().any(|hook| hook.owns_both);
    let owns = Owns { both, own: !both && !setups.is_empty() };
    let folder = hosted::folder(product).unwrap_or_else(|| Path::new(PRODUCTS).join(&product.name));
    to_value(&documents::integration(&Reader::default(), &files.root.join(folder), key, format, owns))
}
