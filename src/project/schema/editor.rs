//! How editors find the schema of a document: by its first line, which names a file of this machine's
//! state. The path is relative to the document, so that it is the same for everybody who works on the
//! mesh; each one's own resilmesh writes the file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::kinds::Kind;
use super::{json, settings};
use crate::mesh::model::Product;
use crate::project::load::{CONFIG, INSTANCES, PRODUCTS};
use crate::project::product_folder::DEFINITION;
use crate::project::profile_file::PROFILES;
use crate::project::test_file::TESTS;
use crate::project::{names, project_file, write};

/// The folder of the schemas, in a project.
pub const FOLDER: &str = ".resilmesh/schema";

/// How a line begins that tells an editor the schema.
const MODELINE: &str = "# yaml-language-server: $schema=";

/// `text` with a first line that tells editors its schema, if `path`, below the project, is that of a
/// document. A text that has such a line keeps its own.
pub fn with_modeline(text: &str, path: &Path) -> String {
    let Some(schema) = schema_of(path) else { return text.to_owned() };
    if text.lines().any(|line| line.trim_start().starts_with(MODELINE)) {
        return text.to_owned();
    }
    let up = "../".repeat(path.components().count().saturating_sub(1));
    format!("{MODELINE}{up}{}\n{text}", schema.display())
}

/// The file of the schema of the document at `path`, both below the project.
fn schema_of(path: &Path) -> Option<PathBuf> {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    match parts[..] {
        [project_file::FILE_NAME] => Some(file_of_kind(Kind::Project)),
        [PRODUCTS, _, DEFINITION] => Some(file_of_kind(Kind::Definition)),
        [PRODUCTS, _, "integrations", _, _] if is_yaml => Some(file_of_kind(Kind::Integration)),
        [INSTANCES, product, _, CONFIG] => Some(file_of_instances(product)),
        [INSTANCES, _, _, "plugs", _, _] if is_yaml => Some(file_of_kind(Kind::Plug)),
        [PROFILES, _] if is_yaml => Some(file_of_kind(Kind::Profile)),
        [TESTS, _] | [PRODUCTS, _, TESTS, _] if is_yaml => Some(file_of_kind(Kind::Tests)),
        _ => None,
    }
}

fn file_of_kind(kind: Kind) -> PathBuf {
    Path::new(FOLDER).join(format!("{}.json", kind.word()))
}

fn file_of_instances(product: &str) -> PathBuf {
    match names::check_product(product) {
        Ok(()) => Path::new(FOLDER).join(INSTANCES).join(format!("{product}.json")),
        Err(_) => file_of_kind(Kind::Instance),
    }
}

/// The schemas that documents may name: those of the kinds, and of the instances of these products.
pub fn schemas<'a>(products: impl IntoIterator<Item = &'a Product>) -> BTreeMap<PathBuf, Json> {
    let kinds = Kind::ALL.into_iter().map(|kind| (file_of_kind(kind), json::of(kind)));
    let products = products.into_iter().filter(|product| names::check_product(&product.name).is_ok());
    kinds.chain(products.map(|own| (file_of_instances(&own.name), settings::of_instances(own)))).collect()
}

/// Writes the schemas into the project at `root`, those that differ.
///
/// # Errors
/// When the disk refuses.
pub fn write(root: &Path, schemas: &BTreeMap<PathBuf, Json>) -> io::Result<()> {
    for (path, schema) in schemas {
        let path = root.join(path);
        let text = format!("{schema:#}\n");
        if !std::fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            write::replace(&path, text)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_leads_from_the_document_to_the_schema() {
        let line = |path: &str| with_modeline("a: 1\n", Path::new(path)).replace(MODELINE, "");
        for (path, schema) in [
            ("resilmesh.yaml", ".resilmesh/schema/project.json"),
            ("products/edr/definition.yaml", "../../.resilmesh/schema/definition.json"),
            ("products/edr/integrations/siem/a_producer.yml", "../../../../.resilmesh/schema/integration.json"),
            ("instances/nats/bus/config.yaml", "../../../.resilmesh/schema/instances/nats.json"),
            ("instances/a b/bus/config.yaml", "../../../.resilmesh/schema/instance.json"),
            ("instances/nats/bus/plugs/store/a_pull.yaml", "../../../../../.resilmesh/schema/plug.json"),
            ("profiles/prod.yaml", "../.resilmesh/schema/profile.json"),
            ("products/edr/tests/a.yaml", "../../../.resilmesh/schema/tests.json"),
        ] {
            assert_eq!(line(path), format!("{schema}\na: 1\n"));
        }
        assert_eq!(line("products/edr/hooks.py"), "a: 1\n");
    }

    #[test]
    fn a_line_that_is_there_stays() {
        let path = Path::new("resilmesh.yaml");
        let own = format!("# ours\n{MODELINE}https://example.org/x.json\nversion: 1\n");
        assert_eq!(with_modeline(&own, path), own);
        let once = with_modeline("version: 1\n", path);
        assert_eq!(with_modeline(&once, path), once);
    }
}
