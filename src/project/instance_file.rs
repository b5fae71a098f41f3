//! `instances/<product>/<instance>/config.yaml`: a product in use.

use std::collections::BTreeMap;

use super::code::Code;
use super::decode::{Fields, Located, Report};
use super::names;
use super::position::{Mark, Position};
use super::schema::tables::INSTANCE;
use super::yaml::Node;

/// An instance as written. Its place in the tree says product and name; the keys may repeat them.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceFile {
    /// Its name.
    pub name: String,
    /// Its product's name.
    pub product: String,
    /// Settings as written, by name.
    pub settings: BTreeMap<String, Located<Node>>,
    /// Where it is to run.
    pub runtime: Option<Located<String>>,
    /// How many like services are to run for it.
    pub replicas: Option<Located<u16>>,
    /// Its network zone.
    pub zone: Option<Located<String>>,
    /// Where it is declared.
    pub at: Position,
    /// Where it says its product, or the start.
    pub product_at: Position,
}

impl InstanceFile {
    /// Reads the document of instance `name` of `product`, both as the path says.
    pub fn decode(node: &Node, product: &str, name: &str, report: &mut Report) -> Self {
        let at = report.position(node.at);
        let mut file = Self {
            name: name.to_owned(),
            product: product.to_owned(),
            settings: BTreeMap::new(),
            runtime: None,
            replicas: None,
            zone: None,
            product_at: at.clone(),
            at,
        };
        if let Err(wrong) = names::check_instance(name) {
            let found = report.error(Mark::START, wrong);
            (found.code, found.hint) = (Code::BadName, Some(names::NAME_HINT.to_owned()));
        }
        let Some(mut fields) = Fields::of(node, "the instance", &INSTANCE, report) else { return file };
        for (key, path) in [("name", name), ("product", product)] {
            let said = fields.text(key, report);
            if let (Some(said), "product") = (&said, key) {
                file.product_at = report.position(said.at);
            }
            if let Some(said) = said.filter(|said| said.value != path) {
                let message = format!("`{key}` is `{}`, but the path says `{path}`, which counts", said.value);
                report.warning(said.at, message).code = Code::PathDisagrees;
            }
        }
        file.settings = settings(&mut fields, "settings", report);
        file.runtime = fields.text("runtime", report);
        file.replicas = replicas(&mut fields, report);
        file.zone = fields.text("zone", report);
        fields.finish(report);
        file
    }
}

/// How many like services an instance is to have, as its own file or a profile says.
pub(super) fn replicas(fields: &mut Fields<'_>, report: &mut Report) -> Option<Located<u16>> {
    let at = fields.get("replicas")?.at;
    // The table says what it can be.
    let value = fields.number("replicas", report).and_then(|number| u16::try_from(number).ok())?;
    Some(Located { value, at })
}

/// The settings of an instance or a plug as written.
pub(super) fn settings(
    fields: &mut Fields<'_>,
    key: &'static str,
    report: &mut Report,
) -> BTreeMap<String, Located<Node>> {
    fields
        .map(key, report)
        .iter()
        .map(|(key, node)| (key.text.clone(), Located { value: node.clone(), at: key.at }))
        .collect()
}
