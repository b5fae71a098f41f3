//! Where the values of settings, and the number of replicas, come from: the profile in force, the instance, the product's default.

use std::path::Path;

use serde_json::Value;

use super::model::{Replicas, Setting};
use crate::project::decode::Located;
use crate::project::instance_file::InstanceFile;
use crate::project::load::ProjectFiles;
use crate::project::position::Position;
use crate::project::yaml::{self, Node};

/// A setting of an instance with everything that is said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Its name.
    pub setting: String,
    /// It is kept in the vault: there is no value here.
    pub secret: bool,
    /// What is said, the strongest first: that one counts. None = nobody says anything.
    pub layers: Vec<Layer>,
}

/// One place that says something about a setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Who says it.
    pub kind: LayerKind,
    /// What is said; null = as if it were not said at all.
    pub value: Value,
    /// Where.
    pub at: Position,
}

/// Who says something about a setting, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// The profile in force.
    Profile,
    /// The file of the instance.
    Instance,
    /// The product, for those who say nothing.
    Default,
}

impl LayerKind {
    /// Its word in data.
    pub fn word(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Instance => "instance",
            Self::Default => "default",
        }
    }
}

/// The settings of an instance, those that are declared first, with where their values come from.
pub fn of_instance(files: &ProjectFiles, written: &InstanceFile) -> Vec<Origin> {
    let declared = files.products.get(&written.product).map(|product| product.settings.as_slice()).unwrap_or_default();
    let over = files.profile_in_force().and_then(|profile| profile.instances.get(&written.name));
    let mut names: Vec<&str> = declared.iter().map(|setting| setting.name.as_str()).collect();
    let others = written.settings.keys().chain(over.iter().flat_map(|over| over.settings.keys()));
    names.extend(others.map(String::as_str).filter(|name| !declared.iter().any(|setting| setting.name == *name)));
    names.dedup();
    names
        .into_iter()
        .map(|name| of_setting(files, written, declared.iter().find(|own| own.name == name), name))
        .collect()
}

/// The key of the number of services of an instance.
pub const REPLICAS: &str = "replicas";

/// Where the number of services of an instance comes from; none if nothing is run for it.
pub fn of_replicas(files: &ProjectFiles, written: &InstanceFile) -> Option<Origin> {
    let product = files.products.get(&written.product).filter(|product| product.service.is_some())?;
    let layer = |kind, value: u16, at| Layer { kind, value: value.into(), at };
    let said = |kind, said: &Located<u16>, file: &Path| layer(kind, said.value, Position::new(file, said.at));
    let profile = files.profile_in_force();
    let over = profile.and_then(|own| Some((own.instances.get(&written.name)?.replicas.as_ref()?, &own.path)));
    let layers = [
        over.map(|(over, path)| said(LayerKind::Profile, over, path)),
        written.replicas.as_ref().map(|own| said(LayerKind::Instance, own, &written.at.file)),
        Some(layer(LayerKind::Default, Replicas::default().number, product.at.clone())),
    ];
    let layers = layers.into_iter().flatten().collect();
    Some(Origin { setting: REPLICAS.to_owned(), secret: false, layers })
}

fn of_setting(files: &ProjectFiles, written: &InstanceFile, declared: Option<&Setting>, name: &str) -> Origin {
    let secret = declared.is_some_and(|setting| setting.secret);
    let mut layers = Vec::new();
    if secret {
        return Origin { setting: name.to_owned(), secret, layers };
    }
    let profile = files.profile_in_force();
    let over = profile.and_then(|profile| Some((profile, profile.instances.get(&written.name)?.settings.get(name)?)));
    let layer = |kind, given: &Located<Node>, file: &Path| Layer {
        kind,
        value: given.value.to_json(),
        at: Position::new(file, given.at),
    };
    let mut back_to_default = false;
    if let Some((profile, given)) = over {
        back_to_default = given.value.value == yaml::Value::Null;
        layers.push(layer(LayerKind::Profile, given, &profile.path));
    }
    if let Some(given) = written.settings.get(name).filter(|_| !back_to_default) {
        layers.push(layer(LayerKind::Instance, given, &written.at.file));
    }
    if let (Some(setting), Some(product)) = (declared, files.products.get(&written.product)) {
        let at = setting.at.map_or_else(|| product.at.clone(), |at| Position::new(&product.at.file, at));
        layers.push(Layer { kind: LayerKind::Default, value: setting.default.clone(), at });
    }
    Origin { setting: name.to_owned(), secret, layers }
}

impl Origin {
    /// The one that counts.
    pub fn counts(&self) -> Option<&Layer> {
        let says = |layer: &&Layer| !layer.value.is_null();
        self.layers.iter().find(says).or_else(|| self.layers.last())
    }
}
