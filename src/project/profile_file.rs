//! `profiles/<name>.yaml`: what is different in one environment. The graph stays: a profile has settings,
//! runtimes and numbers of replicas, and neither instances nor plugs of its own.
//!
//! A file for each profile, not a section of `resilmesh.yaml`: environments are compared, reviewed and
//! protected one by one, and two people who change two of them are in nobody's way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::code::Code;
use super::decode::{Fields, Located, Report};
use super::instance_file;
use super::names;
use super::position::{Diagnostic, Mark, Position};
use super::schema::tables::{OVERLAY, PROFILE};
use super::yaml::Node;

/// The folder of the profiles.
pub const PROFILES: &str = "profiles";

/// The word for no profile at all.
pub const NONE: &str = "none";

/// A profile as written.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileFile {
    /// Its file.
    pub path: PathBuf,
    /// Where managed instances run unless they say otherwise.
    pub runtime: Option<Located<String>>,
    /// What is different for single instances.
    pub instances: BTreeMap<String, Overlay>,
}

/// What is different for one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    /// Where its name stands.
    pub at: Mark,
    /// Settings as written, by name; null = the default of the product.
    pub settings: BTreeMap<String, Located<Node>>,
    /// Where it is to run.
    pub runtime: Option<Located<String>>,
    /// How many like services are to run for it.
    pub replicas: Option<Located<u16>>,
}

impl ProfileFile {
    /// Reads the document.
    pub(super) fn decode(node: &Node, path: &Path, report: &mut Report) -> Self {
        let mut profile = Self { path: path.to_owned(), runtime: None, instances: BTreeMap::new() };
        let Some(mut fields) = Fields::of(node, "the profile", &PROFILE, report) else { return profile };
        fields.number("version", report);
        profile.runtime = fields.text("runtime", report);
        fields.refuse(
            "zones",
            "a profile cannot change `zones`: boundaries are the same everywhere".to_owned(),
            report,
        );
        for (name, node) in fields.map("instances", report) {
            if let Some(overlay) = overlay(&name.text, name.at, node, report) {
                profile.instances.insert(name.text.clone(), overlay);
            }
        }
        fields.finish(report);
        profile
    }
}

fn overlay(name: &str, at: Mark, node: &Node, report: &mut Report) -> Option<Overlay> {
    let mut fields = Fields::of(node, format!("instance `{name}` of the profile"), &OVERLAY, report)?;
    let settings = instance_file::settings(&mut fields, "settings", report);
    let runtime = fields.text("runtime", report);
    let overlay = Overlay { at, settings, runtime, replicas: instance_file::replicas(&mut fields, report) };
    for graph in ["plugs", "product", "zone"] {
        let message = format!("a profile cannot change `{graph}` of `{name}`: the graph is the same everywhere");
        fields.refuse(graph, message, report);
    }
    fields.finish(report);
    Some(overlay)
}

/// The name of the profile in a file of the folder; none if it is the file of none.
///
/// # Errors
/// What is wrong with its name.
pub(super) fn name_of(path: &Path) -> Result<Option<&str>, Diagnostic> {
    let Some(file) = path.file_name().and_then(|file| file.to_str()) else { return Ok(None) };
    let start = Position::new(path, Mark::START);
    let Some(name) = file.strip_suffix(".yaml") else {
        if !file.ends_with(".yml") {
            return Ok(None);
        }
        let warning = Diagnostic::warning(start, "not read because of its name").coded(Code::Misnamed);
        return Err(warning.with_hint("the file of a profile is called `<name>.yaml`"));
    };
    if names::check_instance(name).is_err() || name == NONE {
        let wrong = Diagnostic::error(start, format!("`{name}` cannot be the name of a profile")).coded(Code::BadName);
        return Err(wrong.with_hint(if name == NONE { "it stands for no profile" } else { names::NAME_HINT }));
    }
    Ok(Some(name))
}
