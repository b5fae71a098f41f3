//! `products/<product>/integrations/<target>/<topic>_<role>[_pull].yml`: how a product plays a
//! part towards one other product.

use super::decode::{Fields, Report};
use super::definition;
use super::schema::tables::INTEGRATION;
use super::setting;
use super::yaml::Node;
use crate::mesh::model::{Integration, Mode, Role};

/// Topic (none = every topic), role and mode from the stem of an integration's file.
///
/// # Errors
/// When the stem does not say them.
pub fn parse_stem(stem: &str) -> Result<(Option<String>, Role, Mode), String> {
    let (rest, mode) = stem.strip_suffix("_pull").map_or((stem, Mode::Push), |rest| (rest, Mode::Pull));
    let unclear = || format!("the name `{stem}` of an integration does not say a topic and a role");
    let (topic, role) = rest.rsplit_once('_').ok_or_else(unclear)?;
    let role = [Role::Consumer, Role::Producer, Role::Trigger, Role::Executor]
        .into_iter()
        .find(|known| known.word() == role)
        .ok_or_else(unclear)?;
    if topic.is_empty() {
        return Err(unclear());
    }
    Ok(((topic != "any").then(|| topic.to_owned()), role, mode))
}

/// The stem of an integration's file.
pub fn stem(topic: Option<&str>, role: Role, mode: Mode) -> String {
    let pull = if mode == Mode::Pull { "_pull" } else { "" };
    format!("{}_{}{pull}", topic.unwrap_or("any"), role.word())
}

/// Reads the document of the integration of `product` that the path names.
pub fn decode(
    node: &Node,
    product: &str,
    target: &str,
    (topic, role, mode): (Option<String>, Role, Mode),
    report: &mut Report,
) -> Integration {
    let mut integration = Integration {
        target: target.to_owned(),
        topic,
        role,
        mode,
        format: None,
        owns_both: None,
        renders: None,
        ports: None,
        settings: Vec::new(),
        description: None,
        documentation_url: None,
        hooks: Vec::new(),
        at: report.position(node.at),
    };
    let Some(mut fields) = Fields::of(node, "the integration", &INTEGRATION, report) else { return integration };
    integration.format = fields.text("format", report).map(|text| text.value);
    integration.owns_both = fields.get("owns_both").is_some().then(|| fields.flag("owns_both", report));
    integration.renders = definition::renders(&mut fields, product, report);
    integration.ports = definition::ports(&mut fields, report);
    integration.settings = setting::decode_list(&mut fields, "settings", report);
    integration.description = fields.text("description", report).map(|text| text.value);
    integration.documentation_url = fields.text("documentation_url", report).map(|text| text.value);
    // Said by the path; Meshroom writes them too.
    fields.ignore(&["product", "target_product", "topic", "role", "mode", "is_generic", "owns_self"]);
    fields.finish(report);
    integration
}
