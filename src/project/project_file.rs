//! `resilmesh.yaml`: what holds for the whole project.

use std::collections::BTreeMap;

use super::decode::{Fields, Located, Report};
use super::schema::tables::PROJECT;
use super::yaml::Node;
use super::zone::{self, Zone};

/// The name of the file.
pub const FILE_NAME: &str = "resilmesh.yaml";

/// The whole of `resilmesh.yaml`; a project without the file has the default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProjectFile {
    /// Name of the mesh; none = the name of the project's folder.
    pub name: Option<Located<String>>,
    /// Where managed instances run unless they say otherwise.
    pub runtime: Option<Located<String>>,
    /// The network zones, by name; without any, nothing is asked of plugs.
    pub zones: BTreeMap<String, Zone>,
}

impl ProjectFile {
    /// Reads the document.
    pub fn decode(node: &Node, report: &mut Report) -> Self {
        let mistakes = report.found.len();
        let Some(mut fields) = Fields::of(node, "the project", &PROJECT, report) else { return Self::default() };
        fields.number("version", report);
        for found in &mut report.found[mistakes..] {
            found.hint = Some("`version: 1` is what this resilmesh reads; a later one may read more".to_owned());
        }
        let file = Self {
            name: fields.text("name", report),
            runtime: fields.text("runtime", report),
            zones: zone::decode(&mut fields, report),
        };
        fields.finish(report);
        file
    }
}
