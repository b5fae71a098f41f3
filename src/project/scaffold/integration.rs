//! The file of an integration.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::capability::Wanted;
use super::render;
use crate::mesh::model::Mode;
use crate::project::integration_file::stem;
use crate::project::load::PRODUCTS;
use crate::project::write;

/// The file of the integration by which `product` plays its part towards `target`.
pub fn path(product: &str, target: &str, wanted: &Wanted) -> PathBuf {
    folder(product, target).join(format!("{}.yml", stem(wanted.topic.as_deref(), wanted.role, wanted.mode)))
}

/// The same with the other ending, which counts as well.
pub fn other_path(product: &str, target: &str, wanted: &Wanted) -> PathBuf {
    path(product, target, wanted).with_extension("yaml")
}

fn folder(product: &str, target: &str) -> PathBuf {
    Path::new(PRODUCTS).join(product).join("integrations").join(target)
}

/// What stands in the file.
///
/// # Errors
/// When the template that is built in does not work; a test sees to it that it does.
pub fn text(product: &str, target: &str, wanted: &Wanted) -> Result<String, String> {
    let word = |text: &str| write::inline(&Json::from(text));
    let values = minijinja::context! {
        product => word(product),
        target => word(target),
        verb => wanted.role.verb(),
        topic => word(wanted.topic.as_deref().unwrap_or("*")),
        role => wanted.role.word(),
        pull => wanted.mode == Mode::Pull,
        format => wanted.format.as_deref().map(word),
        stem => stem(wanted.topic.as_deref(), wanted.role, wanted.mode),
    };
    render::builtin("integration/integration.yml", &values)
}
